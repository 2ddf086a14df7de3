/*
 * What a worker thread makes of the chunks of a window: pieces, each a run of
 * good blocks of one replica. Undamaged chunks are one piece each. Works on what
 * it is given alone: volumes are referenced by the job, nothing else is shared.
 */
#ifndef STORAGED_PIECES_H
#define STORAGED_PIECES_H

#include <stdbool.h>

#include "storaged/catalog/catalog.h"
#include "storaged/volumes/volumes.h"

#define PIECES_MAX 16U /* descriptors of one answer */

struct piece {
	int fd;
	uint64_t at; /* where in fd it begins */
	uint32_t length;
};

struct pieces {
	struct piece list[PIECES_MAX];
	size_t n, max;
	uint64_t owner; /* whose share of memory it takes to send them */
};

enum part_fault {
	PART_FINE,
	PART_DAMAGED, /* a block of it is good in none of its replicas */
	PART_MISSING, /* none of its replicas can be opened */
	PART_OURS,    /* we lack something for a moment: nothing is known */
};

/* What is wanted of one chunk. */
struct part {
	struct catalog_chunk chunk;
	struct volume *replicas[CATALOG_REPLICAS]; /* referenced, best first */
	struct chunk_place places[CATALOG_REPLICAS]; /* on each of them */
	size_t n_replicas;
	struct stripe *stripe;   /* what else it can be made of, or NULL */
	uint32_t offset, length; /* within the chunk */
	/* what came of it */
	uint32_t done; /* bytes that are in pieces */
	uint32_t bad;  /* mask of replicas that could not give what was asked */
	enum part_fault fault;
	int error; /* of PART_OURS */
};

/* Appends to @p what @part gives. It stops, fine but with done < length, when
 * @p is full, or has something and the owner's share of memory is used up. */
void pieces_add(struct pieces *p, struct part *part);
/* The same as bytes in @buf, all of part->length; no descriptors. */
void pieces_read(struct part *part, uint8_t *buf);
/* The same, in the loop's thread, if that takes no waiting; false: it would, or
 * it is not that simple, and nothing has come of it. */
bool pieces_read_now(struct part *part, uint8_t *buf);
/* Closes what has not been taken. */
void pieces_close(struct pieces *p);

#endif
