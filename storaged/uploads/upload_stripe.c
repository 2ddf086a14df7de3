/* See upload_stripe.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/uploads/upload_stripe_internal.h"

uint32_t
upload_chunk_max(const struct upload *u)
{
	return u->stripe ? catalog_part_size(u->in.code) : CHUNK_SIZE;
}

bool
upload_is_coded(const struct upload *u, uint64_t left)
{
	return u->in.code != 0 &&
	    (u->stripe || !u->in.has_size || left > SEGMENT_CHUNK_MAX);
}

/* --- memory -----------------------------------------------------------------*/

static uint64_t
taken_by(const struct upload *u)
{
	return (u->stripe ? u->stripe->memory : 0) +
	    (u->coding ? u->coding->memory : 0);
}

static bool
may_take(const struct upload *u, uint64_t bytes)
{
	const struct upload *other;
	uint64_t all = 0, mine = 0;

	TAILQ_FOREACH(other, &u->us->list, entry) {
		all += taken_by(other);
		if (other->in.owner == u->in.owner)
			mine += taken_by(other);
	}
	return all + bytes <= STRIPE_MEMORY &&
	    (mine == 0 || mine + bytes <= STRIPE_MEMORY_USER);
}

static void
take_encoder(struct upload_stripe *st)
{
	uint64_t bytes = (uint64_t)st->e.parity * catalog_part_size(st->code);

	if (may_take(st->u, bytes) &&
	    erasure_encoder_new(st->e, &st->encoder) == 0)
		st->memory = bytes;
}

struct erasure_encoder *
upload_stripe_encoder(const struct upload *u)
{
	return u->stripe ? u->stripe->encoder : NULL;
}

/* --- one that is filled -----------------------------------------------------*/

static void
init_places(struct upload_stripe *st)
{
	struct upload *u = st->u;
	int64_t number = st->base / all_parts(st->e);

	for (unsigned i = 0; i < all_parts(st->e); i++) {
		struct catalog_chunk *c = &u->chunks[st->base + i];

		memset(c, 0, sizeof(*c));
		c->code = st->code;
		c->index = catalog_part_index(number, i, st->code);
	}
}

static int
stripe_new(struct upload *u)
{
	struct erasure e = catalog_erasure(u->in.code);
	struct upload_stripe *st;
	int r = upload_make_room(u, all_parts(e));

	if (r < 0)
		return r;
	st = calloc(1, sizeof(*st));
	if (!st)
		return -ENOMEM;
	*st = (struct upload_stripe){
	    .u = u, .e = e, .code = u->in.code, .base = u->n_chunks};
	nx_assert(st->base % all_parts(e) == 0);
	init_places(st);
	st->n_plan = volumes_plan_stripe(u->us->s->volumes,
	    catalog_part_size(st->code), all_parts(e), st->plan);
	take_encoder(st);
	u->n_chunks += all_parts(e);
	u->stripe = st;
	return 0;
}

int
upload_stripe_place(
    struct upload *u, struct chunk_put *put, uint64_t left, bool known)
{
	struct upload_stripe *st;
	uint32_t size = catalog_part_size(u->in.code);
	int r = u->stripe ? 0 : stripe_new(u);

	if (r < 0)
		return r;
	st = u->stripe;
	put->want = 1;
	if (st->n_plan < all_parts(st->e))
		return 0;
	return volumes_place_planned(u->us->s->volumes, put,
		   left < size ? left : size, known, st->plan, st->n_plan,
		   st->begun, all_parts(st->e)) > 0;
}

uint32_t
upload_stripe_part(struct upload *u)
{
	struct upload_stripe *st = u->stripe;

	nx_assert(st->begun < st->e.data);
	st->out++;
	return st->base + st->begun++;
}

/* --- its end ----------------------------------------------------------------*/

struct upload_stripe *
stripe_put_free(struct upload_stripe *st)
{
	if (!st)
		return NULL;
	nx_assert(st->coding == 0);
	for (unsigned i = 0; i < ERASURE_DATA_MAX; i++)
		if (st->volumes[i])
			volume_unref(st->volumes[i]);
	erasure_encoder_free(st->encoder);
	free(st->parts);
	free(st);
	return NULL;
}

/* Parity may be durable before all of the data is. */
static bool
is_over(const struct upload_stripe *st)
{
	return st && st->coded && st->coding == 0 && st->out == 0;
}

/* The stripe that is at its end, when the one before it is over; without an
 * encoder when all of it is durable. */
int
stripe_begin_coding(struct upload *u)
{
	if (is_over(u->coding))
		u->coding = stripe_put_free(u->coding);
	if (!u->coding && u->stripe && u->stripe->ended)
		u->coding = nx_take_ptr(u->stripe);
	if (u->state != UPLOAD_OPEN || !u->coding || u->coding->coded ||
	    (!u->coding->encoder && u->coding->out > 0))
		return 0;
	return stripe_begin_parity(u->coding);
}

int
upload_stripe_look(struct upload *u)
{
	struct upload_stripe *st = u->stripe;

	nx_assert(!u->lane);
	if (!st || st->ended || (st->begun < st->e.data && !u->eof))
		return 0;
	if (st->begun == 0) {
		u->n_chunks = st->base; /* the end was before it */
		u->stripe = stripe_put_free(st);
		return 0;
	}
	st->ended = true;
	return stripe_begin_coding(u);
}

/* --- what becomes of it -----------------------------------------------------*/

static bool
has(const struct upload_stripe *st, uint32_t index)
{
	return st && index >= st->base && index < st->base + st->e.data;
}

int
upload_stripe_synced(struct upload *u, uint32_t index)
{
	struct upload_stripe *st =
	    has(u->coding, index) ? u->coding : u->stripe;

	if (!has(st, index))
		return 0;
	nx_assert(st->out > 0);
	st->out--;
	return stripe_begin_coding(u);
}

bool
upload_may_lack(const struct upload *u, const struct catalog_chunk *c)
{
	struct erasure e = catalog_erasure(c->code);
	unsigned lacks = 0;
	uint32_t base;

	if (c->code == 0)
		return false;
	base = (uint32_t)catalog_stripe_of(c->index, c->code) * all_parts(e);
	for (uint32_t i = base; i < base + all_parts(e); i++)
		lacks += u->chunks[i].id.text[0] != '\0' &&
		    u->chunks[i].n_replicas == 0;
	return lacks <= e.parity;
}

bool
upload_stripe_waits(const struct upload *u)
{
	return u->stripe && u->stripe->ended;
}

bool
upload_stripe_at_work(const struct upload *u)
{
	return u->coding && u->coding->coding > 0;
}

bool
upload_stripe_over(const struct upload *u)
{
	return !u->stripe && !u->coding;
}

uint32_t
upload_stripe_first(const struct upload *u)
{
	if (u->coding)
		return u->coding->base;
	return u->stripe ? u->stripe->base : u->n_chunks;
}

void
upload_stripe_free(struct upload *u)
{
	u->stripe = stripe_put_free(u->stripe);
	u->coding = stripe_put_free(u->coding);
}

uint32_t
upload_pack(struct catalog_chunk *chunks, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		if (chunks[i].sums.size > 0) {
			if (kept != i)
				chunks[kept] = chunks[i];
			kept++;
		}
	return kept;
}
