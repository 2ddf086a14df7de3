/*
 * A pool of threads for calls that block: fsync, Argon2, hashing, reading a
 * pipe. Nothing else in Nexus has threads. Make the pool after the drop and
 * before the filter.
 */
#ifndef NX_WORKERS_H
#define NX_WORKERS_H

#include <stddef.h>
#include <sys/queue.h>

struct event_base;

struct nx_workers;

/* 0 or -errno. @queue_max jobs may wait; 0: no limit. */
int nx_workers_new(struct event_base *base, unsigned threads, size_t queue_max,
    struct nx_workers **ret_workers);
/* Runs what is queued to its end, calls every @done, joins. Returns NULL. */
struct nx_workers *nx_workers_free(struct nx_workers *w);
/*
 * Runs @work in a thread, then @done in the loop's thread. -EAGAIN when the
 * queue is full, or there is no pool any more (NULL, while a daemon ends):
 * nothing was taken.
 */
int nx_workers_submit(struct nx_workers *w, void (*work)(void *arg),
    void (*done)(void *arg), void *arg);
/*
 * A job whose memory is the caller's, for those who have one begin another from
 * within a thread: it cannot fail, any thread may call. It is the pool's until
 * its function is called, and may be handed in again from there on.
 */
struct nx_job {
	STAILQ_ENTRY(nx_job) entry;
	void (*work)(void *arg);
	void (*done)(void *arg);
	void *arg;
};
/* Runs job->work in a thread; nobody is told when it is over. */
void nx_workers_begin(struct nx_workers *w, struct nx_job *job);
/* Runs job->done in the loop's thread. */
void nx_workers_tell(struct nx_workers *w, struct nx_job *job);

/* Jobs that wait, are at work, or of which the loop's thread has not heard. */
size_t nx_workers_pending(struct nx_workers *w);

#endif
