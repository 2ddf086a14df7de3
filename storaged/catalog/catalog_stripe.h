/*
 * Chunks that are parts of a stripe (chunks/erasure.h). catalog.h includes it: it
 * is part of that door.
 *
 * A chunk with a code, "4+2" as a number, is one part. Of a content the parts of
 * data have the indexes 0 and up, as all chunks have, those of parity the
 * indexes below: with k and m of them stripe s is s * k to s * k + k - 1, as
 * far as the content goes, and -1 - s * m down to -(s + 1) * m. A part has one
 * replica, on a volume that has no other part of its stripe. What is at the end
 * and small has no code, and m + 1 replicas.
 *
 * As many replicas as a file is said to have, as many can be lost but one: of a
 * stripe of which nothing is missing those are m + 1.
 */
#ifndef STORAGED_CATALOG_STRIPE_H
#define STORAGED_CATALOG_STRIPE_H

#include "storaged/chunks/chunks.h"

struct catalog;
struct catalog_chunk;

/* 0: none. */
static inline uint32_t
catalog_code(struct erasure e)
{
	return e.data << 8 | e.parity;
}

static inline struct erasure
catalog_erasure(uint32_t code)
{
	return (struct erasure){code >> 8, code & 0xff};
}

/* How large the chunks of a content with @code are, but the last. */
static inline uint32_t
catalog_part_size(uint32_t code)
{
	return code ? erasure_part_size(catalog_erasure(code)) : CHUNK_SIZE;
}

/* Which of its content's stripes the chunk @index is of, and which part of it:
 * data first, then parity. */
int64_t catalog_stripe_of(int64_t index, uint32_t code);
unsigned catalog_part_of(int64_t index, uint32_t code);
int64_t catalog_part_index(int64_t stripe, unsigned part, uint32_t code);

/* Of @content; 0: none, or there is no such content. */
uint32_t catalog_content_code(struct catalog *c, int64_t content);

/*
 * All parts of the stripe that @chunk is of: ret_parts[catalog_part_of()], of
 * ERASURE_PARTS_MAX, with
 * key 0 where there is none, as the content has ended before. 0 or -errno.
 */
int catalog_stripe(struct catalog *c, const struct catalog_chunk *chunk,
    struct catalog_chunk *ret_parts);
/* The volumes that other parts of the stripe of @chunk are on. Number or
 * -errno. */
int catalog_stripe_volumes(struct catalog *c, const struct catalog_chunk *chunk,
    int64_t ret_volumes[ERASURE_PARTS_MAX]);

/* On how many disks and volumes the parts of a stripe of @content are, the
 * fewest of @look stripes all over it, without a last one that need not have all
 * parts. 1; 0: nothing is coded; -errno. */
struct catalog_stripe_spread {
	unsigned disks, volumes;
};
int catalog_stripe_spread(struct catalog *c, int64_t content, uint32_t code,
    unsigned look, struct catalog_stripe_spread *ret_spread);

#endif
