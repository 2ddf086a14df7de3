/*
 * Small chunks of a store that codes: each is a container in memory, made in the
 * thread that writes the batch it is in, and a record of the coded store's own
 * segments.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/chunks/chunk_coded.h"

struct box {
	uint8_t *bytes;
	size_t len, room;
};

static int
append_to_box(void *arg, const void *data, size_t len)
{
	struct box *b = arg;

	nx_assert(len <= b->room - b->len);
	memcpy(b->bytes + b->len, data, len);
	b->len += len;
	return 0;
}

/* Nothing is read back of what is in memory whole. */
static int
fetch_from_box(void *arg, void *buf, size_t len, uint64_t offset)
{
	const struct box *b = arg;

	if (offset > b->len || len > b->len - offset)
		return -EBADMSG;
	memcpy(buf, b->bytes + offset, len);
	return 0;
}

static int
encode(
    const struct coding_how *how, const struct chunk_append *a, struct box *box)
{
	struct coder *coder;
	int r = coder_new(how, append_to_box, fetch_from_box, box, &coder);

	if (r < 0)
		return r;
	r = coder_add(coder, a->data, a->length);
	if (r == 0)
		r = coder_end(coder, &a->id);
	coder_free(coder);
	return r;
}

static int
prepare(struct chunk_append *a)
{
	struct box box = {.room = coding_most(a->length)};
	int r;

	box.bytes = malloc(box.room);
	r = box.bytes ? encode(a->prepare_with, a, &box) : -ENOMEM;
	if (r < 0) {
		free(box.bytes);
		return r;
	}
	a->bytes = box.bytes;
	a->n_bytes = (uint32_t)box.len;
	return 0;
}

/* What is sure about it before it is made: not more than that. */
static void
arm(struct coded *c, struct chunk_append *a)
{
	nx_assert(coding_most(a->length) <= SEGMENT_DATA_MAX);
	a->prepare = prepare;
	a->prepare_with = &c->how;
	a->mark = CODED_MARK;
	a->n_bytes = (uint32_t)coding_most(a->length);
}

void
coded_append(struct chunk_store *store, struct chunk_append *append)
{
	struct coded *c = coded_of(store);

	if (coded_writes(c))
		arm(c, append);
	chunk_append(coded_writes(c) ? c->coded : c->plain, append);
}

int
coded_append_wait(struct chunk_store *store, struct chunk_append *append)
{
	struct coded *c = coded_of(store);

	if (coded_writes(c))
		arm(c, append);
	return chunk_append_wait(coded_writes(c) ? c->coded : c->plain, append);
}
