/*
 * What takes away the rows that deletions left, a bounded number at a time and
 * at a pace (pace.h) that others do not notice. Between the files of care only.
 */
#ifndef STORAGED_REAPER_H
#define STORAGED_REAPER_H

#include "storaged/storaged.h"

struct reaper;

/* @reaped runs after every step: there may be new trash. NULL: no memory. */
struct reaper *
reaper_new(struct storaged *s, void (*reaped)(void *arg), void *arg);
/* No write of it may be pending. Returns NULL. */
struct reaper *reaper_free(struct reaper *r);

/* There may be something to take away. */
void reaper_kick(struct reaper *r);
/* The next step begins with what @owner has deleted. */
void reaper_want(struct reaper *r, uint64_t owner);
bool reaper_busy(const struct reaper *r);

#endif
