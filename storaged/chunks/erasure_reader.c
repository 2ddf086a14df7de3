/*
 * A part of a stripe made of the others, as a reader like any other. One block is
 * made at a time and kept, since who reads asks for what comes next.
 */
#include <errno.h>
#include <isa-l/erasure_code.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/chunks/erasure_matrix.h"

#define NO_BLOCK UINT32_MAX

struct erasure_reader {
	struct chunk_reader reader;
	struct erasure e;
	struct erasure_part parts[ERASURE_PARTS_MAX];
	unsigned which;
	/* the parts the tables are for */
	unsigned from[ERASURE_DATA_MAX];
	uint8_t tables[ERASURE_TABLE * ERASURE_DATA_MAX];
	uint32_t block; /* that @made is; NO_BLOCK: none */
	uint8_t *made;  /* one block, then those it is made of */
};

static struct erasure_reader *
reader_of(struct chunk_reader *reader)
{
	return (struct erasure_reader *)(void *)reader;
}

static uint8_t *
buffer(struct erasure_reader *x, unsigned i)
{
	return x->made + (size_t)(i + 1) * CRC_BLOCK;
}

static uint32_t
length_at(const struct checksums *sums, uint32_t block)
{
	uint32_t at = block * CRC_BLOCK;

	if (at >= sums->size)
		return 0;
	return sums->size - at < CRC_BLOCK ? sums->size - at : CRC_BLOCK;
}

/* Its block, zeros behind its end. 0, -EBADMSG, -errno. */
static int
read_part(const struct erasure_part *part, uint32_t block, uint8_t *to)
{
	uint32_t len = length_at(part->sums, block);
	int r;

	memset(to + len, 0, CRC_BLOCK - len);
	if (len == 0)
		return 0;
	if (!part->reader)
		return -ENOENT;
	r = chunk_read_at(part->reader, to, len, block * CRC_BLOCK);
	if (r == 0 && checksum_crc(to, len) != part->sums->crc[block])
		r = -EBADMSG;
	return r;
}

/* Those whose blocks are good, as many as it takes. */
static int
gather(struct erasure_reader *x, uint32_t block, unsigned ret_from[])
{
	unsigned n = 0, all = x->e.data + x->e.parity;
	int error = -ENOENT;

	for (unsigned i = 0; i < all && n < x->e.data; i++) {
		int r;

		if (i == x->which)
			continue;
		r = read_part(&x->parts[i], block, buffer(x, n));
		if (r == 0)
			ret_from[n++] = i;
		else if (error != -EBADMSG && r != -ENOENT)
			error = r;
	}
	return n == x->e.data ? 0 : error;
}

static int
make_block(struct erasure_reader *x, uint32_t block)
{
	uint8_t *data[ERASURE_DATA_MAX], *made[1] = {x->made};
	unsigned from[ERASURE_DATA_MAX] = {0};
	int r = gather(x, block, from);

	x->block = NO_BLOCK;
	if (r < 0)
		return r;
	if (memcmp(from, x->from, sizeof(from)) != 0) {
		memcpy(x->from, from, sizeof(from));
		erasure_tables_back(x->e, from, x->which, x->tables);
	}
	for (unsigned i = 0; i < x->e.data; i++)
		data[i] = buffer(x, i);
	ec_encode_data(CRC_BLOCK, (int)x->e.data, 1, x->tables, data, made);
	x->block = block;
	return 0;
}

static int
erasure_read_at(
    struct chunk_reader *reader, void *buf, size_t len, uint64_t offset)
{
	struct erasure_reader *x = reader_of(reader);
	uint32_t size = x->parts[x->which].sums->size;
	uint8_t *to = buf;

	if (offset > size || len > size - offset)
		return -EBADMSG; /* the chunk ends before */
	while (len > 0) {
		uint32_t block = (uint32_t)(offset / CRC_BLOCK);
		size_t at = offset % CRC_BLOCK;
		size_t n = CRC_BLOCK - at < len ? CRC_BLOCK - at : len;
		int r = block == x->block ? 0 : make_block(x, block);

		if (r < 0)
			return r;
		memcpy(to, x->made + at, n);
		to += n;
		len -= n;
		offset += n;
	}
	return 0;
}

static int
erasure_fd_for_sending(struct chunk_reader *reader, uint64_t offset,
    uint64_t len, uint64_t *ret_at)
{
	(void)reader;
	(void)offset;
	(void)len;
	(void)ret_at;
	return -EOPNOTSUPP;
}

static void
erasure_close(struct chunk_reader *reader)
{
	free(reader_of(reader)->made);
	free(reader_of(reader));
}

static const struct chunk_reader_ops erasure_ops = {
    .read_at = erasure_read_at,
    .fd_for_sending = erasure_fd_for_sending,
    .close = erasure_close,
};
/* What is asked of a store is never asked of this one. */
static struct chunk_store erasure_store;

int
erasure_reader_new(struct erasure e, const struct erasure_part *parts,
    unsigned which, struct chunk_reader **ret_reader)
{
	struct erasure_reader *x = calloc(1, sizeof(*x));

	nx_assert(erasure_valid(e) && which < e.data + e.parity);
	if (!x)
		return -ENOMEM;
	x->made = malloc((size_t)(e.data + 1) * CRC_BLOCK);
	if (!x->made) {
		free(x);
		return -ENOMEM;
	}
	x->reader.store = &erasure_store;
	x->reader.ops = &erasure_ops;
	x->e = e;
	memcpy(x->parts, parts, (e.data + e.parity) * sizeof(*parts));
	x->which = which;
	x->block = NO_BLOCK;
	*ret_reader = &x->reader;
	return 0;
}
