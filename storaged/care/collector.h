/*
 * What gives space back: what deletions have left in the catalogue (reaper.h),
 * chunk files that are in the trash, and orphans, which a crash left behind:
 * files the catalogue does not know, older than a grace delay and than every
 * upload under way (sweep.h). Belongs to the loop's thread; every step of it
 * is bounded.
 */
#ifndef STORAGED_COLLECTOR_H
#define STORAGED_COLLECTOR_H

#include "storaged/storaged.h"

struct collector *collector_new(struct storaged *s);
/* Workers must have ended, nothing may be pending in the catalogue. */
struct collector *collector_free(struct collector *c);
/* @oldest says when the oldest upload under way began (unix seconds); without
 * it there is none. */
void
collector_watch(struct collector *c, uint64_t (*oldest)(void *arg), void *arg);

/* storaged ends: what is under way ends soon, nothing new begins. */
void collector_stop(struct collector *c);
/* Something was deleted. */
void collector_kick(struct collector *c);
/* @owner waits for what they have deleted: that is taken next. At the same
 * pace, and what others have deleted goes on beside it. */
void collector_want(struct collector *c, uint64_t owner);
/* Looks for orphans on all volumes, now and every hour after. */
void collector_sweep(struct collector *c);

struct collector_status {
	bool busy; /* deletions are still being worked off */
	uint64_t
	    set_aside;    /* orphans that wait for their end, or to be known */
	uint64_t refused; /* orphans not touched: they are too many */
};
void collector_status(
    const struct collector *c, struct collector_status *ret_status);

#endif
