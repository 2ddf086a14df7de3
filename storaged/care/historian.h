/*
 * Who gives up history in time, and when others need its room. Belongs to the
 * loop's thread; every step of it is bounded.
 */
#ifndef STORAGED_HISTORIAN_H
#define STORAGED_HISTORIAN_H

#include "storaged/storaged.h"

/* NULL: no memory. */
struct historian *historian_new(struct storaged *s);
/* No write of it may be pending. Returns NULL. */
struct historian *historian_free(struct historian *h);
/* Begins to look by itself. */
void historian_start(struct historian *h);

/* There may be something to give up. */
void historian_kick(struct historian *h);
/* Somebody needs @bytes more on the volumes than there are. True: there is
 * history that will give up room, so that it is worth to ask again. */
bool historian_want(struct historian *h, uint64_t bytes);

#endif
