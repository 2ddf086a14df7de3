/* See collector.h. One job at a time; the trash before the orphans. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog.h"
#include "storaged/care/collector.h"
#include "storaged/uploads/upload.h"
#include "storaged/volumes/volume.h"

#define BATCH        256
#define RETRY_S      30
#define SWEEP_S      3600
#define NAME_MAX_LEN (NX_ID_LEN + 2) /* "<id>.r" of an unfinished copy */

struct stray {
	char name[NAME_MAX_LEN + 1];
};

/* One volume's batch: of trash, or of names that may be orphans. */
struct batch {
	struct collector *c;
	struct volume *volume; /* referenced */
	struct chunk_id ids[BATCH];
	size_t n;
	int result;
	struct catalog_trash_done op;
	/* sweeping */
	uint64_t before; /* only what is older (unix seconds) */
	struct stray *strays;
	size_t n_strays, room;
};

struct collector {
	struct storaged *s;
	bool running;
	bool trash;          /* there may be some */
	int64_t sweep_after; /* volume key; INT64_MAX: no sweep */
	bool swept;
	struct event *retry, *hourly;
};

static void next(struct collector *c);

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	collector_kick(arg);
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
	c->retry = evtimer_new(s->base, on_retry, c);
	c->hourly = evtimer_new(s->base, on_hourly, c);
	return c->retry && c->hourly ? c : collector_free(c);
}

struct collector *
collector_free(struct collector *c)
{
	if (!c)
		return NULL;
	if (c->retry)
		event_free(c->retry);
	if (c->hourly)
		event_free(c->hourly);
	free(c);
	return NULL;
}

static struct batch *
batch_new(struct collector *c, struct volume *v)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->c = c;
	b->volume = v;
	return b;
}

static void
batch_end(struct batch *b)
{
	struct collector *c = b->c;

	volume_unref(b->volume);
	free(b->strays);
	free(b);
	c->running = false;
	next(c);
}

static int
submit(struct batch *b, void (*work)(void *arg), void (*done)(void *arg))
{
	if (nx_workers_submit(b->c->s->slow, work, done, b) < 0) {
		free(b->strays);
		free(b);
		return -EAGAIN;
	}
	volume_ref(b->volume);
	b->c->running = true;
	return 0;
}

/* --- trash ------------------------------------------------------------------*/

static void
unlink_work(void *arg)
{
	struct batch *b = arg;

	for (size_t i = 0; i < b->n && b->result == 0; i++)
		b->result = chunk_remove(b->volume->store, &b->ids[i]);
}

static void
unlink_recorded(int result, void *arg)
{
	struct batch *b = arg;

	if (result < 0)
		nx_warn(
		    "event=trash-not-recorded error=\"%s\"", strerror(-result));
	batch_end(b);
}

static void
unlink_done(void *arg)
{
	struct batch *b = arg;

	if (b->result < 0) {
		struct timeval later = {.tv_sec = RETRY_S};

		nx_warn("event=trash-not-removed node=%s error=\"%s\"",
		    b->volume->node, strerror(-b->result));
		b->c->trash = false;
		(void)evtimer_add(b->c->retry, &later);
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

static bool
next_trash(struct collector *c)
{
	struct volume *v;

	TAILQ_FOREACH(v, &c->s->volumes->list, entry) {
		struct batch *b;
		int n;

		if (!volume_readable(v))
			continue;
		b = batch_new(c, v);
		if (!b)
			return false;
		n = catalog_trash(c->s->catalog, v->key, b->ids, BATCH);
		if (n <= 0) {
			free(b);
			continue;
		}
		b->n = (size_t)n;
		return submit(b, unlink_work, unlink_done) == 0;
	}
	return false;
}

/* --- orphans ----------------------------------------------------------------*/

static void
collect_name(const char *name, uint64_t changed_at, void *arg)
{
	struct batch *b = arg;

	if (changed_at >= b->before || strlen(name) > NAME_MAX_LEN)
		return;
	if (b->n_strays == b->room) {
		size_t room = b->room ? b->room * 2 : BATCH;
		struct stray *more =
		    reallocarray(b->strays, room, sizeof(*more));

		if (!more)
			return; /* the next sweep comes */
		b->strays = more;
		b->room = room;
	}
	(void)snprintf(
	    b->strays[b->n_strays++].name, NAME_MAX_LEN + 1, "%s", name);
}

static void
list_work(void *arg)
{
	struct batch *b = arg;

	b->result = chunk_list(b->volume->store, collect_name, b);
}

static void
remove_work(void *arg)
{
	struct batch *b = arg;

	for (size_t i = 0; i < b->n_strays && b->result == 0; i++)
		b->result = chunk_remove_stray(
		    b->volume->store, b->strays[i].name, b->before);
}

static void
remove_done(void *arg)
{
	struct batch *b = arg;

	nx_info("event=orphans-removed node=%s chunks=%zu", b->volume->node,
	    b->n_strays);
	batch_end(b);
}

static void
list_done(void *arg)
{
	struct batch *b = arg;
	size_t kept = 0;

	if (b->result < 0)
		nx_warn("event=sweep-failed node=%s error=\"%s\"",
		    b->volume->node, strerror(-b->result));
	for (size_t i = 0; i < b->n_strays; i++)
		if (catalog_knows(b->c->s->catalog, b->volume->key,
			b->strays[i].name) == 0)
			b->strays[kept++] = b->strays[i];
	b->n_strays = kept;
	b->result = 0;
	if (kept == 0 ||
	    nx_workers_submit(b->c->s->slow, remove_work, remove_done, b) < 0)
		batch_end(b);
}

static uint64_t
older_than(struct collector *c)
{
	uint64_t now = nx_wall_us() / 1000000;
	uint64_t before = now - c->s->conf.orphan_grace;
	uint64_t oldest = uploads_oldest(c->s->uploads);

	return before < oldest ? before : oldest;
}

static bool
next_sweep(struct collector *c)
{
	struct volume *v;

	TAILQ_FOREACH(v, &c->s->volumes->list, entry) {
		struct batch *b;

		/* The list is in the order of keys. */
		if (v->key <= c->sweep_after || !volume_readable(v))
			continue;
		c->sweep_after = v->key;
		b = batch_new(c, v);
		if (!b)
			return false;
		b->before = older_than(c);
		return submit(b, list_work, list_done) == 0;
	}
	c->sweep_after = INT64_MAX;
	return false;
}

/* --- what is next -----------------------------------------------------------*/

static void
next(struct collector *c)
{
	if (c->running)
		return;
	if (c->trash && next_trash(c))
		return;
	c->trash = false;
	(void)next_sweep(c);
}

void
collector_kick(struct collector *c)
{
	c->trash = true;
	next(c);
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
	collector_kick(c);
}
