/*
 * What becomes of uploads when a volume goes: they forget what they have there,
 * and end when it was the only replica. Loop's thread only.
 */
#include "common/err.h"
#include "storaged/uploads/upload_stripe.h"

void
upload_fail_volume(struct upload *u)
{
	upload_fail(u, NX__STATUS__UNAVAILABLE, INTENT_NO_VOLUME);
}

/* The place's volume goes, and has its name in nothing any more. */
static void
evict_place(struct put_place *place)
{
	struct volume *v = place->owner;

	place->draft = chunk_discard(place->draft);
	place->state = PUT_FAILED;
	place->error = -ENOSPC;
	place->owner = NULL;
	nx_assert(v->in_flight >= place->charged);
	v->in_flight -= place->charged;
	volume_unref(v);
}

bool
upload_evict(struct upload *u)
{
	struct chunk_put *put = u->lane ? lane_put(u->lane) : NULL;
	bool was_open = false, others = false;

	nx_assert(!u->pumping); /* a worker has its drafts */
	for (size_t i = 0; put && i < put->n_places; i++) {
		struct put_place *place = &put->places[i];
		const struct volume *v = place->owner;

		if (v && v->state != VOLUME_READY) {
			was_open |= place->state == PUT_OPEN;
			evict_place(place);
		} else
			others |= place->state == PUT_OPEN;
	}
	return others || !was_open;
}

/* Takes @v out of the chunks that are durable; false when one was only there.
 * Those still being synced have no id yet. */
static bool
forget_chunks(struct upload *u, int64_t volume)
{
	bool good = true;

	for (uint32_t i = 0; i < u->n_chunks; i++) {
		struct catalog_chunk *c = &u->chunks[i];
		uint32_t kept = 0;

		for (uint32_t k = 0; k < c->n_replicas; k++)
			if (c->volumes[k] != volume) {
				c->at[kept] = c->at[k];
				c->volumes[kept++] = c->volumes[k];
			}
		if (kept == c->n_replicas)
			continue;
		c->n_replicas = kept;
		good &= kept > 0 || upload_may_lack(u, c);
	}
	return good;
}

void
uploads_volume_going(struct volume *v, void *arg)
{
	struct uploads *us = arg;
	struct upload *u, *next;

	for (u = TAILQ_FIRST(&us->list); u; u = next) {
		bool good;

		next = TAILQ_NEXT(u, entry);
		/* What is being committed will be in the catalogue. */
		if (u->state != UPLOAD_OPEN)
			continue;
		good = forget_chunks(u, v->key);
		u->evicting |= u->lane != NULL;
		if (!good)
			upload_fail_volume(u);
		else
			upload_step(u);
	}
}
