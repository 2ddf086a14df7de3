/*
 * Containers of coded chunks as a disk may give them: whatever they are, they
 * open or they do not, and what opens gives each byte or none. The first byte
 * says what is done before: 1 mends the CRCs, so that what comes after them is
 * met too; 2 reads it with a key.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "storaged/chunks/coding_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct box {
	uint8_t *data;
	size_t len;
};

static int
fetch(void *arg, void *buf, size_t len, uint64_t offset)
{
	const struct box *b = arg;

	if (offset > b->len || len > b->len - offset)
		return -1;
	memcpy(buf, b->data + offset, len);
	return 0;
}

static const struct chunk_id id = {"0123456789abcdef0123456789abcdef"};

static void
mend_blocks(struct box *b, uint8_t *index, uint32_t n)
{
	size_t at = HEADER_LEN;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = coding_get32(index + i * INDEX_LEN) & 0x7fffffff;

		if (len > b->len - at)
			return;
		coding_put32(
		    index + i * INDEX_LEN + 4, checksum_crc(b->data + at, len));
		at += len;
	}
}

static void
mend(struct box *b)
{
	uint8_t bound[NX_ID_LEN + HEADER_LEN + TAIL_MAX], *footer, *index;
	size_t len;
	uint32_t n;

	if (b->len < HEADER_LEN + FOOTER_LEN)
		return;
	coding_put32(b->data + 36, checksum_crc(b->data, 36));
	footer = b->data + b->len - FOOTER_LEN;
	n = coding_get32(footer + 4);
	if (n > CHUNK_BLOCKS ||
	    n * INDEX_LEN > b->len - HEADER_LEN - FOOTER_LEN)
		return;
	index = footer - n * INDEX_LEN;
	mend_blocks(b, index, n);
	len = n * INDEX_LEN + 24;
	memcpy(bound, id.text, NX_ID_LEN);
	memcpy(bound + NX_ID_LEN, b->data, HEADER_LEN);
	memcpy(bound + NX_ID_LEN + HEADER_LEN, index, len);
	coding_put32(
	    footer + 24, checksum_crc(bound, NX_ID_LEN + HEADER_LEN + len));
}

static void
read_all(struct decoder *d)
{
	uint32_t size = decoder_size(d);
	uint8_t *plain = malloc(size + 1);

	if (size > CHUNK_SIZE || !plain)
		abort();
	/* By blocks, across their edges, and at once. */
	for (uint32_t at = 0; at < size; at += CRC_BLOCK)
		(void)decoder_read(d, plain + at,
		    size - at < CRC_BLOCK ? size - at : CRC_BLOCK, at);
	if (size > 2)
		(void)decoder_read(d, plain + 1, size - 2, 1);
	(void)decoder_read(d, plain, size, 0);
	if (decoder_read(d, plain, size, 1) == 0 && size > 0)
		abort();
	free(plain);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[SEAL_KEY_LEN];
	static bool ready;
	struct decoder *d;
	struct box b;

	if (!ready && (checksum_setup() < 0 || seal_setup() < 0))
		abort();
	ready = true;
	if (size == 0)
		return 0;
	b = (struct box){malloc(size), size - 1};
	if (!b.data)
		abort();
	memcpy(b.data, data + 1, b.len);
	if (data[0] & 1)
		mend(&b);
	if (decoder_new(data[0] & 2 ? key : NULL, &id, b.len, fetch, &b, &d) ==
	    0) {
		read_all(d);
		decoder_free(d);
	}
	free(b.data);
	return 0;
}
