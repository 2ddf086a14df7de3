/*
 * Reading a container. Opening it checks all that is not a block; a block is
 * checked when it is read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/chunks/coding_internal.h"

struct decoder {
	struct coding_form form;
	coding_fetch *fetch;
	void *arg;
};

struct decoder *
decoder_free(struct decoder *d)
{
	if (d) {
		seal_free(d->form.seal);
		free(d);
	}
	return NULL;
}

static int
read_header(struct decoder *d, const uint8_t *key)
{
	int r = d->fetch(d->arg, d->form.header, HEADER_LEN, 0);

	if (r == 0)
		r = coding_header_check(&d->form);
	if (r < 0)
		return r;
	if (((unsigned)r & CODING_SEALED) == 0)
		return 0;
	return key ? seal_new(key, coding_salt(&d->form), &d->form.seal)
		   : -EBADMSG;
}

static int
read_tail(struct decoder *d, uint64_t stored)
{
	uint8_t tail[TAIL_MAX];
	uint32_t len;
	int r = d->fetch(d->arg, tail, FOOTER_LEN, stored - FOOTER_LEN);

	if (r == 0)
		r = coding_footer_read(&d->form, tail);
	if (r < 0)
		return r;
	len = d->form.n * INDEX_LEN + FOOTER_LEN;
	if (stored < HEADER_LEN + len)
		return -EBADMSG;
	r = d->fetch(d->arg, tail, len, stored - len);
	return r < 0 ? r : coding_tail_check(&d->form, tail, stored);
}

int
decoder_new(const uint8_t *key, const struct chunk_id *id, uint64_t stored,
    coding_fetch *fetch, void *arg, struct decoder **ret_decoder)
{
	struct decoder *d;
	int r;

	if (stored < HEADER_LEN + FOOTER_LEN ||
	    stored > coding_most(CHUNK_SIZE))
		return -EBADMSG;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->form.id = *id;
	d->fetch = fetch;
	d->arg = arg;
	r = read_header(d, key);
	if (r == 0)
		r = read_tail(d, stored);
	if (r < 0)
		decoder_free(d);
	else
		*ret_decoder = d;
	return r;
}

uint32_t
decoder_size(const struct decoder *d)
{
	return d->form.size;
}

/* Whole blocks straight to where they are wanted. */
static int
read_block(struct decoder *d, struct packer *p, uint8_t *buf, size_t len,
    uint64_t offset)
{
	uint32_t i = (uint32_t)(offset / CRC_BLOCK), skip = offset % CRC_BLOCK;
	const struct coding_block *b = &d->form.blocks[i];
	bool whole = len == coding_plain_len(&d->form, i);
	int r = d->fetch(d->arg, p->stored, b->stored, b->at);

	if (r == 0)
		r = coding_decode(
		    &d->form, i, p, p->stored, whole ? buf : p->plain);
	if (r == 0 && !whole)
		memcpy(buf, p->plain + skip, len);
	return r;
}

int
decoder_read(struct decoder *d, void *buf, size_t len, uint64_t offset)
{
	struct packer *p;
	uint8_t *to = buf;
	int r = 0;

	if (offset > d->form.size || len > d->form.size - offset)
		return -EBADMSG;
	p = packer_take();
	if (!p)
		return -ENOMEM;
	while (r == 0 && len > 0) {
		size_t n = CRC_BLOCK - offset % CRC_BLOCK;

		n = n < len ? n : len;
		r = read_block(d, p, to, n, offset);
		to += n;
		len -= n;
		offset += n;
	}
	packer_give(p);
	return r;
}
