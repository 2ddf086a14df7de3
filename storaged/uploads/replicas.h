/*
 * The replicas of one chunk, made durable side by side: they wait for different
 * disks, a job each, and the last one back goes on.
 */
#ifndef STORAGED_REPLICAS_H
#define STORAGED_REPLICAS_H

#include "common/workers.h"
#include "storaged/catalog/catalog.h"
#include "storaged/chunks/chunks.h"

/* Embedded in what waits for it. */
struct replicas {
	struct chunk_put *put; /* borrowed */
	struct nx_workers *io;
	/* In the loop's thread; result: 0 when at least one is durable. */
	void (*done)(struct replicas *rs);
	int result;
	unsigned out; /* parts under way */
	struct replica_part {
		struct replicas *replicas;
		size_t place;
	} parts[PUT_CANDIDATES];
	/* replicas_append */
	void (*sum)(struct replicas *rs); /* NULL: it has been */
	const void *data;
	size_t len;
	struct chunk_append appends[REPLICAS_MAX];
};

/* @put is sealed, and nobody's until @done. 0; -errno: @done will not run. */
int replicas_sync(struct replicas *rs, struct nx_workers *io,
    struct chunk_put *put, void (*done)(struct replicas *rs));

/*
 * The same for small content that is all there: added to the segments of its
 * volumes, each together with what others add to it, and no job of the pool's.
 * @put was given to nobody; @data is borrowed until @done, which may run before
 * this returns. @sum seals @put, once, before @done: one of the threads that
 * write does it beside, as a rule. NULL: it is sealed.
 */
void replicas_append(struct replicas *rs, struct nx_workers *io,
    struct chunk_put *put, const void *data, size_t len,
    void (*sum)(struct replicas *rs), void (*done)(struct replicas *rs));

/* For the catalogue: what @put holds and where. One that is being emptied does
 * not count any more; nowhere: n_replicas is 0. Loop's thread only. */
void replicas_list(struct chunk_put *put, struct catalog_chunk *ret_chunk);

#endif
