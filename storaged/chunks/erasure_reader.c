/*
 * A part of a stripe made of the others, as a reader like any other. One block is
 * made at a time and kept, since who reads asks for what comes next. What is made
 * lies in no file: what of it may be sent is kept in a memfd as well, where it
 * lies as in the chunk, so that nothing is made twice.
 */
#include <errno.h>
#include <isa-l/erasure_code.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/erasure_matrix.h"
#include "storaged/chunks/sending.h"

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
	/* what may be sent, and what of it there is */
	uint64_t owner;
	uint32_t taken;
	int memfd;
	bool kept[CHUNK_BLOCKS];
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

static int keep_block(struct erasure_reader *x);

/* Of what may be sent; one that is not kept is made again then. */
static void
keep_what_may(struct erasure_reader *x)
{
	uint32_t n = 0;

	if (x->taken == 0 || x->kept[x->block])
		return;
	for (uint32_t i = 0; i < CHUNK_BLOCKS; i++)
		n += x->kept[i];
	/* One more than was taken: it need not begin where a block does. */
	if (n <= x->taken / CRC_BLOCK)
		(void)keep_block(x);
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
		keep_what_may(x);
		memcpy(to, x->made + at, n);
		to += n;
		len -= n;
		offset += n;
	}
	return 0;
}

/* --- sending ----------------------------------------------------------------*/

static void
forget_kept(struct erasure_reader *x)
{
	x->memfd = -1;
	x->taken = 0;
	memset(x->kept, 0, sizeof(x->kept));
}

static uint32_t
erasure_may_send(struct chunk_reader *reader, uint64_t owner, uint32_t len)
{
	struct erasure_reader *x = reader_of(reader);

	if (x->taken == 0) {
		x->owner = owner;
		x->taken = sending_take(owner, len);
	}
	return len < x->taken ? len : x->taken;
}

/* The block that was made last, if it is the right one. */
static int
keep_block(struct erasure_reader *x)
{
	const struct checksums *sums = x->parts[x->which].sums;
	uint32_t len = length_at(sums, x->block);
	int r = 0;

	if (x->kept[x->block])
		return 0;
	if (checksum_crc(x->made, len) != sums->crc[x->block])
		return -EBADMSG;
	if (x->memfd < 0)
		r = x->memfd = sending_open();
	if (r >= 0)
		r = nx_pwrite_full(
		    x->memfd, x->made, len, (uint64_t)x->block * CRC_BLOCK);
	x->kept[x->block] = r == 0;
	return r;
}

static int
keep_all(struct erasure_reader *x, uint64_t offset, uint64_t len)
{
	int r = 0;

	for (uint64_t i = offset / CRC_BLOCK;
	     r == 0 && i * CRC_BLOCK < offset + len; i++) {
		if (x->kept[i])
			continue;
		r = x->block == i ? 0 : make_block(x, (uint32_t)i);
		if (r == 0)
			r = keep_block(x);
	}
	return r;
}

static int
erasure_fd_for_sending(struct chunk_reader *reader, uint64_t offset,
    uint64_t len, uint64_t *ret_at)
{
	struct erasure_reader *x = reader_of(reader);
	uint32_t size = x->parts[x->which].sums->size, taken;
	int r, memfd;

	if (offset > size || len > size - offset)
		return -EBADMSG;
	if (len == 0 || erasure_may_send(reader, x->owner, (uint32_t)len) < len)
		return len == 0 ? -EINVAL : -EAGAIN;
	r = keep_all(x, offset, len);
	if (r < 0)
		return r;
	memfd = x->memfd;
	taken = x->taken;
	forget_kept(x);
	*ret_at = offset;
	return sending_begin(memfd, x->owner, taken);
}

/* It takes no room of its own. */
static int
erasure_stored(struct chunk_reader *reader, uint64_t *ret_bytes)
{
	(void)reader;
	*ret_bytes = 0;
	return 0;
}

static void
erasure_close(struct chunk_reader *reader)
{
	struct erasure_reader *x = reader_of(reader);

	sending_return(x->owner, x->taken);
	nx_close(&x->memfd);
	free(x->made);
	free(x);
}

static const struct chunk_reader_ops erasure_ops = {
    .read_at = erasure_read_at,
    .fd_for_sending = erasure_fd_for_sending,
    .may_send = erasure_may_send,
    .stored = erasure_stored,
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
	forget_kept(x);
	*ret_reader = &x->reader;
	return 0;
}
