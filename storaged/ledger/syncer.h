/*
 * A thread that writes and syncs one file at a time, for one who waits: but no
 * longer than is bearable, whatever becomes of the disk.
 */
#ifndef STORAGED_SYNCER_H
#define STORAGED_SYNCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct syncer;

/* Starts its thread: before those are forbidden. 0 or -errno. */
int syncer_new(struct syncer **ret_syncer);
/* Waits for its end, unless it is stuck in a disk that does not answer. */
struct syncer *syncer_free(struct syncer *s);
/* What it does: writes @len bytes, then syncs, or one of the two. */
struct syncer_job {
	int fd;
	const void *data;
	size_t len; /* 0: nothing */
	uint64_t at;
	bool sync;
};
/* Descriptor and bytes are borrowed until it is idle. Only when it is. */
void syncer_begin(struct syncer *s, const struct syncer_job *job);
/* 0 when all is written, if only into memory; -errno of that; -ENOSPC when less
 * was; -ETIMEDOUT when it takes longer than @ms: it goes on, and what it has must
 * stay until it is idle. */
int syncer_written(struct syncer *s, unsigned ms);
/* The same of all that was begun. */
int syncer_wait(struct syncer *s, unsigned ms);
bool syncer_idle(struct syncer *s);

#endif
