/*
 * One chunk's work in a worker thread: reading replicas whole, and making a
 * good one from them. What is said to be good was read, every block of it, from
 * the volume and not from the page cache, after the question was asked.
 */
#ifndef STORAGED_CARE_COPY_H
#define STORAGED_CARE_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volumes.h"

enum replica_state {
	REPLICA_UNKNOWN, /* it could not be asked: error */
	REPLICA_GOOD,
	REPLICA_BAD,
};

struct replica {
	struct volume *volume;    /* referenced */
	struct chunk_place place; /* held */
	enum replica_state state;
	int error;
};

struct copy {
	struct storaged *s;
	struct catalog_chunk chunk;
	struct replica replicas[CATALOG_REPLICAS];
	size_t n_replicas;
	/* Of a part of a stripe, what it can be made of; or NULL. */
	struct stripe *stripe;
	enum replica_state made; /* whether it can be, and why not */
	int made_error;
	struct volume *target; /* referenced; NULL: the replicas are checked */
	int64_t old;           /* the replica it takes the place of, or 0 */
	bool salvage;          /* a damaged chunk is better than none */

	/* how it went */
	bool was_good; /* the target had a good one already */
	bool damaged;  /* what could be saved has been, it is not whole */
	bool targets;  /* result is of the target */
	uint64_t at;   /* where on the target it was made; held, unless 0 */
	int result;    /* 0, -errno, or of enum catalog_result */

	struct catalog_replica_set set;
	void (*done)(struct copy *copy);
	void *arg;
};

/*
 * Checks every readable replica of @chunk but the one on @but, and of a part of a
 * stripe without any whether it can be made of the others. @done gets replicas[]
 * and made; the copy is freed after it. 1: started, 0: there is none to check,
 * -errno.
 */
int copy_check(struct storaged *s, const struct catalog_chunk *chunk,
    const struct volume *but, void (*done)(struct copy *copy), void *arg);

/*
 * Makes @target's replica good, from whatever is good anywhere; it is read back
 * before the catalogue counts on it, and before @old (0: none) is given up. 0 or
 * -errno: nothing was started.
 */
int copy_make(struct storaged *s, const struct catalog_chunk *chunk,
    struct volume *target, int64_t old, bool salvage,
    void (*done)(struct copy *copy), void *arg);

#endif
