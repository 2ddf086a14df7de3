/*
 * What gives the room of dead records back. A segment in which nothing is
 * anybody's is used again; one of which at most half is, is emptied first: what
 * is left of it is appended elsewhere on the same volume, its rows are changed,
 * and nothing of it goes before that is on the disk. One segment at a time, at
 * the pace of care, faster where a volume is nearly full.
 *
 * A segment that was never known to the catalogue, or holds more than was ever
 * known, is left alone for as long as orphans are: it may be the catalogue that
 * is an old one.
 *
 * Belongs to the loop's thread; the bytes are worker threads' and writers'.
 */
#ifndef STORAGED_COMPACT_H
#define STORAGED_COMPACT_H

#include "storaged/storaged.h"

struct compact *compact_new(struct storaged *s);
/* Workers must have ended, nothing may be pending in the catalogue. */
struct compact *compact_free(struct compact *c);

/* @oldest says when the oldest upload under way began (unix seconds). */
void compact_watch(struct compact *c, uint64_t (*oldest)(void *arg), void *arg);

/* From now on, by itself. */
void compact_start(struct compact *c);
/* Begins nothing more. */
void compact_stop(struct compact *c);
/* Looks at all there is, now. */
void compact_look(struct compact *c);
/* Is something under way that wants to come back to the loop? */
bool compact_idle(const struct compact *c);

/* Of @user's records, bytes that died and may not be free yet: those since the
 * walk before the last began. */
uint64_t compact_dead(const struct compact *c, uint64_t user);
/* Looks soon, for somebody waits for that. */
void compact_want(struct compact *c);

struct compact_status {
	uint64_t emptied; /* segments used again, since start */
	uint64_t moved;   /* records that had to go elsewhere for it */
	uint64_t kept;    /* segments left alone: too little is known of them */
	uint64_t dead;    /* bytes in segments that are nobody's */
};
void compact_status(const struct compact *c, struct compact_status *ret_status);

#endif
