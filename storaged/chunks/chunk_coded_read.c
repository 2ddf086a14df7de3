/*
 * Reading coded chunks. What is to be sent lies in memory once it is decoded:
 * blocks that are read meanwhile are kept in a memfd, where they lie as in the
 * chunk, and that is what goes out. So what was checked is what is sent, and it
 * is decoded once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/chunk_coded.h"
#include "storaged/chunks/sending.h"

struct coded_reader {
	struct chunk_reader reader;
	struct chunk_reader *inner;
	struct decoder *decoder; /* NULL: it is damaged as a whole */
	/* what may be sent, and what of it there is */
	uint64_t owner;
	uint32_t taken, n_kept;
	int memfd;
	bool kept[CHUNK_BLOCKS];
};

static struct coded_reader *
reader_of(struct chunk_reader *reader)
{
	return (struct coded_reader *)(void *)reader;
}

static int
fetch(void *arg, void *buf, size_t len, uint64_t offset)
{
	struct coded_reader *c = arg;

	return chunk_read_at(c->inner, buf, len, offset);
}

static void
forget_kept(struct coded_reader *c)
{
	c->memfd = -1;
	c->taken = c->n_kept = 0;
	memset(c->kept, 0, sizeof(c->kept));
}

static void
coded_close(struct chunk_reader *reader)
{
	struct coded_reader *c = reader_of(reader);

	sending_return(c->owner, c->taken);
	nx_close(&c->memfd);
	decoder_free(c->decoder);
	chunk_close(c->inner);
	free(c);
}

static int
coded_stored(struct chunk_reader *reader, uint64_t *ret_bytes)
{
	return chunk_stored(reader_of(reader)->inner, ret_bytes);
}

/* --- blocks that are kept ---------------------------------------------------*/

/* Whole blocks, the last one of the chunk as it is. */
static int
keep(struct coded_reader *c, const uint8_t *data, size_t len, uint64_t offset)
{
	uint32_t first = (uint32_t)(offset / CRC_BLOCK);
	uint32_t n = checksum_blocks((uint32_t)len);
	int r;

	if (c->memfd < 0) {
		r = sending_open();
		if (r < 0)
			return r;
		c->memfd = r;
	}
	r = nx_pwrite_full(c->memfd, data, len, offset);
	for (uint32_t i = first; r == 0 && i < first + n; i++) {
		c->n_kept += !c->kept[i];
		c->kept[i] = true;
	}
	return r;
}

/* One block more than was taken: what is sent need not begin where one does. */
static bool
is_to_be_kept(const struct coded_reader *c, size_t len, uint64_t offset)
{
	uint64_t end = offset + len;

	return c->taken > 0 && len > 0 && offset % CRC_BLOCK == 0 &&
	    (end % CRC_BLOCK == 0 || end == decoder_size(c->decoder)) &&
	    (uint64_t)c->n_kept * CRC_BLOCK + len <=
	    (uint64_t)c->taken + CRC_BLOCK;
}

static int
coded_read_at(
    struct chunk_reader *reader, void *buf, size_t len, uint64_t offset)
{
	struct coded_reader *c = reader_of(reader);
	int r =
	    c->decoder ? decoder_read(c->decoder, buf, len, offset) : -EBADMSG;

	if (r == 0 && is_to_be_kept(c, len, offset))
		(void)keep(c, buf, len, offset); /* else it is read again */
	return r;
}

/* --- sending ----------------------------------------------------------------*/

static uint32_t
coded_may_send(struct chunk_reader *reader, uint64_t owner, uint32_t len)
{
	struct coded_reader *c = reader_of(reader);

	if (c->taken == 0) {
		c->owner = owner;
		c->taken = sending_take(owner, len);
	}
	return len < c->taken ? len : c->taken;
}

static int
fill(struct coded_reader *c, uint64_t offset, uint64_t len)
{
	uint32_t size = decoder_size(c->decoder);
	uint8_t *buf = NULL;
	int r = 0;

	for (uint64_t i = offset / CRC_BLOCK;
	     r == 0 && i * CRC_BLOCK < offset + len; i++) {
		uint32_t at = (uint32_t)i * CRC_BLOCK;
		uint32_t n = size - at < CRC_BLOCK ? size - at : CRC_BLOCK;

		if (c->kept[i])
			continue;
		if (!buf)
			buf = malloc(CRC_BLOCK);
		r = buf ? decoder_read(c->decoder, buf, n, at) : -ENOMEM;
		if (r == 0)
			r = keep(c, buf, n, at);
	}
	free(buf);
	return r;
}

static int
coded_fd_for_sending(struct chunk_reader *reader, uint64_t offset, uint64_t len,
    uint64_t *ret_at)
{
	struct coded_reader *c = reader_of(reader);
	uint32_t taken;
	int r, memfd;

	if (!c->decoder || offset > decoder_size(c->decoder) ||
	    len > decoder_size(c->decoder) - offset)
		return -EBADMSG;
	if (len == 0 || coded_may_send(reader, c->owner, (uint32_t)len) < len)
		return len == 0 ? -EINVAL : -EAGAIN;
	r = fill(c, offset, len);
	if (r < 0)
		return r;
	memfd = c->memfd;
	taken = c->taken;
	forget_kept(c);
	*ret_at = offset;
	return sending_begin(memfd, c->owner, taken);
}

/* --- opening ----------------------------------------------------------------*/

static const struct chunk_reader_ops reader_ops = {
    .read_at = coded_read_at,
    .fd_for_sending = coded_fd_for_sending,
    .may_send = coded_may_send,
    .stored = coded_stored,
    .close = coded_close,
};

/* A container that is damaged as a whole opens all the same, as a file does
 * whose bytes are wrong: reading tells. */
int
coded_reader_new(struct chunk_store *store, const struct chunk_id *id,
    struct chunk_reader *inner, struct chunk_reader **ret_reader)
{
	struct coded_reader *c = calloc(1, sizeof(*c));
	uint64_t stored = 0;
	int r;

	if (!c) {
		chunk_close(inner);
		return -ENOMEM;
	}
	c->reader = (struct chunk_reader){.store = store, .ops = &reader_ops};
	c->inner = inner;
	forget_kept(c);
	r = chunk_stored(inner, &stored);
	if (r == 0)
		r = decoder_new(coded_of(store)->how.key, id, stored, fetch, c,
		    &c->decoder);
	if (r == -EBADMSG || r == -EIO)
		r = 0;
	if (r < 0)
		coded_close(&c->reader);
	else
		*ret_reader = &c->reader;
	return r;
}
