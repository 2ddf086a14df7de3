/*
 * Making a container: full blocks are coded as they come, straight from the
 * caller's memory where they lie whole in it.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/coding_internal.h"

struct coder {
	struct coding_form form; /* size: of the blocks that are appended */
	coding_append *append;
	coding_fetch *fetch;
	void *arg;
	bool pack;
	uint32_t at;    /* in the container */
	uint8_t *begun; /* a block that is not full yet */
	uint32_t begun_len;
};

int
coder_new(const struct coding_how *how, coding_append *append,
    coding_fetch *fetch, void *arg, struct coder **ret_coder)
{
	struct coder *c = calloc(1, sizeof(*c));
	uint8_t salt[SEAL_SALT_LEN];
	int r = 0;

	nx_assert(!how->seal || how->key);
	if (!c)
		return -ENOMEM;
	c->append = append;
	c->fetch = fetch;
	c->arg = arg;
	c->pack = how->pack;
	randombytes_buf(salt, sizeof(salt));
	coding_header(&c->form,
	    (how->seal ? CODING_SEALED : 0) | (how->pack ? CODING_PACKED : 0),
	    salt);
	if (how->seal)
		r = seal_new(how->key, salt, &c->form.seal);
	if (r == 0)
		r = append(arg, c->form.header, HEADER_LEN);
	if (r < 0) {
		coder_free(c);
		return r;
	}
	c->at = HEADER_LEN;
	*ret_coder = c;
	return 0;
}

struct coder *
coder_free(struct coder *c)
{
	if (c) {
		seal_free(c->form.seal);
		if (c->begun)
			sodium_memzero(c->begun, CRC_BLOCK);
		free(c->begun);
		free(c);
	}
	return NULL;
}

static int
append_block(
    struct coder *c, struct packer *p, const uint8_t *plain, uint32_t len)
{
	struct coding_form *f = &c->form;
	struct coding_block *b = &f->blocks[f->n];
	const uint8_t *stored = plain;
	uint8_t word[4];
	int r;

	b->at = c->at;
	b->stored = c->pack ? (uint32_t)packer_shrink(p, plain, len) : 0;
	b->packed = b->stored > 0;
	if (b->packed)
		stored = p->stored;
	else
		b->stored = len;
	if (f->seal) {
		coding_put32(word, b->packed);
		seal_shut(f->seal, f->n, (struct seal_with){word, 4}, stored,
		    b->stored, p->stored);
		stored = p->stored;
		b->stored += SEAL_TAG_LEN;
	}
	b->crc = checksum_crc(stored, b->stored);
	r = c->append(c->arg, stored, b->stored);
	if (r < 0)
		return r;
	c->at += b->stored;
	f->n++;
	f->size += len;
	return 0;
}

/* What does not fill a block waits. */
static int
keep(struct coder *c, const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	if (!c->begun)
		c->begun = malloc(CRC_BLOCK);
	if (!c->begun)
		return -ENOMEM;
	memcpy(c->begun + c->begun_len, data, len);
	c->begun_len += (uint32_t)len;
	return 0;
}

static int
add(struct coder *c, struct packer *p, const uint8_t *data, size_t len)
{
	size_t n;
	int r = 0;

	if (c->begun_len > 0) {
		n = CRC_BLOCK - c->begun_len;
		n = len < n ? len : n;
		r = keep(c, data, n);
		data += n;
		len -= n;
		if (r == 0 && c->begun_len == CRC_BLOCK) {
			r = append_block(c, p, c->begun, CRC_BLOCK);
			/* Else it is still there to be read back. */
			if (r == 0)
				c->begun_len = 0;
		}
	}
	for (; r == 0 && len >= CRC_BLOCK; len -= CRC_BLOCK) {
		r = append_block(c, p, data, CRC_BLOCK);
		data += CRC_BLOCK;
	}
	return r < 0 ? r : keep(c, data, len);
}

int
coder_add(struct coder *c, const void *data, size_t len)
{
	struct packer *p = packer_take();
	int r = -ENOMEM;

	nx_assert(len <= CHUNK_SIZE - c->form.size - c->begun_len);
	if (p)
		r = add(c, p, data, len);
	packer_give(p);
	return r;
}

int
coder_end(struct coder *c, const struct chunk_id *id)
{
	struct packer *p = packer_take();
	uint8_t tail[TAIL_MAX];
	int r = p ? 0 : -ENOMEM;

	if (r == 0 && c->begun_len > 0) {
		r = append_block(c, p, c->begun, c->begun_len);
		if (r == 0)
			c->begun_len = 0;
	}
	packer_give(p);
	if (r < 0)
		return r;
	c->form.id = *id;
	return c->append(c->arg, tail, coding_tail(&c->form, tail));
}

/* --- reading back -----------------------------------------------------------*/

static ssize_t
read_block(
    struct coder *c, struct packer *p, void *buf, size_t len, uint64_t offset)
{
	uint32_t i = (uint32_t)(offset / CRC_BLOCK), skip = offset % CRC_BLOCK;
	uint32_t plain = coding_plain_len(&c->form, i);
	const struct coding_block *b = &c->form.blocks[i];
	int r = c->fetch(c->arg, p->stored, b->stored, b->at);

	if (r == 0)
		r = coding_decode(&c->form, i, p, p->stored, p->plain);
	if (r < 0)
		return r;
	len = len < plain - skip ? len : plain - skip;
	memcpy(buf, p->plain + skip, len);
	return (ssize_t)len;
}

ssize_t
coder_read(struct coder *c, void *buf, size_t len, uint64_t offset)
{
	struct packer *p;
	ssize_t n;

	if (offset >= c->form.size) {
		offset -= c->form.size;
		if (offset >= c->begun_len)
			return 0;
		n = (ssize_t)(c->begun_len - offset);
		n = (size_t)n < len ? n : (ssize_t)len;
		memcpy(buf, c->begun + offset, (size_t)n);
		return n;
	}
	p = packer_take();
	n = p ? read_block(c, p, buf, len, offset) : -ENOMEM;
	packer_give(p);
	return n;
}
