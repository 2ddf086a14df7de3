/* A thread that syncs one file at a time, for one who waits. */
#ifndef STORAGED_SYNCER_H
#define STORAGED_SYNCER_H

#include <stdbool.h>

struct syncer;

/* Starts its thread: before those are forbidden. 0 or -errno. */
int syncer_new(struct syncer **ret_syncer);
/* Waits for its end, unless it is stuck in a disk that does not answer. */
struct syncer *syncer_free(struct syncer *s);
/* Begins fdatasync(@fd), borrowed until it is over. Only when it is idle. */
void syncer_begin(struct syncer *s, int fd);
/* 0 or -errno of what was begun; -ETIMEDOUT when it takes longer than @ms: it
 * goes on, and the descriptor must stay open until it is idle. */
int syncer_wait(struct syncer *s, unsigned ms);
bool syncer_idle(struct syncer *s);

#endif
