/*
 * The healer's queue and its small jobs: what readers report, and chunks with
 * too few replicas. Emptying a volume is in drain.c, volumes out of reach in
 * away.c. Belongs to the loop's thread; the work itself is copy.c's.
 *
 * One thing runs at a time. Whoever starts it sets @running, whoever is told
 * that it is over clears it and asks for what is next: nobody else does.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/care/collector.h"
#include "storaged/care/healer_internal.h"

#define REPORTS_MAX 1024
#define TARGETS_MAX 8 /* tried for one copy */
#define TICK_S      5

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	healer_next(arg);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct healer *h = arg;

	(void)fd;
	(void)what;
	if (h->trash_in_the_way) {
		h->trash_in_the_way = false;
		healer_kick(h);
	}
	away_tick(h);
	evacuate_tick(h);
	spread_tick(h);
	tally_tick(h);
}

bool
healer_go_on(struct healer *h, unsigned ms)
{
	struct timeval tv = {
	    .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	(void)evtimer_add(h->again, &tv);
	return true;
}

/* One that is back may have what was deleted meanwhile. */
static void
on_volumes_changed(void *arg)
{
	struct healer *h = arg;

	collector_kick(h->s->collector);
	healer_kick(h);
}

struct healer *
healer_new(struct storaged *s)
{
	const struct timeval every = {.tv_sec = TICK_S};
	struct healer *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->s = s;
	TAILQ_INIT(&h->reports);
	TAILQ_INIT(&h->drains);
	h->again = evtimer_new(s->base, on_again, h);
	h->tick = event_new(s->base, -1, EV_PERSIST, on_tick, h);
	if (!tally_init(h) || !h->again || !h->tick ||
	    event_add(h->tick, &every) < 0)
		return healer_free(h);
	volumes_watch(s->volumes, on_volumes_changed, h);
	return h;
}

void
healer_stop(struct healer *h)
{
	h->stopped = true;
}

struct healer *
healer_free(struct healer *h)
{
	struct report *rep;
	struct drain *d;

	if (!h)
		return NULL;
	nx_assert(!h->running); /* its copy would come back to nobody */
	volumes_watch(h->s->volumes, NULL, NULL);
	while ((rep = TAILQ_FIRST(&h->reports))) {
		TAILQ_REMOVE(&h->reports, rep, entry);
		free(rep);
	}
	while ((d = TAILQ_FIRST(&h->drains))) {
		TAILQ_REMOVE(&h->drains, d, entry);
		drain_free(d);
	}
	if (h->again)
		event_free(h->again);
	if (h->tick)
		event_free(h->tick);
	tally_fini(h);
	free(h);
	return NULL;
}

/* What the new one is to be apart from: other replicas, and the other parts of
 * its stripe, of which each volume has one at most. False: nothing is known. */
static bool
neighbours(struct healer *h, const struct catalog_chunk *chunk, int64_t old,
    int64_t * not, size_t *ret_n_not, int64_t *beside, size_t *ret_n_beside)
{
	size_t n = chunk->n_replicas, n_beside = 0;
	int parts = catalog_stripe_volumes(h->s->catalog, chunk, not +n);

	if (parts < 0)
		return false;
	memcpy(not, chunk->volumes, n * sizeof(not [0]));
	n += (size_t)parts;
	for (size_t i = 0; i < n; i++)
		if (not [i] != old)
			beside[n_beside++] = not [i];
	*ret_n_not = n;
	*ret_n_beside = n_beside;
	return true;
}

/* Elsewhere: of a part of a stripe that is a disk with fewer of them. */
static unsigned
most_there(struct healer *h, const struct catalog_chunk *chunk, int64_t old,
    const struct placed *placed)
{
	const struct volume *v = volume_by_key(h->s->volumes, old);
	unsigned here;

	if (chunk->code == 0 || !v)
		return 0;
	here = volumes_on_disk(
	    h->s->volumes, v->disk, placed->beside, placed->n_beside);
	return here > 0 ? here - 1 : 0;
}

/* Not to where one waits to be unlinked: the new one has the same name and
 * would go with it. */
struct volume *
healer_target(struct healer *h, const struct catalog_chunk *chunk, int64_t old,
    bool elsewhere)
{
	int64_t not [CATALOG_REPLICAS + ERASURE_PARTS_MAX + TARGETS_MAX];
	int64_t beside[CATALOG_REPLICAS + ERASURE_PARTS_MAX];
	struct placed placed = {.not = not, .beside = beside, .most = UINT_MAX};
	struct volume *v;
	size_t n;

	nx_assert(chunk->n_replicas <= CATALOG_REPLICAS);
	if (chunk->n_replicas == CATALOG_REPLICAS ||
	    !neighbours(h, chunk, old, not, &n, beside, &placed.n_beside))
		return NULL;
	if (elsewhere)
		placed.most = most_there(h, chunk, old, &placed);
	for (;;) {
		placed.n_not = n;
		v = volumes_place_one(h->s->volumes, chunk->sums.size, &placed);
		if (!v ||
		    catalog_knows(h->s->catalog, v->key, chunk->id.text) == 0)
			return v;
		collector_kick(h->s->collector);
		h->trash_in_the_way = true;
		if (n == NX_ARRAY_SIZE(not ))
			return NULL;
		not [n++] = v->key;
	}
}

bool
healer_may_rewrite(const struct volume *v)
{
	return volume_readable(v) && v->state == VOLUME_READY && !v->suspect;
}

static void
over(struct healer *h)
{
	nx_assert(h->running);
	h->running = false;
	healer_next(h);
}

static bool
start(struct healer *h, const struct catalog_chunk *chunk,
    struct volume *target, int64_t old, void (*done)(struct copy *copy))
{
	nx_assert(!h->running);
	h->running = copy_make(h->s, chunk, target, old, false, done, h) == 0;
	return h->running;
}

/* --- what readers report ----------------------------------------------------*/

/* Whoever has a file that cannot be repaired may read it as often as they like:
 * the log has each finding once, the status counts. */
static void
say_reported(struct healer *h, int64_t chunk, int64_t volume)
{
	static struct nx_log_rate rate;
	enum catalog_damage known = catalog_damage(h->s->catalog, chunk);

	if (said_is_news(&h->reported, chunk, volume, (int)known) &&
	    nx_log_may(&rate, "bad-replica"))
		nx_warn("event=bad-replica chunk=%" PRId64 " volume=%" PRId64,
		    chunk, volume);
}

static void
say_not_repaired(struct healer *h, const struct copy *c)
{
	static struct nx_log_rate rate;
	int64_t volume = c->old ? c->old : c->target->key;

	if (said_is_news(&h->tried, c->chunk.key, volume, c->result) &&
	    nx_log_may(&rate, "replica-not-repaired"))
		nx_err("event=replica-not-repaired chunk=%s error=\"%s\"",
		    c->chunk.id.text,
		    c->result < 0 ? strerror(-c->result) : "deleted");
}

/* What comes next to the same replica is another story. */
static void
forget_said(struct healer *h, const struct copy *c)
{
	int64_t volume = c->old ? c->old : c->target->key;

	said_forget(&h->reported, c->chunk.key, volume);
	said_forget(&h->tried, c->chunk.key, volume);
}

void
healer_report(struct healer *h, int64_t chunk, int64_t volume)
{
	struct report *rep;

	h->s->corrupt++;
	TAILQ_FOREACH(rep, &h->reports, entry)
		if (rep->chunk == chunk && rep->volume == volume)
			return;
	if (h->n_reports >= REPORTS_MAX)
		return; /* the next reader reports it again */
	rep = calloc(1, sizeof(*rep));
	if (!rep)
		return;
	rep->chunk = chunk;
	rep->volume = volume;
	TAILQ_INSERT_TAIL(&h->reports, rep, entry);
	h->n_reports++;
	say_reported(h, chunk, volume);
	healer_next(h);
}

static void
repaired(struct copy *c)
{
	struct healer *h = c->arg;

	if (c->result == 0 && !c->was_good) {
		h->s->repaired++;
		forget_said(h, c);
		nx_info("event=replica-repaired chunk=%s node=%s",
		    c->chunk.id.text, c->target->node);
	} else if (c->result != 0)
		say_not_repaired(h, c);
	h->repairing = false;
	over(h);
}

/* Rewritten where it was, or elsewhere when that volume is not to be trusted.
 * True when a copy has been started. */
static bool
repair(struct healer *h, const struct report *rep)
{
	struct volume *v = volume_by_key(h->s->volumes, rep->volume);
	struct catalog_chunk chunk;
	bool listed = false;

	if (catalog_chunk_get(h->s->catalog, rep->chunk, &chunk) != 0)
		return false;
	for (uint32_t i = 0; i < chunk.n_replicas; i++)
		listed |= chunk.volumes[i] == rep->volume;
	if (!listed)
		return false;
	if (v && healer_may_rewrite(v))
		return start(h, &chunk, v, 0, repaired);
	v = healer_target(h, &chunk, rep->volume, false);
	return v && start(h, &chunk, v, rep->volume, repaired);
}

static bool
next_report(struct healer *h)
{
	struct report *rep;
	bool started = false;

	while (!started && (rep = TAILQ_FIRST(&h->reports))) {
		nx_assert(h->n_reports > 0 && h->n_reports <= REPORTS_MAX);
		TAILQ_REMOVE(&h->reports, rep, entry);
		h->n_reports--;
		started = repair(h, rep);
		free(rep);
	}
	h->repairing = started;
	return started;
}

size_t
healer_reports(const struct healer *h)
{
	return h->n_reports + h->repairing;
}

/* --- too few replicas -------------------------------------------------------*/

void
healer_kick(struct healer *h)
{
	h->scanning = true;
	h->scan = (struct catalog_degraded){0};
	away_look(h);
	evacuate_look(h);
	spread_look(h);
	healer_next(h);
}

static void
healed(struct copy *c)
{
	if (c->result == 0)
		nx_debug("event=replica-added chunk=%s node=%s",
		    c->chunk.id.text, c->target->node);
	over(c->arg);
}

static bool
next_degraded(struct healer *h)
{
	struct catalog_chunk chunk;

	for (int looked = 0; h->scanning; looked++) {
		struct volume *target;

		if (looked == HEALER_SLICE)
			return healer_go_on(h, 0);
		if (catalog_degraded_next(h->s->catalog, &h->scan, &chunk) <=
		    0) {
			h->scanning = false;
			break;
		}
		target = healer_target(h, &chunk, 0, false);
		if (target && (chunk.n_replicas > 0 || chunk.code != 0) &&
		    start(h, &chunk, target, 0, healed))
			return true;
	}
	return false;
}

void
healer_next(struct healer *h)
{
	if (h->stopped || h->running || next_report(h))
		return;
	while (!h->running && !TAILQ_EMPTY(&h->drains))
		if (drain_step(h))
			return;
	if (h->running || next_degraded(h))
		return;
	if (away_step(h) || h->running || evacuate_step(h) || h->running)
		return;
	(void)spread_step(h);
}

uint64_t
healer_unspread(const struct healer *h)
{
	return h->spread.unspread;
}
