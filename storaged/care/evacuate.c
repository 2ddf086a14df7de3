/*
 * Volumes an operator wants empty, or takes for failed, and those on disks that
 * are leaving: what is there is moved elsewhere, one chunk at a time and at
 * [storaged] move_rate, each verified where it has come before it is given up
 * here. What has nowhere to go stays and is looked at again. The intent is in
 * the catalogue and what is left to do is what is left there: a restart goes on.
 *
 * An empty base volume goes; a node's stays, without chunks.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/care/healer_internal.h"
#include "storaged/care/removal.h"
#include "storaged/storaged.h"

#define RETRY_S   60 /* what had nowhere to go */
#define WINDOW_US 10000000ULL

/* --- how fast ---------------------------------------------------------------*/

void
moves_count(struct moves *m, uint64_t bytes)
{
	uint64_t now = nx_now_us(), took = now - m->began_us;

	m->bytes += bytes;
	m->chunks++;
	if (took < WINDOW_US)
		return;
	/* Over a longer pause nothing is known. */
	m->rate = took < 6 * WINDOW_US ? m->bytes * 1000000 / took : 0;
	m->chunk_rate = took < 6 * WINDOW_US
	    ? (double)m->chunks * 1000000 / (double)took
	    : 0;
	m->began_us = now;
	m->bytes = m->chunks = 0;
}

bool
moves_wait(struct healer *h)
{
	uint64_t now = nx_now_us();

	if (now >= h->moves.until_us)
		return false;
	return healer_go_on(
	    h, (unsigned)((h->moves.until_us - now) / 1000) + 1);
}

void
moves_rest(struct healer *h, uint64_t bytes)
{
	h->moves.until_us =
	    nx_now_us() + bytes * 1000000 / h->s->conf.move_rate;
}

/* --- which ------------------------------------------------------------------*/

/* What is on a disk that is away goes when that is to be removed: it is made anew
 * from elsewhere, and what is only there stays, and holds up the removal. */
static bool
can_be_emptied(const struct volume *v)
{
	return volume_leaving(v) && v->state == VOLUME_READY && !v->deleting &&
	    (!volume_away(v) || (v->disk->leaving && v->disk->away));
}

/* One that is to be emptied and can be; an empty one is over for now. */
static struct volume *
current(struct healer *h)
{
	struct volume *v, *next = NULL;

	TAILQ_FOREACH(v, &h->s->volumes->list, entry) {
		if (!can_be_emptied(v))
			continue;
		if (v->key == h->out.volume && !h->out.end)
			return v;
		if (v->key > h->out.volume && (!next || v->key < next->key))
			next = v;
	}
	if (next) {
		h->out.volume = next->key;
		h->out.after = 0;
		h->out.stuck = 0;
		h->out.end = false;
	}
	return next;
}

static void
moved(struct copy *c)
{
	struct healer *h = c->arg;

	nx_assert(h->running);
	h->running = false;
	if (c->result == 0) {
		moves_count(&h->moves, c->chunk.sums.size);
		moves_rest(h, c->chunk.sums.size);
	} else if (c->result < 0)
		h->out.stuck++;
	healer_next(h);
}

/* True when @chunk is on its way from @v. A damaged one goes as it is, unless
 * what is out of reach here may be good. */
static bool
move(
    struct healer *h, const struct volume *v, const struct catalog_chunk *chunk)
{
	struct volume *target = healer_target(h, chunk, v->key, false);

	if (target)
		h->running = copy_make(h->s, chunk, target, v->key,
				 volume_readable(v), moved, h) == 0;
	else if (!h->trash_in_the_way)
		base_want(h->s->volumes);
	h->out.stuck += !h->running;
	return h->running;
}

/* Its list is at its end. */
static void
finish(struct healer *h, struct volume *v)
{
	uint64_t chunks = 1;

	h->out.end = true;
	v->stuck = h->out.stuck;
	if (catalog_volume_chunks(h->s->catalog, v->key, &chunks) < 0 ||
	    chunks > 0) {
		v->emptied = false;
		h->out.again_us = nx_now_us() + RETRY_S * 1000000ULL;
		return;
	}
	if (!v->emptied)
		nx_info("event=volume-emptied node=%s", v->node);
	v->emptied = true;
	if (v->base && nx_now_us() >= v->removal_us) {
		v->removal_us = nx_now_us() + RETRY_S * 1000000ULL;
		removal_start(h->s, v);
	}
}

bool
evacuate_step(struct healer *h)
{
	struct catalog_chunk chunk;

	nx_assert(!h->running);
	for (int looked = 0; h->out.scanning; looked++) {
		struct volume *v;

		if (looked == HEALER_SLICE)
			return healer_go_on(h, 0);
		if (moves_wait(h))
			return true;
		v = current(h);
		if (!v) {
			h->out.scanning = false;
			break;
		}
		if (catalog_volume_next(
			h->s->catalog, v->key, h->out.after, &chunk, 1) <= 0) {
			finish(h, v);
			continue;
		}
		h->out.after = chunk.key;
		if (move(h, v, &chunk))
			return true;
	}
	return false;
}

/* From the beginning, unless it is at work: then it comes around to it. */
void
evacuate_look(struct healer *h)
{
	if (h->out.scanning)
		return;
	h->out.scanning = true;
	h->out.volume = 0;
	h->out.end = true;
}

/* They go one after the other. */
static void
show_progress(struct healer *h)
{
	struct volume *v, *other;

	TAILQ_FOREACH(v, &h->s->volumes->list, entry) {
		uint64_t before = 0, chunks = 0;

		v->rate = v->left_s = 0;
		if (!volume_leaving(v) || v->emptied)
			continue;
		TAILQ_FOREACH(other, &h->s->volumes->list, entry)
			if (volume_leaving(other) && other->key <= v->key &&
			    catalog_volume_chunks(
				h->s->catalog, other->key, &chunks) == 0)
				before += chunks;
		v->rate = h->moves.rate;
		if (h->moves.chunk_rate > 0)
			v->left_s =
			    (uint64_t)((double)before / h->moves.chunk_rate) +
			    1;
	}
}

void
evacuate_tick(struct healer *h)
{
	const struct volume *v;
	bool any = false;

	TAILQ_FOREACH(v, &h->s->volumes->list, entry)
		any |= can_be_emptied(v) && (!v->emptied || v->base);
	if (any)
		show_progress(h);
	if (!any || h->out.scanning || nx_now_us() < h->out.again_us)
		return;
	evacuate_look(h);
	healer_next(h);
}
