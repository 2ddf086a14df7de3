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
};

/* @put is sealed, and nobody's until @done. 0; -errno: @done will not run. */
int replicas_sync(struct replicas *rs, struct nx_workers *io,
    struct chunk_put *put, void (*done)(struct replicas *rs));

/* For the catalogue: what @put holds and where. One that is being emptied does
 * not count any more; nowhere: n_replicas is 0. Loop's thread only. */
void replicas_list(struct chunk_put *put, struct catalog_chunk *ret_chunk);

#endif
