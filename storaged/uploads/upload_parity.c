/*
 * The parity of a stripe that has all its data: from memory, where it was added
 * up as the data came, or made of the parts as they lie on their volumes. A job
 * for each part of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/uploads/replicas.h"
#include "storaged/uploads/upload_stripe_internal.h"

#define PARITY_PIECE (512U << 10) /* written at once */

/* What nobody could write is hashed all the same: it can be made later. */
static void
write_encoded(struct parity *p)
{
	uint32_t size;
	const uint8_t *data =
	    erasure_parity(p->stripe->encoder, p->number, &size);

	for (uint32_t at = 0; at < size; at += PARITY_PIECE)
		(void)chunk_put_write(p->put, data + at,
		    size - at < PARITY_PIECE ? size - at : PARITY_PIECE);
}

/* All the other parts of parity count as lost. */
static void
open_parts(struct upload_stripe *st, const struct checksums *lost,
    struct erasure_part parts[ERASURE_PARTS_MAX])
{
	for (unsigned i = 0; i < st->e.data; i++) {
		struct chunk_place place;

		parts[i].sums = &st->parts[i].sums;
		if (!st->volumes[i])
			continue;
		place = catalog_place(&st->parts[i], 0);
		if (chunk_open(
			st->volumes[i]->store, &place, &parts[i].reader) < 0)
			parts[i].reader = NULL;
	}
	for (unsigned i = st->e.data; i < all_parts(st->e); i++)
		parts[i].sums = lost;
}

static int
write_made(struct parity *p, struct chunk_reader *reader, uint32_t size)
{
	nx_cleanup_free uint8_t *buf = malloc(PARITY_PIECE);
	int r = buf ? 0 : -ENOMEM;

	for (uint32_t at = 0; at < size && r == 0; at += PARITY_PIECE) {
		uint32_t n =
		    size - at < PARITY_PIECE ? size - at : PARITY_PIECE;

		r = chunk_read_at(reader, buf, n, at);
		if (r == 0)
			(void)chunk_put_write(p->put, buf, n);
	}
	return r;
}

/* As long as the longest part, which is the first. */
static int
write_read_back(struct parity *p)
{
	struct upload_stripe *st = p->stripe;
	struct erasure_part parts[ERASURE_PARTS_MAX] = {0};
	struct checksums lost = {.size = st->parts[0].sums.size};
	struct chunk_reader *reader;
	int r;

	open_parts(st, &lost, parts);
	r = erasure_reader_new(st->e, parts, st->e.data + p->number, &reader);
	if (r == 0) {
		r = write_made(p, reader, lost.size);
		(void)chunk_close(reader);
	}
	for (unsigned i = 0; i < st->e.data; i++)
		(void)chunk_close(parts[i].reader);
	return r;
}

static void
parity_work(void *arg)
{
	struct parity *p = arg;

	if (p->stripe->encoder)
		write_encoded(p);
	else
		p->result = write_read_back(p);
	if (p->result == 0)
		(void)chunk_put_finish(p->put);
}

static void
parity_over(struct parity *p)
{
	struct upload_stripe *st = p->stripe;
	struct upload *u = st->u;
	uint32_t place = st->base + st->e.data + p->number;
	int made = p->result, r = 0;

	nx_assert(st == u->coding && st->coding > 0);
	replicas_list(p->put, &u->chunks[place]);
	volumes_put_done(u->us->s->volumes, p->put);
	p->put = chunk_put_free(p->put);
	if (--st->coding == 0)
		r = stripe_begin_coding(u);
	if (made == -ENOENT || made == -EBADMSG ||
	    (made == 0 && u->chunks[place].n_replicas == 0 &&
		!upload_may_lack(u, &u->chunks[place])))
		upload_fail_volume(u);
	else if (made < 0 || r < 0)
		upload_fail_errno(u, made < 0 ? made : r);
	else
		upload_step(u);
}

static void
parity_done(void *arg)
{
	parity_over(arg);
}

/* The parts, to be read back: where they are, and who is asked. */
static int
find_parts(struct upload_stripe *st)
{
	struct upload *u = st->u;

	st->parts = calloc(st->e.data, sizeof(*st->parts));
	if (!st->parts)
		return -ENOMEM;
	memcpy(
	    st->parts, &u->chunks[st->base], st->e.data * sizeof(*st->parts));
	for (unsigned i = 0; i < st->e.data; i++) {
		struct volume *v = st->parts[i].n_replicas > 0
		    ? volume_by_key(u->us->s->volumes, st->parts[i].volumes[0])
		    : NULL;

		if (!v || !v->attached)
			continue;
		volume_ref(v);
		st->volumes[i] = v;
	}
	return 0;
}

static int
begin_parity(struct upload_stripe *st, unsigned number)
{
	struct parity *p = &st->parity[number];
	struct storaged *s = st->u->us->s;
	uint64_t size = st->encoder ? erasure_encoded(st->encoder)
				    : catalog_part_size(st->code);
	int r;

	if (size > catalog_part_size(st->code))
		size = catalog_part_size(st->code);
	*p = (struct parity){.stripe = st, .number = number};
	r = chunk_put_new(1, &p->put);
	if (r < 0)
		return r;
	(void)volumes_place_planned(s->volumes, p->put, size, true, st->plan,
	    st->n_plan, st->e.data + number, all_parts(st->e));
	st->coding++;
	r = nx_workers_submit(s->io, parity_work, parity_done, p);
	if (r == 0)
		return 0;
	st->coding--;
	volumes_put_done(s->volumes, p->put);
	p->put = chunk_put_free(p->put);
	return r;
}

int
stripe_begin_parity(struct upload_stripe *st)
{
	int r = st->encoder ? 0 : find_parts(st);

	st->coded = true;
	for (unsigned i = 0; i < st->e.parity && r == 0; i++)
		r = begin_parity(st, i);
	return r;
}
