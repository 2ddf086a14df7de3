/*
 * Checking the catalogue: copies it, a few pages at a time, looks at all of the
 * copy in a thread of its own, and, when asked to, mends in the catalogue what
 * does not agree there, until a look finds nothing more. Soon after start, by
 * a timer, and when an administrator asks.
 *
 * Owns <state_dir>/storage/storage.copy, which nobody needs after a crash.
 */
#ifndef STORAGED_CHECK_H
#define STORAGED_CHECK_H

#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"

#define CHECK_SAID 16 /* findings that are told whole */

/* Before threads are forbidden: it has one. NULL: no memory. */
struct check *check_new(struct storaged *s);
/* Ends what is under way; nothing may be pending in the catalogue. */
struct check *check_free(struct check *ch);
/* From here on it looks by itself. */
void check_start(struct check *ch);
/* Nothing more is begun; what is under way ends soon. */
void check_stop(struct check *ch);
bool check_idle(const struct check *ch);
/* A run begins now, or right after the one that is under way; with @repair it
 * mends. Its number. */
uint64_t check_begin(struct check *ch, bool repair);

/* Were there pages that cannot be read, when it looked last? */
bool check_bad_pages(const struct check *ch);

enum check_state {
	CHECK_WAITING,
	CHECK_COPYING,
	CHECK_LOOKING,
	CHECK_MENDING,
};

struct check_status {
	enum check_state state;
	uint64_t run;      /* the last one that began; 0: there was none */
	uint64_t began_at; /* unix seconds */
	uint64_t ended_at; /* 0: it is under way */
	uint64_t next_at;  /* 0: when somebody asks */
	int error;         /* -errno: it could not look at all */
	/* of the last one that is over */
	uint64_t over;
	uint64_t found;  /* when it began */
	uint64_t mended; /* of those, and what came to light by it */
	uint64_t left;   /* when it ended */
	char said[CHECK_SAID][256];
	unsigned n_said;
};
const struct check_status *check_status(const struct check *ch);

#endif
