/*
 * Writing one chunk with its replicas: each goes to a store of its own; one
 * that fails is given up and the next candidate takes its place, filled from
 * what is still good.
 *
 * Side by side is the point. What has to be done with each piece of content is
 * taken apart so that a thread each can do it, none waiting for another:
 *
 *	chunk_put_count    the CRCs, and how much it is; before the others
 *	chunk_put_hash     the MD5; at its end chunk_put_seal
 *	chunk_put_fill     one slot, a replica to be; at its end
 *	                   chunk_put_commit
 *
 * Each gets every piece once, in order. A slot has candidates of its own (every
 * want-th), so that slots share nothing they change. When all are at their end,
 * chunk_put_finish puts right what slots could not. The loop's thread makes it,
 * looks at the result and frees it.
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
	uint64_t at;    /* of PUT_DONE: where it is, held (chunk_settle) */
	int error;      /* of PUT_FAILED */
	bool untrusted; /* PUT_FAILED in a way a full disk does not explain */
};

struct chunk_put {
	struct chunk_id id;
	struct put_place places[PUT_CANDIDATES]; /* best first */
	size_t n_places;
	unsigned want; /* replicas */
	bool gave_up[REPLICAS_MAX];
	struct hasher *hasher;
	struct checksums sums; /* the MD5 once it is sealed */
	bool sealed;           /* nothing is added any more */
};

/* A put with a fresh id and no places; the caller adds them, then sets want. */
int chunk_put_new(unsigned want, struct chunk_put **ret_put);
void
chunk_put_add(struct chunk_put *put, struct chunk_store *store, void *owner);
/* Discards what is not durable. */
struct chunk_put *chunk_put_free(struct chunk_put *put);

/* How many slots there are: want, or fewer when there are fewer places. */
unsigned chunk_put_slots(const struct chunk_put *put);

/* Every piece but the last is a multiple of CRC_BLOCK. */
void chunk_put_count(struct chunk_put *put, const void *data, size_t len);
void chunk_put_hash(struct chunk_put *put, const void *data, size_t len);
void chunk_put_seal(struct chunk_put *put);
/*
 * @data at @at, which is how much the slot has had. 0, or -errno: this slot has
 * nothing good any more and wants no further pieces. Blocks.
 */
int chunk_put_fill(struct chunk_put *put, unsigned slot, uint32_t at,
    const void *data, size_t len);
/* All of that one after the other, for little content. 0, or the last place's
 * -errno when none is left. Blocks. */
int chunk_put_write(struct chunk_put *put, const void *data, size_t len);

/* The place a slot has filled, for chunk_put_commit; PUT_CANDIDATES: none. */
size_t chunk_put_place(const struct chunk_put *put, unsigned slot);
/* Makes a place that is PUT_OPEN durable. Blocks. */
void chunk_put_commit(struct chunk_put *put, size_t place);

/* What chunk_append() made of a place that was PUT_SPARE, with all of the
 * content. One whose store has no segments is spare again. */
void chunk_put_appended(
    struct chunk_put *put, size_t place, const struct chunk_append *append);

bool chunk_put_whole(const struct chunk_put *put);
/*
 * Nothing may be at work on it any more. Needed only where chunk_put_whole says
 * no: spares come in the places of what failed. 0 when at least one replica is
 * durable; else -errno. Blocks.
 */
int chunk_put_finish(struct chunk_put *put);

#endif
