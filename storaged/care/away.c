/*
 * Volumes that cannot be reached: which files lack a replica for that is
 * counted, and after a grace time what they held is copied anew from replicas
 * elsewhere. What was copied is trash there from then on, should the volume
 * come back; what is nowhere else stays listed there and waits for it.
 */
#include <stdlib.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/care/healer_internal.h"
#include "storaged/storaged.h"

#define LOOK_S 600 /* again, without being told of a change */

/* The one being walked, or the next in the order of keys. */
static struct volume *
current(struct healer *h)
{
	struct volume *v, *next = NULL;

	TAILQ_FOREACH(v, &h->s->volumes->list, entry) {
		if (!volume_away(v))
			continue;
		if (v->key == h->away.volume && !h->away.end)
			return v;
		if (v->key > h->away.volume && (!next || v->key < next->key))
			next = v;
	}
	if (next) {
		h->away.volume = next->key;
		h->away.after = h->away.file = 0;
		h->away.files = 0;
		h->away.end = false;
	}
	return next;
}

static bool
grace_is_over(const struct healer *h, const struct volume *v)
{
	return nx_now_us() >= v->away_us + h->s->conf.away_grace * 1000000ULL;
}

static bool
is_elsewhere(const struct healer *h, const struct catalog_chunk *chunk)
{
	for (uint32_t i = 0; i < chunk->n_replicas; i++) {
		const struct volume *v =
		    volume_by_key(h->s->volumes, chunk->volumes[i]);

		if (v && volume_readable(v))
			return true;
	}
	return stripe_is_there(h->s, chunk);
}

/* Files that lack one in the catalogue are counted there. */
static void
count(struct healer *h, const struct catalog_chunk *chunk)
{
	struct catalog_file file;

	if (chunk->file == h->away.file)
		return;
	h->away.file = chunk->file;
	if (catalog_file_with(h->s->catalog, chunk->file, 0, &file) == 0 &&
	    file.replicas >= file.want)
		h->away.files++;
}

static void
copied(struct copy *c)
{
	struct healer *h = c->arg;

	nx_assert(h->running);
	h->away.copied += c->result == 0;
	h->running = false;
	healer_next(h);
}

/* True when a copy of @chunk, which @v holds too, has been started. */
static bool
copy(
    struct healer *h, const struct volume *v, const struct catalog_chunk *chunk)
{
	struct volume *target;

	if (!grace_is_over(h, v) || !is_elsewhere(h, chunk))
		return false;
	target = healer_target(h, chunk, v->key, false);
	if (!target)
		return false;
	h->running =
	    copy_make(h->s, chunk, target, v->key, false, copied, h) == 0;
	return h->running;
}

static void
pass_over(struct healer *h)
{
	h->away.scanning = h->away.copied > 0; /* count anew */
	h->away.volume = 0;
	h->away.copied = 0;
}

bool
away_step(struct healer *h)
{
	struct catalog_chunk chunk;

	nx_assert(!h->running);
	for (int looked = 0; h->away.scanning; looked++) {
		struct volume *v;

		if (looked == HEALER_SLICE)
			return healer_go_on(h, 0);
		v = current(h);
		if (!v) {
			pass_over(h);
			continue;
		}
		if (catalog_volume_next(
			h->s->catalog, v->key, h->away.after, &chunk, 1) <= 0) {
			v->away_files = h->away.files;
			h->away.end = true;
			continue;
		}
		h->away.after = chunk.key;
		count(h, &chunk);
		if (copy(h, v, &chunk))
			return true;
	}
	return false;
}

void
away_look(struct healer *h)
{
	h->away.scanning = true;
	h->away.volume = 0;
	h->away.copied = 0;
}

void
away_tick(struct healer *h)
{
	struct volume *v;
	bool look = false;

	TAILQ_FOREACH(v, &h->s->volumes->list, entry) {
		if (!volume_away(v))
			continue;
		look |= nx_now_us() >= h->away.looked_us + LOOK_S * 1000000ULL;
		if (!v->away_over && grace_is_over(h, v)) {
			nx_warn("event=volume-away node=%s note=\"what it held "
				"is copied anew\"",
			    v->node);
			v->away_over = look = true;
		}
	}
	if (!look)
		return;
	h->away.looked_us = nx_now_us();
	away_look(h);
	healer_next(h);
}
