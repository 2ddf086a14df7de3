/*
 * Chunks whose copies share a disk while another one has none of them, and
 * stripes of which a disk has more parts than it need have: one of them
 * moves there, at [storaged] move_rate. They come to be where a disk was full,
 * away or not there yet; so all chunks are looked at, a bounded number at a
 * time and with rests, when volumes have changed and once an hour.
 */
#include <stdlib.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/care/healer_internal.h"
#include "storaged/storaged.h"

#define LOOK_US    3600000000ULL
#define LOOK       512U /* chunks asked about in one go */
#define REST_TIMES 16   /* as long as that took */

static bool
shares_disk(const struct healer *h, const struct catalog_chunk *chunk,
    uint32_t i, const struct volume *v)
{
	for (uint32_t k = 0; k < chunk->n_replicas; k++) {
		const struct volume *other =
		    volume_by_key(h->s->volumes, chunk->volumes[k]);

		if (k != i && other && other->disk == v->disk)
			return true;
	}
	return false;
}

/* The copy to be moved: of those that share a disk, that on the volume with
 * least room. NULL: none does any more. */
static struct volume *
source(const struct healer *h, const struct catalog_chunk *chunk)
{
	struct volume *best = NULL;

	for (uint32_t i = 0; i < chunk->n_replicas; i++) {
		struct volume *v =
		    volume_by_key(h->s->volumes, chunk->volumes[i]);

		if (!v || !volume_readable(v) || !shares_disk(h, chunk, i, v))
			continue;
		if (!best || volume_room(v) < volume_room(best))
			best = v;
	}
	return best;
}

/* A part of a stripe has no other copy. */
static struct volume *
part_of(const struct healer *h, const struct catalog_chunk *chunk)
{
	struct volume *v = chunk->n_replicas == 1
	    ? volume_by_key(h->s->volumes, chunk->volumes[0])
	    : NULL;

	return v && volume_readable(v) ? v : NULL;
}

static void
moved(struct copy *c)
{
	struct healer *h = c->arg;

	nx_assert(h->running);
	h->running = false;
	h->spread.left += c->result < 0;
	if (c->result == 0) {
		h->spread.moved++;
		moves_count(&h->moves, c->chunk.sums.size);
		moves_rest(h, c->chunk.sums.size);
	}
	healer_next(h);
}

/* True when a copy of the chunk @key is on its way. */
static bool
move(struct healer *h, int64_t key)
{
	struct catalog_chunk chunk;
	struct volume *old, *target;

	if (catalog_chunk_get(h->s->catalog, key, &chunk) != 0)
		return false;
	old = chunk.code == 0 ? source(h, &chunk) : part_of(h, &chunk);
	if (!old)
		return false;
	target = healer_target(h, &chunk, chunk.code == 0 ? 0 : old->key, true);
	if (target)
		h->running = copy_make(h->s, &chunk, target, old->key, false,
				 moved, h) == 0;
	h->spread.left += !h->running;
	return h->running;
}

static void
pass_over(struct healer *h)
{
	h->spread.scanning = false;
	h->spread.unspread = h->spread.left;
	if (h->spread.moved > 0)
		nx_info("event=copies-spread moved=%llu left=%llu",
		    (unsigned long long)h->spread.moved,
		    (unsigned long long)h->spread.left);
	if (h->spread.again)
		spread_look(h);
}

/* The next few; true when it goes on after a rest. */
static bool
fetch(struct healer *h)
{
	uint64_t began = nx_now_us();
	int n = catalog_unspread_next(h->s->catalog, &h->spread.after, LOOK,
	    disks_usable(h->s->volumes), h->spread.keys, SPREAD_KEYS);

	h->spread.at = 0;
	h->spread.n = n > 0 ? (size_t)n : 0;
	if (n < 0 || h->spread.after == 0) {
		pass_over(h);
		return false;
	}
	if (n > 0)
		return false;
	return healer_go_on(
	    h, (unsigned)((nx_now_us() - began) * REST_TIMES / 1000) + 1);
}

bool
spread_step(struct healer *h)
{
	nx_assert(!h->running);
	while (h->spread.scanning) {
		if (moves_wait(h))
			return true;
		if (h->spread.at < h->spread.n) {
			if (move(h, h->spread.keys[h->spread.at++]))
				return true;
		} else if (fetch(h))
			return true;
	}
	return false;
}

void
spread_look(struct healer *h)
{
	h->spread.again = h->spread.scanning;
	h->spread.looked_us = nx_now_us();
	if (h->spread.scanning)
		return;
	h->spread.moved = h->spread.left = 0;
	h->spread.after = 0;
	h->spread.n = h->spread.at = 0;
	h->spread.scanning = disks_usable(h->s->volumes) > 1;
	if (!h->spread.scanning)
		h->spread.unspread = 0;
}

void
spread_tick(struct healer *h)
{
	if (nx_now_us() < h->spread.looked_us + LOOK_US)
		return;
	spread_look(h);
	healer_next(h);
}
