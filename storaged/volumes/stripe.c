/* See stripe.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/volumes/stripe.h"

struct stripe {
	struct erasure e;
	unsigned which;
	struct catalog_chunk parts[ERASURE_PARTS_MAX];
	struct volume *volumes[ERASURE_PARTS_MAX];    /* referenced, or NULL */
	struct chunk_place places[ERASURE_PARTS_MAX]; /* held */
	struct checksums none; /* of a part the content ended before */
	/* of the thread that reads */
	struct chunk_reader *readers[ERASURE_PARTS_MAX], *made;
};

/* A replica of @part that can be read; CATALOG_REPLICAS: there is none. */
static size_t
find_replica(struct storaged *s, const struct catalog_chunk *part,
    const struct volume *but, struct volume **ret_volume)
{
	for (size_t i = 0; i < part->n_replicas; i++) {
		struct volume *v = volume_by_key(s->volumes, part->volumes[i]);

		if (v && v != but && volume_readable(v) &&
		    !(but && v->suspect)) {
			*ret_volume = v;
			return i;
		}
	}
	return CATALOG_REPLICAS;
}

/* How many parts there are, those that are all zeros too. */
static unsigned
find_parts(struct storaged *s, struct stripe *st, const struct volume *but,
    size_t ret_at[ERASURE_PARTS_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; i < st->e.data + st->e.parity; i++) {
		const struct catalog_chunk *part = &st->parts[i];

		ret_at[i] = CATALOG_REPLICAS;
		if (i == st->which)
			continue;
		if (part->key == 0) {
			n += i < st->e.data;
			continue;
		}
		ret_at[i] = find_replica(s, part, but, &st->volumes[i]);
		n += ret_at[i] < CATALOG_REPLICAS;
	}
	return n;
}

static int
look(struct storaged *s, const struct catalog_chunk *chunk,
    const struct volume *but, struct stripe *st,
    size_t ret_at[ERASURE_PARTS_MAX])
{
	int r = catalog_stripe(s->catalog, chunk, st->parts);

	st->e = catalog_erasure(chunk->code);
	st->which = catalog_part_of(chunk->index, chunk->code);
	if (r < 0)
		return r;
	return find_parts(s, st, but, ret_at) >= st->e.data;
}

int
stripe_hold(struct storaged *s, const struct catalog_chunk *chunk,
    const struct volume *but, struct stripe **ret_stripe)
{
	size_t at[ERASURE_PARTS_MAX];
	struct stripe *st;
	int r;

	*ret_stripe = NULL;
	if (chunk->code == 0)
		return 0;
	st = calloc(1, sizeof(*st));
	if (!st)
		return -ENOMEM;
	r = look(s, chunk, but, st, at);
	if (r <= 0) {
		free(st);
		return r;
	}
	for (unsigned i = 0; i < st->e.data + st->e.parity; i++) {
		if (at[i] == CATALOG_REPLICAS)
			continue;
		st->places[i] = catalog_place(&st->parts[i], at[i]);
		volume_hold(st->volumes[i], &st->places[i]);
	}
	*ret_stripe = st;
	return 0;
}

void
stripe_release(struct stripe *st)
{
	if (!st)
		return;
	nx_assert(!st->made);
	for (unsigned i = 0; i < ERASURE_PARTS_MAX; i++)
		if (st->volumes[i])
			volume_release(st->volumes[i], &st->places[i]);
	free(st);
}

bool
stripe_is_there(struct storaged *s, const struct catalog_chunk *chunk)
{
	size_t at[ERASURE_PARTS_MAX];
	struct stripe *st;
	bool there;

	if (chunk->code == 0)
		return false;
	st = calloc(1, sizeof(*st));
	there = st && look(s, chunk, NULL, st, at) > 0;
	free(st);
	return there;
}

/* --- in a worker thread -----------------------------------------------------*/

static void
open_part(struct stripe *st, unsigned i, bool cold)
{
	struct chunk_store *store = st->volumes[i]->store;
	int r = cold ? chunk_open_cold(store, &st->places[i], &st->readers[i])
		     : chunk_open(store, &st->places[i], &st->readers[i]);

	if (r < 0)
		st->readers[i] = NULL; /* others may do */
}

int
stripe_open(struct stripe *st, bool cold, struct chunk_reader **ret_reader)
{
	struct erasure_part parts[ERASURE_PARTS_MAX] = {0};
	int r;

	nx_assert(!st->made);
	for (unsigned i = 0; i < st->e.data + st->e.parity; i++) {
		if (st->volumes[i])
			open_part(st, i, cold);
		parts[i].reader = st->readers[i];
		parts[i].sums =
		    st->parts[i].key ? &st->parts[i].sums : &st->none;
	}
	r = erasure_reader_new(st->e, parts, st->which, &st->made);
	if (r < 0)
		stripe_close(st);
	else
		*ret_reader = st->made;
	return r;
}

void
stripe_close(struct stripe *st)
{
	if (!st)
		return;
	st->made = chunk_close(st->made);
	for (unsigned i = 0; i < ERASURE_PARTS_MAX; i++)
		st->readers[i] = chunk_close(st->readers[i]);
}
