/* Between the files of the ledger only. */
#ifndef STORAGED_LEDGER_INTERNAL_H
#define STORAGED_LEDGER_INTERNAL_H

#include "storaged/ledger/gather.h"
#include "storaged/ledger/ledger.h"
#include "storaged/ledger/place.h"

struct ledger {
	struct storaged *s;
	struct catalog_point begun; /* when it was opened */
	bool moved;                 /* since */
	bool rolling;               /* what is written has been shipped */
	struct catalog_point at;    /* of the last commit */
	struct catalog_point next;  /* of the one under way */
	bool sync;                  /* that one is synced */
	struct place places[LEDGER_PLACES];
	uint64_t turns[LEDGER_PLACES]; /* how often each was closed */
	uint64_t retry_us[LEDGER_PLACES];
	uint64_t again_us; /* no whole copy before */
	struct event *tick;
	unsigned said; /* copies, when it was last logged */
	bool stopped;
	char note[256];
	/* ledger_take */
	unsigned taking;
	char take_path[512];
	struct catalog_point take_at;
	void (*taken)(void *arg);
	void *taken_arg;
};

/* ledger.c */
/* The place failed with @error: it is left, and its volume mistrusted if it is
 * to blame. */
void ledger_fail(struct ledger *l, struct place *p, int error);
/* Says it when the number of copies has changed. */
void ledger_say(struct ledger *l);
/* The size of a new log on @v. */
uint64_t ledger_log_size(uint64_t volume_size);

/* ledger_places.c */
void ledger_look(struct ledger *l);

#endif
