/* See healer.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog.h"
#include "storaged/care/collector.h"
#include "storaged/care/healer.h"
#include "storaged/uploads/upload_internal.h"

#define REPORTS_MAX 1024
#define TARGETS_MAX 8   /* tried for one copy */
#define SLICE       128 /* chunks looked at before others get a turn */

struct report {
	TAILQ_ENTRY(report) entry;
	int64_t chunk, volume;
};

struct drain {
	TAILQ_ENTRY(drain) entry;
	struct volume *volume;
	bool all;
	int64_t after;
	uint64_t moved, left;
	int why;
	healer_drained *done;
	void *arg;
};

/* One copy, from whatever source is good, to one target. */
struct copy {
	struct healer *healer;
	struct catalog_chunk chunk;
	struct volume *sources[CATALOG_REPLICAS]; /* referenced */
	size_t n_sources;
	struct volume *target; /* referenced */
	int64_t old;           /* the replica it takes the place of, or 0 */
	bool check_first;      /* the target has one: is it really bad? */
	bool was_good;
	int result;
	struct catalog_replica_set set;
	void (*done)(struct copy *copy);
};

struct healer {
	struct storaged *s;
	bool running;
	TAILQ_HEAD(, report) reports;
	size_t n_reports;
	TAILQ_HEAD(, drain) drains; /* the first is being worked on */
	bool scanning;
	int64_t scan_file, scan_after;
	struct event *again;
};

static void next(struct healer *h);

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	next(arg);
}

/* Looking costs time as well: the loop goes on before the next slice. */
static bool
go_on_later(struct healer *h)
{
	struct timeval now = {0};

	(void)evtimer_add(h->again, &now);
	return true;
}

struct healer *
healer_new(struct storaged *s)
{
	struct healer *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->s = s;
	TAILQ_INIT(&h->reports);
	TAILQ_INIT(&h->drains);
	h->again = evtimer_new(s->base, on_again, h);
	return h->again ? h : healer_free(h);
}

struct healer *
healer_free(struct healer *h)
{
	struct report *rep;
	struct drain *d;

	if (!h)
		return NULL;
	while ((rep = TAILQ_FIRST(&h->reports))) {
		TAILQ_REMOVE(&h->reports, rep, entry);
		free(rep);
	}
	if (h->again)
		event_free(h->again);
	while ((d = TAILQ_FIRST(&h->drains))) {
		TAILQ_REMOVE(&h->drains, d, entry);
		free(d);
	}
	free(h);
	return NULL;
}

/* --- copying ----------------------------------------------------------------*/

static bool
is_good(struct volume *v, const struct catalog_chunk *chunk)
{
	struct chunk_reader *reader;
	bool good;

	if (chunk_open(v->store, &chunk->id, &reader) < 0)
		return false;
	good =
	    chunk_verify(reader, &chunk->sums, 0, chunk->sums.size, NULL) == 0;
	chunk_close(reader);
	return good;
}

/* Each block from whichever replica has it good, the target's own included:
 * its file stays readable until the copy has taken its place. */
static void
copy_work(void *arg)
{
	struct chunk_reader *readers[CATALOG_REPLICAS] = {NULL};
	struct copy *c = arg;

	if (c->check_first && is_good(c->target, &c->chunk)) {
		c->was_good = true;
		c->result = 0;
		return;
	}
	for (size_t i = 0; i < c->n_sources; i++)
		(void)chunk_open(
		    c->sources[i]->store, &c->chunk.id, &readers[i]);
	/* Replacing also what an interrupted copy may have left. */
	c->result = chunk_copy(readers, c->n_sources, &c->chunk.sums,
	    c->target->store, &c->chunk.id, true, NULL);
	for (size_t i = 0; i < c->n_sources; i++)
		chunk_close(readers[i]);
}

static void
forget_copy(struct storaged *s, const struct copy *c)
{
	struct catalog_chunk *orphan = malloc(sizeof(*orphan));

	if (!orphan)
		return; /* the collector finds it */
	*orphan = c->chunk;
	orphan->n_replicas = 1;
	orphan->volumes[0] = c->target->key;
	upload_discard(s, NULL, orphan, 1);
}

static void
copy_end(struct copy *c)
{
	struct healer *h = c->healer;

	h->running = false;
	c->done(c);
	for (size_t i = 0; i < c->n_sources; i++)
		volume_unref(c->sources[i]);
	volume_unref(c->target);
	free(c);
	next(h);
}

static void
copy_recorded(int result, void *arg)
{
	struct copy *c = arg;
	struct storaged *s = c->healer->s;

	c->result = result;
	if (result != 0)
		forget_copy(s, c);
	else if (c->old != 0)
		collector_kick(s->collector);
	copy_end(c);
}

static void
copy_done(void *arg)
{
	struct copy *c = arg;

	if (c->result != 0 || c->was_good) {
		copy_end(c);
		return;
	}
	c->set = (struct catalog_replica_set){.chunk = c->chunk.key,
	    .volume = c->target->key,
	    .old = c->old,
	    .done = copy_recorded,
	    .arg = c};
	catalog_replica_set(c->healer->s->catalog, &c->set);
}

/* Where another replica of @chunk can go, NULL: nowhere. Not to where one waits
 * to be unlinked: the new one has the same name and would go with it. */
static struct volume *
find_target(struct healer *h, const struct catalog_chunk *chunk)
{
	int64_t not [CATALOG_REPLICAS + TARGETS_MAX];
	size_t n = chunk->n_replicas;
	struct volume *v;

	memcpy(not, chunk->volumes, n * sizeof(not [0]));
	for (;;) {
		v = volumes_place_one(h->s->volumes, chunk->sums.size, not, n);
		if (!v ||
		    catalog_knows(h->s->catalog, v->key, chunk->id.text) == 0)
			return v;
		collector_kick(h->s->collector);
		if (n == NX_ARRAY_SIZE(not ))
			return NULL;
		not [n++] = v->key;
	}
}

/* Sources: every readable replica. */
static int
copy_start(struct healer *h, const struct catalog_chunk *chunk,
    struct volume *target, int64_t old, void (*done)(struct copy *copy))
{
	struct copy *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->healer = h;
	c->chunk = *chunk;
	c->target = target;
	c->old = old;
	c->done = done;
	for (uint32_t i = 0; i < chunk->n_replicas; i++) {
		struct volume *v =
		    volume_by_key(h->s->volumes, chunk->volumes[i]);

		c->check_first |= v == target;
		if (v && volume_readable(v))
			c->sources[c->n_sources++] = v;
	}
	if (nx_workers_submit(h->s->slow, copy_work, copy_done, c) < 0) {
		free(c);
		return -ENOMEM;
	}
	for (size_t i = 0; i < c->n_sources; i++)
		volume_ref(c->sources[i]);
	volume_ref(target);
	h->running = true;
	return 0;
}

/* --- what readers report ----------------------------------------------------*/

void
healer_report(struct healer *h, int64_t chunk, int64_t volume)
{
	struct report *rep;

	h->s->corrupt++;
	nx_warn("event=bad-replica chunk=%" PRId64 " volume=%" PRId64, chunk,
	    volume);
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
	next(h);
}

static void
repaired(struct copy *c)
{
	if (c->result == 0 && !c->was_good) {
		c->healer->s->repaired++;
		nx_info("event=replica-repaired chunk=%s node=%s",
		    c->chunk.id.text, c->target->node);
	} else if (c->result != 0)
		nx_err("event=replica-not-repaired chunk=%s error=\"%s\"",
		    c->chunk.id.text,
		    c->result < 0 ? strerror(-c->result) : "deleted");
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
	if (v && v->attached && v->state == VOLUME_READY && !v->suspect)
		return copy_start(h, &chunk, v, 0, repaired) == 0;
	v = find_target(h, &chunk);
	return v && copy_start(h, &chunk, v, rep->volume, repaired) == 0;
}

static bool
next_report(struct healer *h)
{
	struct report *rep = TAILQ_FIRST(&h->reports);
	bool started;

	if (!rep)
		return false;
	TAILQ_REMOVE(&h->reports, rep, entry);
	h->n_reports--;
	started = repair(h, rep);
	free(rep);
	return started || next_report(h);
}

/* --- emptying a volume ------------------------------------------------------*/

void
healer_drain(struct healer *h, struct volume *v, bool all, healer_drained *done,
    void *arg)
{
	struct drain *d = calloc(1, sizeof(*d));

	nx_assert(d);
	*d = (struct drain){.volume = v, .all = all, .done = done, .arg = arg};
	TAILQ_INSERT_TAIL(&h->drains, d, entry);
	next(h);
}

static void
drained(struct healer *h)
{
	struct drain *d = TAILQ_FIRST(&h->drains);

	TAILQ_REMOVE(&h->drains, d, entry);
	d->done(d->moved, d->left, d->why, d->arg);
	free(d);
}

static void
drain_failed(struct drain *d, int why)
{
	d->left++;
	if (d->why == 0)
		d->why = why;
}

static void
drain_copied(struct copy *c)
{
	struct drain *d = TAILQ_FIRST(&c->healer->drains);

	if (c->result == 0)
		d->moved++;
	else if (c->result != CATALOG_NO_FILE) /* deleted meanwhile: fine */
		drain_failed(d, c->result);
}

static bool
has_other(struct healer *h, const struct catalog_chunk *chunk,
    const struct volume *but)
{
	for (uint32_t i = 0; i < chunk->n_replicas; i++) {
		const struct volume *v =
		    volume_by_key(h->s->volumes, chunk->volumes[i]);

		if (v && v != but && volume_readable(v) && !v->suspect)
			return true;
	}
	return false;
}

/* True when it goes on later; false when the drain has ended. */
static bool
next_drain(struct healer *h)
{
	struct drain *d = TAILQ_FIRST(&h->drains);
	struct catalog_chunk chunk;
	struct volume *target;
	int n, looked = 0;

	while (d->left == 0 || d->all) {
		if (looked++ == SLICE)
			return go_on_later(h);
		n = catalog_volume_next(
		    h->s->catalog, d->volume->key, d->after, &chunk, 1);
		if (n < 0)
			drain_failed(d, n);
		if (n <= 0)
			break;
		d->after = chunk.key;
		if (has_other(h, &chunk, d->volume))
			continue;
		target = find_target(h, &chunk);
		if (target &&
		    copy_start(h, &chunk, target, 0, drain_copied) == 0)
			return true;
		drain_failed(d, -ENOSPC);
	}
	drained(h);
	return false;
}

/* --- too few replicas -------------------------------------------------------*/

void
healer_kick(struct healer *h)
{
	h->scanning = true;
	h->scan_file = h->scan_after = 0;
	next(h);
}

static void
healed(struct copy *c)
{
	if (c->result == 0)
		nx_debug("event=replica-added chunk=%s node=%s",
		    c->chunk.id.text, c->target->node);
}

static bool
next_degraded(struct healer *h)
{
	struct catalog_chunk chunk;
	int looked = 0;

	while (h->scanning) {
		struct volume *target;

		if (looked++ == SLICE)
			return go_on_later(h);
		if (catalog_degraded_next(h->s->catalog, h->scan_file,
			h->scan_after, &chunk, 1) <= 0) {
			h->scanning = false;
			break;
		}
		h->scan_file = chunk.file;
		h->scan_after = chunk.key;
		target = find_target(h, &chunk);
		if (!target || chunk.n_replicas == 0)
			continue;
		if (copy_start(h, &chunk, target, 0, healed) == 0)
			return true;
	}
	return false;
}

static void
next(struct healer *h)
{
	if (h->running || next_report(h))
		return;
	while (!h->running && !TAILQ_EMPTY(&h->drains))
		if (next_drain(h))
			return;
	if (h->running)
		return;
	(void)next_degraded(h);
}
