/*
 * Erasure coding (Reed-Solomon over GF(2^8), a Cauchy matrix; ISA-L): some
 * chunks of data and some of parity are a stripe, and any part of it can be
 * made of as many good others as there is data, block by block. Each part is a
 * chunk as any other, on a volume of its own, with checksums of its own: what is
 * read of it is checked, what is made of others is checked as well.
 *
 * The last stripe of a file may have less data: a part that ends early is
 * followed by zeros for the arithmetic, one that is not there is all zeros.
 *
 * Blocks where readers block: worker threads. An encoder or a reader is used by
 * one thread at a time.
 */
#ifndef STORAGED_ERASURE_H
#define STORAGED_ERASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "storaged/chunks/checksum.h"
#include "storaged/chunks/chunk_store.h"

#define ERASURE_DATA_MAX   8U
#define ERASURE_PARITY_MAX 4U
#define ERASURE_PARTS_MAX  (ERASURE_DATA_MAX + ERASURE_PARITY_MAX)

/* "4+2": @data 2 to 8, @parity 1 to 4; both 0: none. */
struct erasure {
	unsigned data, parity;
};

bool erasure_valid(struct erasure e);
/* "2+1" and so on. True, and *ret_erasure, when it is valid. */
bool erasure_parse(const char *text, struct erasure *ret_erasure);
/* Bytes of one part: a stripe has about one chunk of data, so that small files
 * are spread as well. A multiple of CRC_BLOCK. */
uint32_t erasure_part_size(struct erasure e);

/* --- parity -----------------------------------------------------------------*/

/* Of one stripe after the other; it holds the parity: e.parity parts. */
struct erasure_encoder;
/* 0 or -ENOMEM. */
int erasure_encoder_new(struct erasure e, struct erasure_encoder **ret_encoder);
struct erasure_encoder *erasure_encoder_free(struct erasure_encoder *encoder);
/* The next bytes of the stripe's data, at most what it has room for. */
void
erasure_encode(struct erasure_encoder *encoder, const void *data, uint64_t len);
/* Bytes of data in it; it is full with e.data times the size of a part. */
uint64_t erasure_encoded(const struct erasure_encoder *encoder);
/* Parity @i of what came; *ret_size: as long as the longest part of data. */
const uint8_t *erasure_parity(
    const struct erasure_encoder *encoder, unsigned i, uint32_t *ret_size);
/* The next stripe begins. */
void erasure_next(struct erasure_encoder *encoder);

/* --- what is lost -----------------------------------------------------------*/

struct erasure_part {
	/* How much there is of it, 0: a part the file's end came before. */
	const struct checksums *sums;
	/* NULL: it cannot be read */
	struct chunk_reader *reader;
};

/*
 * A reader of part @which made of the others, data first, then parity: read_at
 * gives whole blocks that were computed from good ones; -EBADMSG where too few
 * of a block are good (or -errno of reading, if nothing was bad). Borrows
 * @parts' readers and sums until it is closed. What is sent of it is a sealed
 * copy of blocks that were held against the sums of @which, in memory of which
 * users have shares (sending.h). 0 or -errno.
 */
int erasure_reader_new(struct erasure e, const struct erasure_part *parts,
    unsigned which, struct chunk_reader **ret_reader);

#endif
