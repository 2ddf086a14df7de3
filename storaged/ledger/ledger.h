/*
 * The door of the catalogue's second life: every commit is written to a log on
 * up to LEDGER_PLACES base volumes too, before anybody is told, beside the sync
 * of the catalogue's own log; and each of them has a whole catalogue that the
 * log goes on from. What is lost with storage.db can be made again from there
 * (rebuild.h).
 *
 * A place that fails is left, its volume mistrusted, and commits go on; the
 * status says how many there are. Belongs to the loop's thread.
 */
#ifndef STORAGED_LEDGER_H
#define STORAGED_LEDGER_H

#include "storaged/ledger/rebuild.h"
#include "storaged/storaged.h"

#define LEDGER_PLACES 2

struct ledger;

/* Starts its threads: before those are forbidden. 0 or -errno. */
int ledger_new(struct storaged *s, struct ledger **ret_ledger);
struct ledger *ledger_free(struct ledger *l);
/* Right after the catalogue was opened: every commit is shipped from now on. 0
 * or -errno. */
int ledger_begin(struct ledger *l);
/*
 * At start, with base volumes attached, before anything is changed: compares
 * the catalogue with its copies, gives it what they have that it lost with the
 * last power cut and nobody was told of, and goes on with their logs.
 * 1: the catalogue is older than its copies, *ret_reason says so; nothing has
 * been changed and nothing may be. 0 or -errno.
 */
int ledger_open(struct ledger *l, char ret_reason[256]);
/* From here on places are found and whole copies asked for. */
void ledger_start(struct ledger *l);
void ledger_stop(struct ledger *l);

/* Should a whole copy of the catalogue be made, for a place that has none or
 * whose log has grown? */
bool ledger_wants_copy(const struct ledger *l);
/* A copy of the catalogue as it is right now has been made: that is where. New
 * logs begin. */
struct catalog_point ledger_mark(struct ledger *l);
/* Gives the copy @path, of @at, to all places; @done when it may go. */
void ledger_take(struct ledger *l, const char *path,
    const struct catalog_point *at, void (*done)(void *arg), void *arg);

struct ledger_status {
	unsigned copies;  /* places that have all up to now */
	const char *note; /* why not more; "" */
};
struct ledger_status ledger_status(const struct ledger *l);

#endif
