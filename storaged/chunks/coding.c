/* The container's parts as bytes: see coding.h. */
#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "storaged/chunks/coding_internal.h"

#define MAGIC_HEADER "NXCODED1"
#define MAGIC_FOOTER 0x444e4558U /* "XEND" */
#define PACKED_BIT   (1U << 31)

/* Where things are. */
#define AT_FLAGS 8U
#define AT_BLOCK 12U
#define AT_SALT  16U
#define AT_ZERO  32U
#define AT_CRC   36U

#define AT_SIZE       0U
#define AT_COUNT      4U
#define AT_TAG        8U
#define AT_FOOTER_CRC 24U
#define AT_MAGIC      28U

void
coding_put32(uint8_t *to, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

uint32_t
coding_get32(const uint8_t *from)
{
	return (uint32_t)from[0] | (uint32_t)from[1] << 8 |
	    (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

uint64_t
coding_most(uint64_t size)
{
	uint64_t blocks = (size + CRC_BLOCK - 1) / CRC_BLOCK;

	return HEADER_LEN + size + blocks * (SEAL_TAG_LEN + INDEX_LEN) +
	    FOOTER_LEN;
}

uint32_t
coding_plain_len(const struct coding_form *f, uint32_t i)
{
	uint32_t left = f->size - i * CRC_BLOCK;

	return left < CRC_BLOCK ? left : CRC_BLOCK;
}

/* --- the header -------------------------------------------------------------*/

void
coding_header(struct coding_form *f, uint32_t flags, const uint8_t *salt)
{
	memcpy(f->header, MAGIC_HEADER, AT_FLAGS);
	coding_put32(f->header + AT_FLAGS, flags);
	coding_put32(f->header + AT_BLOCK, CRC_BLOCK);
	memcpy(f->header + AT_SALT, salt, SEAL_SALT_LEN);
	coding_put32(f->header + AT_ZERO, 0);
	coding_put32(f->header + AT_CRC, checksum_crc(f->header, AT_CRC));
}

const uint8_t *
coding_salt(const struct coding_form *f)
{
	return f->header + AT_SALT;
}

int
coding_header_check(const struct coding_form *f)
{
	uint32_t flags = coding_get32(f->header + AT_FLAGS);

	if (memcmp(f->header, MAGIC_HEADER, AT_FLAGS) != 0 ||
	    coding_get32(f->header + AT_CRC) !=
		checksum_crc(f->header, AT_CRC) ||
	    coding_get32(f->header + AT_BLOCK) != CRC_BLOCK ||
	    coding_get32(f->header + AT_ZERO) != 0 ||
	    flags > (CODING_SEALED | CODING_PACKED))
		return -EBADMSG;
	return (int)flags;
}

/* --- index and footer -------------------------------------------------------*/

/* What tag and CRC of the footer are over: they cannot be where they come from
 * disk, so it is put together anew each time. */
struct bound {
	uint8_t bytes[NX_ID_LEN + HEADER_LEN + TAIL_MAX];
	size_t len;
};

static void
bind_add(struct bound *b, const void *data, size_t len)
{
	nx_assert(len <= sizeof(b->bytes) - b->len);
	memcpy(b->bytes + b->len, data, len);
	b->len += len;
}

/* Of the footer the first @of_footer bytes. */
static void
bind(const struct coding_form *f, const uint8_t *tail, size_t of_footer,
    struct bound *ret_bound)
{
	ret_bound->len = 0;
	bind_add(ret_bound, f->id.text, NX_ID_LEN);
	bind_add(ret_bound, f->header, HEADER_LEN);
	bind_add(ret_bound, tail, f->n * INDEX_LEN + of_footer);
}

size_t
coding_tail(struct coding_form *f, uint8_t *ret_tail)
{
	uint8_t *footer = ret_tail + f->n * INDEX_LEN;
	struct bound bound;

	for (uint32_t i = 0; i < f->n; i++) {
		const struct coding_block *b = &f->blocks[i];
		uint8_t *to = ret_tail + i * INDEX_LEN;

		coding_put32(to, b->stored | (b->packed ? PACKED_BIT : 0));
		coding_put32(to + 4, b->crc);
	}
	memset(footer, 0, FOOTER_LEN);
	coding_put32(footer + AT_SIZE, f->size);
	coding_put32(footer + AT_COUNT, f->n);
	bind(f, ret_tail, AT_TAG, &bound);
	if (f->seal)
		seal_shut(f->seal, FOOTER_NUMBER,
		    (struct seal_with){bound.bytes, bound.len}, NULL, 0,
		    footer + AT_TAG);
	bind(f, ret_tail, AT_FOOTER_CRC, &bound);
	coding_put32(
	    footer + AT_FOOTER_CRC, checksum_crc(bound.bytes, bound.len));
	coding_put32(footer + AT_MAGIC, MAGIC_FOOTER);
	return f->n * INDEX_LEN + FOOTER_LEN;
}

int
coding_footer_read(struct coding_form *f, const uint8_t *footer)
{
	uint32_t size = coding_get32(footer + AT_SIZE);

	if (coding_get32(footer + AT_MAGIC) != MAGIC_FOOTER ||
	    size > CHUNK_SIZE ||
	    coding_get32(footer + AT_COUNT) != checksum_blocks(size))
		return -EBADMSG;
	f->size = size;
	f->n = checksum_blocks(size);
	return 0;
}

static bool
is_bound(struct coding_form *f, const uint8_t *tail, const uint8_t *footer)
{
	static const uint8_t no_tag[SEAL_TAG_LEN];
	uint8_t nothing[1];
	struct bound bound;

	bind(f, tail, AT_FOOTER_CRC, &bound);
	if (coding_get32(footer + AT_FOOTER_CRC) !=
	    checksum_crc(bound.bytes, bound.len))
		return false;
	if (!f->seal)
		return memcmp(footer + AT_TAG, no_tag, SEAL_TAG_LEN) == 0;
	bind(f, tail, AT_TAG, &bound);
	return seal_open(f->seal, FOOTER_NUMBER,
		   (struct seal_with){bound.bytes, bound.len}, footer + AT_TAG,
		   0, nothing) == 0;
}

/* A block as the index has it: no longer than it is plain, and shorter only
 * when it is packed. */
static bool
is_possible(
    const struct coding_form *f, const struct coding_block *b, uint32_t plain)
{
	uint32_t tag = f->seal ? SEAL_TAG_LEN : 0;

	if (b->stored <= tag)
		return false;
	return b->packed ? b->stored - tag < plain : b->stored - tag == plain;
}

int
coding_tail_check(struct coding_form *f, const uint8_t *tail, uint64_t stored)
{
	const uint8_t *footer = tail + f->n * INDEX_LEN;
	uint64_t at = HEADER_LEN;

	if (!is_bound(f, tail, footer))
		return -EBADMSG;
	for (uint32_t i = 0; i < f->n; i++) {
		uint32_t word = coding_get32(tail + i * INDEX_LEN);
		struct coding_block *b = &f->blocks[i];

		b->at = (uint32_t)at;
		b->packed = (word & PACKED_BIT) != 0;
		b->stored = word & ~PACKED_BIT;
		b->crc = coding_get32(tail + i * INDEX_LEN + 4);
		if (!is_possible(f, b, coding_plain_len(f, i)))
			return -EBADMSG;
		at += b->stored;
	}
	return at + f->n * INDEX_LEN + FOOTER_LEN == stored ? 0 : -EBADMSG;
}

/* --- a block ----------------------------------------------------------------*/

int
coding_decode(struct coding_form *f, uint32_t i, struct packer *p,
    uint8_t *stored, void *ret_plain)
{
	const struct coding_block *b = &f->blocks[i];
	size_t plain = coding_plain_len(f, i), len = b->stored;
	uint8_t word[4];
	int r;

	if (checksum_crc(stored, len) != b->crc)
		return -EBADMSG;
	if (f->seal) {
		len -= SEAL_TAG_LEN;
		coding_put32(word, b->packed);
		r = seal_open(f->seal, i, (struct seal_with){word, 4}, stored,
		    len, b->packed ? stored : ret_plain);
		if (r < 0)
			return r;
	}
	if (b->packed)
		return packer_grow(p, stored, len, ret_plain, plain);
	if (!f->seal)
		memcpy(ret_plain, stored, plain);
	return 0;
}
