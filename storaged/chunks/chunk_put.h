/*
 * Writing one chunk with its replicas: each goes to a store of its own; one
 * that fails is given up and the next candidate takes its place, filled from
 * what is still good. Used from one worker thread at a time but for
 * chunk_put_commit; the loop's thread makes it, looks at the result and frees
 * it.
 */
#ifndef STORAGED_CHUNK_PUT_H
#define STORAGED_CHUNK_PUT_H

#include <stdbool.h>

#include "storaged/chunks/checksum.h"
#include "storaged/chunks/chunk_store.h"

#define REPLICAS_MAX   4U
#define PUT_CANDIDATES 8U

enum put_state {
	PUT_SPARE, /* not needed so far */
	PUT_OPEN,
	PUT_DONE, /* durable */
	PUT_FAILED,
};

struct put_place {
	struct chunk_store *store;
	void *owner;               /* the caller's */
	uint64_t charged;          /* the caller's: bytes expected there */
	struct chunk_draft *draft; /* NULL: none, or ended */
	enum put_state state;
	int error;      /* of PUT_FAILED */
	bool untrusted; /* PUT_FAILED in a way a full disk does not explain */
};

struct chunk_put {
	struct chunk_id id;
	struct put_place places[PUT_CANDIDATES]; /* best first */
	size_t n_places;
	unsigned want; /* replicas */
	struct hasher *hasher;
	struct checksums sums; /* valid once it is sealed */
	bool sealed;           /* nothing is added any more */
	uint32_t size;
};

/* A put with a fresh id and no places; the caller adds them, then sets want. */
int chunk_put_new(unsigned want, struct chunk_put **ret_put);
void
chunk_put_add(struct chunk_put *put, struct chunk_store *store, void *owner);
/* Discards what is not durable. */
struct chunk_put *chunk_put_free(struct chunk_put *put);

/* Writes the next bytes everywhere. 0, or the last place's -errno when none is
 * left. Blocks. */
int chunk_put_write(struct chunk_put *put, const void *data, size_t len);
/*
 * Making it durable. After chunk_put_seal every place that is PUT_OPEN can be
 * committed by a thread of its own, all at once: they wait for different disks.
 * chunk_put_finish does what is left, and is needed only where that is
 * something: commits what is open, puts spares in the places of what failed. 0
 * when at least one replica is durable; else -errno. Both block.
 */
void chunk_put_seal(struct chunk_put *put);
void chunk_put_commit(struct chunk_put *put, size_t place);
bool chunk_put_whole(const struct chunk_put *put);
int chunk_put_finish(struct chunk_put *put);

#endif
