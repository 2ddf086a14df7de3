/*
 * Checking and composing what replicas give. Runs in worker threads; keeps
 * nothing. Trusts the checksums, which come from the catalogue, and no store.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/chunk_check.h"

#define PIECE (4 * CRC_BLOCK) /* stays in a second level cache */
#define LOOK  (4 * CRC_BLOCK) /* less is copied as fast */

typedef uint32_t crc_fn(const void *data, size_t len);

/* Of @len bytes that begin a block so many are good from the start on. */
static uint32_t
good_prefix(
    const uint8_t *data, uint32_t len, const uint32_t *crc, crc_fn *crc_of)
{
	uint32_t at, n;

	for (at = 0; at < len; at += n) {
		n = len - at < CRC_BLOCK ? len - at : CRC_BLOCK;
		if (crc_of(data + at, n) != *crc++)
			break;
	}
	return at;
}

/* The same of a chunk's pages, if they are in memory; what is not good for sure
 * wants to be read. */
static uint32_t
good_pages(struct chunk_reader *reader, const struct checksums *sums,
    uint32_t at, uint32_t len)
{
	struct pages pages;
	uint32_t good;

	if (len < LOOK || chunk_look(reader, at, len, &pages) < 0)
		return 0;
	good = good_prefix(
	    pages.data, len, &sums->crc[at / CRC_BLOCK], checksum_crc_far);
	return pages_end(&pages) < 0 ? 0 : good;
}

int
chunk_verify(struct chunk_reader *reader, const struct checksums *sums,
    uint32_t offset, uint32_t len, uint32_t *ret_good)
{
	uint32_t at = offset - offset % CRC_BLOCK, step = PIECE;
	uint32_t end = offset + len;
	nx_cleanup_free uint8_t *buf = malloc(PIECE);
	int r = 0;

	nx_assert(offset <= sums->size && len <= sums->size - offset);
	if (ret_good)
		*ret_good = 0;
	if (!buf)
		return -ENOMEM;
	end += (CRC_BLOCK - end % CRC_BLOCK) % CRC_BLOCK;
	if (end > sums->size || len == 0)
		end = len == 0 ? at : sums->size;
	at += good_pages(reader, sums, at, end - at);
	while (at < end) {
		uint32_t n = end - at < step ? end - at : step, good = 0;

		r = chunk_read_at(reader, buf, n, at);
		if (r < 0 && step > CRC_BLOCK) {
			step = CRC_BLOCK; /* which of the blocks is it? */
			continue;
		}
		if (r == 0)
			good = good_prefix(
			    buf, n, &sums->crc[at / CRC_BLOCK], checksum_crc);
		at += good;
		if (good == n)
			continue;
		r = r < 0 ? r : -EBADMSG;
		break;
	}
	if (ret_good && at > offset)
		*ret_good = at - offset < len ? at - offset : len;
	return r;
}

/* One block from @at on, into @buf. */
static int
block_checked(struct chunk_reader *reader, const struct checksums *sums,
    uint32_t at, uint8_t *buf, uint32_t *ret_len)
{
	uint32_t n = sums->size - at < CRC_BLOCK ? sums->size - at : CRC_BLOCK;
	int r = chunk_read_at(reader, buf, n, at);

	if (r == 0 && checksum_crc(buf, n) != sums->crc[at / CRC_BLOCK])
		r = -EBADMSG;
	*ret_len = n;
	return r;
}

int
chunk_read_checked(struct chunk_reader *reader, const struct checksums *sums,
    uint32_t offset, uint32_t len, uint8_t *buf, uint32_t *ret_good)
{
	nx_cleanup_free uint8_t *block = NULL;
	int r = 0;

	nx_assert(offset <= sums->size && len <= sums->size - offset);
	*ret_good = 0;
	/* All of a chunk that is one block, which is the usual case. */
	if (offset == 0 && len == sums->size && len <= CRC_BLOCK) {
		r = block_checked(reader, sums, 0, buf, &len);
		*ret_good = r == 0 ? len : 0;
		return r;
	}
	block = malloc(CRC_BLOCK);
	if (!block)
		return -ENOMEM;
	while (*ret_good < len && r == 0) {
		uint32_t skip = (offset + *ret_good) % CRC_BLOCK, n;

		r = block_checked(
		    reader, sums, offset + *ret_good - skip, block, &n);
		n -= skip;
		if (n > len - *ret_good)
			n = len - *ret_good;
		if (r < 0)
			break;
		memcpy(buf + *ret_good, block + skip, n);
		*ret_good += n;
	}
	return r;
}

/* --- copies -----------------------------------------------------------------*/

/* One block from any reader that has it good, *last first: where the block
 * before was good this one probably is. */
static int
read_block(struct chunk_reader *const *readers, size_t n, size_t *last,
    uint8_t *buf, uint32_t len, uint32_t at, uint32_t crc)
{
	int r = -ENOENT;

	for (size_t i = 0; i < n; i++) {
		size_t k = (*last + i) % n;
		int e;

		if (!readers[k])
			continue;
		e = chunk_read_at(readers[k], buf, len, at);
		if (e == 0 && checksum_crc(buf, len) == crc) {
			*last = k;
			return 0;
		}
		/* Damage counts more than what one of them could not read. */
		if (r != -EBADMSG)
			r = e < 0 ? e : -EBADMSG;
	}
	return r;
}

static int
copy_blocks(struct chunk_reader *const *readers, size_t n,
    const struct checksums *sums, struct chunk_draft *to, bool *ret_source)
{
	nx_cleanup_free uint8_t *buf = malloc(CRC_BLOCK);
	size_t last = 0;
	int r = buf ? 0 : -ENOMEM;

	for (uint32_t at = 0; at < sums->size && r == 0; at += CRC_BLOCK) {
		uint32_t len =
		    sums->size - at < CRC_BLOCK ? sums->size - at : CRC_BLOCK;

		r = read_block(
		    readers, n, &last, buf, len, at, sums->crc[at / CRC_BLOCK]);
		*ret_source = r < 0;
		if (r == 0)
			r = chunk_write(to, buf, len);
	}
	return r;
}

int
chunk_copy(struct chunk_reader *const *readers, size_t n,
    const struct checksums *sums, struct chunk_store *to,
    const struct chunk_id *id, bool replace, uint64_t *ret_at, bool *ret_source)
{
	struct chunk_draft *draft;
	bool source = false;
	int r = chunk_begin(to, &draft);

	if (r == 0) {
		r = copy_blocks(readers, n, sums, draft, &source);
		if (r == 0)
			r = chunk_commit(draft, id, replace, ret_at);
		if (r < 0)
			chunk_discard(draft);
	}
	if (ret_source)
		*ret_source = source;
	return r;
}
