/*
 * The collector's order of work: reaping at its own pace, beside it one job at
 * a time for the worker threads, trash before orphans. Volumes take turns, and
 * one that fails is left alone for a while: what is wrong with it is no reason
 * for space not to come back on the others.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog.h"
#include "storaged/care/collector.h"
#include "storaged/care/pace.h"
#include "storaged/care/reaper.h"
#include "storaged/care/reserve.h"
#include "storaged/care/sweep.h"
#include "storaged/volumes/volumes.h"

#define BATCH   64 /* files unlinked between two rests */
#define RETRY_S 30
#define SWEEP_S 3600

/* One volume's batch of trash. */
struct batch {
	struct collector *c;
	struct volume *volume; /* referenced */
	struct chunk_id ids[BATCH];
	size_t n;
	int result;
	struct catalog_trash_done op;
};

/* A volume that failed and is not asked again before @until. */
struct stall {
	LIST_ENTRY(stall) entry;
	int64_t volume;
	uint64_t until;
};

struct collector {
	struct storaged *s;
	struct reaper *reaper;
	bool running;        /* a job is with the workers, or its answer due */
	bool trash;          /* there may be some */
	int64_t trash_after; /* volume key: whose turn it was */
	LIST_HEAD(, stall) stalls;
	int64_t sweep_after; /* volume key; INT64_MAX: no sweep */
	atomic_bool stop;    /* nothing new is begun */
	bool swept;
	struct sweep_found found, finding;
	struct event *retry, *hourly;
	struct event *rest; /* pending: no trash until then */
	struct pace pace;
	uint64_t (*oldest)(void *arg);
	void *oldest_arg;
};

static void next(struct collector *c);

static void
on_reaped(void *arg)
{
	struct collector *c = arg;

	c->trash = true;
	next(c);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	on_reaped(arg);
}

static void
on_rested(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	next(arg);
}

static void
on_hourly(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	collector_sweep(arg);
}

struct collector *
collector_new(struct storaged *s)
{
	struct collector *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->s = s;
	c->sweep_after = INT64_MAX;
	LIST_INIT(&c->stalls);
	c->reaper = reaper_new(s, on_reaped, c);
	c->retry = evtimer_new(s->base, on_retry, c);
	c->hourly = evtimer_new(s->base, on_hourly, c);
	c->rest = evtimer_new(s->base, on_rested, c);
	return c->reaper && c->retry && c->hourly && c->rest
	    ? c
	    : collector_free(c);
}

struct collector *
collector_free(struct collector *c)
{
	struct stall *st;

	if (!c)
		return NULL;
	while ((st = LIST_FIRST(&c->stalls))) {
		LIST_REMOVE(st, entry);
		free(st);
	}
	reaper_free(c->reaper);
	if (c->retry)
		event_free(c->retry);
	if (c->hourly)
		event_free(c->hourly);
	if (c->rest)
		event_free(c->rest);
	free(c);
	return NULL;
}

void
collector_watch(struct collector *c, uint64_t (*oldest)(void *arg), void *arg)
{
	c->oldest = oldest;
	c->oldest_arg = arg;
}

/* --- volumes that fail ------------------------------------------------------*/

static bool
is_stalled(struct collector *c, int64_t volume)
{
	struct stall *st;

	LIST_FOREACH(st, &c->stalls, entry)
		if (st->volume == volume) {
			if (nx_now_us() < st->until)
				return true;
			LIST_REMOVE(st, entry);
			free(st);
			return false;
		}
	return false;
}

/* Without memory to remember it, it is merely asked again sooner. */
static void
stall(struct collector *c, struct volume *v, int error)
{
	struct timeval later = {.tv_sec = RETRY_S};
	struct stall *st = calloc(1, sizeof(*st));

	nx_warn("event=trash-not-removed node=%s error=\"%s\"", v->node,
	    strerror(-error));
	if (volume_fault_of(error) == FAULT_VOLUME)
		volume_suspect(c->s->volumes, v, error);
	if (st) {
		st->volume = v->key;
		st->until = nx_now_us() + RETRY_S * 1000000ULL;
		LIST_INSERT_HEAD(&c->stalls, st, entry);
	} else
		c->trash = false;
	(void)evtimer_add(c->retry, &later);
}

/* --- trash ------------------------------------------------------------------*/

static void
batch_end(struct batch *b)
{
	struct collector *c = b->c;

	nx_assert(c->running);
	c->running = false;
	volume_unref(b->volume);
	free(b);
	next(c);
}

static void
unlink_work(void *arg)
{
	struct batch *b = arg;

	for (size_t i = 0; i < b->n && b->result == 0; i++)
		b->result = chunk_remove(b->volume->store, &b->ids[i]);
}

static void
rest_after(struct collector *c, uint64_t took)
{
	uint64_t us = pace_rest(&c->pace, c->s, took);
	struct timeval tv = {.tv_sec = (time_t)(us / 1000000),
	    .tv_usec = (suseconds_t)(us % 1000000)};

	(void)evtimer_add(c->rest, &tv);
}

static void
unlink_recorded(int result, void *arg)
{
	struct batch *b = arg;
	struct timeval later = {.tv_sec = RETRY_S};

	if (result == -ENOSPC && reserve_give(b->c->s->reserve)) {
		catalog_trash_done(b->c->s->catalog, &b->op);
		return;
	}
	if (result < 0) {
		/* The same would fail again at once: for all volumes. */
		nx_warn(
		    "event=trash-not-recorded error=\"%s\"", strerror(-result));
		b->c->trash = false;
		(void)evtimer_add(b->c->retry, &later);
	}
	rest_after(b->c, nx_now_us() - b->op.began);
	batch_end(b);
}

static void
unlink_done(void *arg)
{
	struct batch *b = arg;

	nx_assert(b->c->running && b->n > 0);
	if (b->result < 0) {
		stall(b->c, b->volume, b->result);
		batch_end(b);
		return;
	}
	/* The rows may go before the unlinks are on disk: what a crash brings
	 * back is an orphan then. */
	b->op = (struct catalog_trash_done){.volume = b->volume->key,
	    .ids = b->ids,
	    .n = b->n,
	    .done = unlink_recorded,
	    .arg = b};
	catalog_trash_done(b->c->s->catalog, &b->op);
}

/* True when a batch of @v is under way. */
static bool
unlink_some(struct collector *c, struct volume *v)
{
	struct batch *b = calloc(1, sizeof(*b));
	int n = -ENOMEM;

	nx_assert(!c->running && volume_readable(v));
	if (b)
		n = catalog_trash(
		    c->s->catalog, v->key, &v->trash, b->ids, BATCH);
	if (n <= 0) {
		free(b);
		return false;
	}
	b->c = c;
	b->volume = v;
	b->n = (size_t)n;
	if (nx_workers_submit(c->s->slow, unlink_work, unlink_done, b) < 0) {
		free(b);
		return false;
	}
	volume_ref(v);
	c->running = true;
	return true;
}

/* The readable volume with the smallest key after @after; NULL: none. */
static struct volume *
volume_after(struct collector *c, int64_t after)
{
	struct volume *v, *best = NULL;

	TAILQ_FOREACH(v, &c->s->volumes->list, entry)
		if (v->key > after && volume_readable(v) &&
		    (!best || v->key < best->key))
			best = v;
	return best;
}

/* From the one after whose turn it was, once around. */
static bool
next_trash(struct collector *c)
{
	int64_t began = c->trash_after;
	bool wrapped = false;

	for (;;) {
		struct volume *v = volume_after(c, c->trash_after);

		if (!v || (wrapped && v->key > began)) {
			if (wrapped)
				return false;
			wrapped = true;
			c->trash_after = 0;
			continue;
		}
		c->trash_after = v->key;
		if (!is_stalled(c, v->key) && unlink_some(c, v))
			return true;
	}
}

/* --- orphans ----------------------------------------------------------------*/

static uint64_t
older_than(struct collector *c)
{
	uint64_t now = nx_wall_us() / 1000000;
	uint64_t before = now - c->s->conf.orphan_grace;
	uint64_t oldest = c->oldest ? c->oldest(c->oldest_arg) : UINT64_MAX;

	return before < oldest ? before : oldest;
}

static void
swept(const struct sweep_found *found, void *arg)
{
	struct collector *c = arg;

	nx_assert(c->running);
	c->running = false;
	c->finding.set_aside += found->set_aside;
	c->finding.refused += found->refused;
	next(c);
}

static bool
next_sweep(struct collector *c)
{
	struct volume *v;

	nx_assert(!c->running);
	if (c->sweep_after == INT64_MAX)
		return false;
	v = volume_after(c, c->sweep_after);
	if (!v) {
		c->sweep_after = INT64_MAX;
		c->found = c->finding;
		return false;
	}
	c->sweep_after = v->key;
	c->running =
	    sweep_start(c->s, v, older_than(c), &c->stop, swept, c) == 0;
	return c->running || next_sweep(c);
}

/* --- what is next -----------------------------------------------------------*/

static void
next(struct collector *c)
{
	if (c->stop || c->running || evtimer_pending(c->rest, NULL))
		return;
	if (c->trash && next_trash(c))
		return;
	c->trash = false;
	(void)next_sweep(c);
}

void
collector_stop(struct collector *c)
{
	c->stop = true;
}

void
collector_kick(struct collector *c)
{
	reaper_kick(c->reaper);
	c->trash = true;
	next(c);
}

void
collector_want(struct collector *c, uint64_t owner)
{
	struct volume *v;

	reaper_want(c->reaper, owner);
	TAILQ_FOREACH(v, &c->s->volumes->list, entry)
		v->trash.wanted = owner;
}

void
collector_sweep(struct collector *c)
{
	struct timeval tv = {.tv_sec = SWEEP_S};

	/* What the last crash left may be too young for the sweep at start:
	 * the second one comes when the grace has passed. */
	if (!c->swept)
		tv.tv_sec = (time_t)c->s->conf.orphan_grace + 1;
	c->swept = true;
	(void)evtimer_add(c->hourly, &tv);
	c->sweep_after = 0;
	c->finding = (struct sweep_found){0};
	collector_kick(c);
}

void
collector_status(const struct collector *c, struct collector_status *ret_status)
{
	*ret_status = (struct collector_status){
	    .busy = c->running || reaper_busy(c->reaper) ||
		(c->trash && evtimer_pending(c->rest, NULL)),
	    .set_aside = c->found.set_aside,
	    .refused = c->found.refused,
	};
}
