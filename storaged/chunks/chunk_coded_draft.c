/*
 * Writing chunks of a store that codes. The container is handed on in large
 * aligned pieces: a block's length is odd once it is coded, and a disk likes it
 * otherwise.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/chunks/chunk_coded.h"

#define OUT_LEN   (128U << 10)
#define OUT_ALIGN 4096U

struct coded_draft {
	struct chunk_draft draft;
	struct chunk_draft *inner;
	struct coder *coder; /* NULL: what is written is plain */
	uint8_t *out;        /* of OUT_LEN: of the container, not written yet */
	size_t out_len;
	uint64_t written; /* of the container */
};

static struct coded_draft *
draft_of(struct chunk_draft *draft)
{
	return (struct coded_draft *)(void *)draft;
}

/* --- the container's way ----------------------------------------------------*/

static int
flush(struct coded_draft *d)
{
	int r = chunk_write(d->inner, d->out, d->out_len);

	if (r < 0)
		return r;
	d->written += d->out_len;
	d->out_len = 0;
	return 0;
}

static int
append(void *arg, const void *data, size_t len)
{
	struct coded_draft *d = arg;
	const uint8_t *from = data;
	int r = 0;

	while (len > 0 && r == 0) {
		size_t n = OUT_LEN - d->out_len;

		n = len < n ? len : n;
		memcpy(d->out + d->out_len, from, n);
		d->out_len += n;
		from += n;
		len -= n;
		if (d->out_len == OUT_LEN)
			r = flush(d);
	}
	return r;
}

/* Of what was appended; a part of it may wait in out. */
static int
fetch(void *arg, void *buf, size_t len, uint64_t offset)
{
	struct coded_draft *d = arg;
	uint8_t *to = buf;

	while (len > 0 && offset < d->written) {
		uint64_t there = d->written - offset;
		ssize_t n = chunk_read_back(
		    d->inner, to, len < there ? len : there, offset);

		if (n <= 0)
			return n < 0 ? (int)n : -EBADMSG;
		to += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	if (len == 0)
		return 0;
	offset -= d->written;
	if (offset > d->out_len || len > d->out_len - offset)
		return -EBADMSG;
	memcpy(to, d->out + offset, len);
	return 0;
}

/* --- the draft --------------------------------------------------------------*/

void
coded_discard(struct chunk_draft *draft)
{
	struct coded_draft *d = draft_of(draft);

	chunk_discard(d->inner);
	coder_free(d->coder);
	free(d->out);
	free(d);
}

int
coded_begin(struct chunk_store *store, struct chunk_draft **ret_draft)
{
	struct coded *c = coded_of(store);
	struct coded_draft *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->draft.store = store;
	r = chunk_begin(coded_writes(c) ? c->coded : c->plain, &d->inner);
	if (r == 0 && coded_writes(c)) {
		d->out = aligned_alloc(OUT_ALIGN, OUT_LEN);
		r = d->out ? coder_new(&c->how, append, fetch, d, &d->coder)
			   : -ENOMEM;
	}
	if (r < 0) {
		coded_discard(&d->draft);
		return r;
	}
	*ret_draft = &d->draft;
	return 0;
}

int
coded_write(struct chunk_draft *draft, const void *data, size_t len)
{
	struct coded_draft *d = draft_of(draft);

	return d->coder ? coder_add(d->coder, data, len)
			: chunk_write(d->inner, data, len);
}

ssize_t
coded_read_back(
    struct chunk_draft *draft, void *buf, size_t len, uint64_t offset)
{
	struct coded_draft *d = draft_of(draft);

	return d->coder ? coder_read(d->coder, buf, len, offset)
			: chunk_read_back(d->inner, buf, len, offset);
}

static int
is_there(struct chunk_store *store, const struct chunk_id *id)
{
	const struct chunk_place place = {.id = *id};
	struct chunk_reader *reader;
	int r = chunk_open(store, &place, &reader);

	if (r == 0)
		chunk_close(reader);
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

/*
 * A chunk is in one form: what replaces it removes the other one. When a crash
 * comes between, the form that is written now is the one that is read, too.
 */
int
coded_commit(struct chunk_draft *draft, const struct chunk_id *id, bool replace,
    uint64_t *ret_at)
{
	struct coded_draft *d = draft_of(draft);
	struct coded *c = coded_of(draft->store);
	struct chunk_store *other = d->coder ? c->plain : c->coded;
	int r = replace ? 0 : is_there(other, id);

	if (r != 0)
		return r < 0 ? r : -EEXIST;
	if (d->coder) {
		r = coder_end(d->coder, id);
		if (r == 0)
			r = flush(d);
	}
	if (r == 0)
		r = chunk_commit(d->inner, id, replace, ret_at);
	if (r < 0)
		return r;
	d->inner = NULL;
	if (d->coder && *ret_at != 0)
		*ret_at |= CODED_MARK;
	if (replace)
		(void)chunk_remove(other, id);
	coded_discard(draft);
	return 0;
}
