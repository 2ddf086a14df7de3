/*
 * Reaping, a step at a time. One step is one short write of the catalogue that
 * others' writes go before; then it rests as long as pace.h says. Where it
 * stopped is in the catalogue, so that it goes on after a restart as soon as
 * somebody kicks it. Owns its timer and the one step under way.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog.h"
#include "storaged/care/pace.h"
#include "storaged/care/reaper.h"
#include "storaged/care/reserve.h"

#define RETRY_US 30000000ULL

struct reaper {
	struct storaged *s;
	bool busy;    /* a step is under way or will follow */
	bool writing; /* a step is under way */
	struct catalog_reap op;
	struct pace pace;
	struct event *timer;
	void (*reaped)(void *arg);
	void *arg;
};

static void
rest(struct reaper *r, uint64_t us)
{
	struct timeval tv = {.tv_sec = (time_t)(us / 1000000),
	    .tv_usec = (suseconds_t)(us % 1000000)};

	(void)evtimer_add(r->timer, &tv);
}

static void
step(struct reaper *r)
{
	nx_assert(r->busy && !r->writing);
	r->writing = true;
	catalog_reap(r->s->catalog, &r->op);
}

static void
stepped(int result, void *arg)
{
	struct reaper *r = arg;
	uint64_t took = nx_now_us() - r->op.began;

	nx_assert(r->writing);
	r->writing = false;
	if (result == -ENOSPC && reserve_give(r->s->reserve)) {
		step(r);
		return;
	}
	if (result < 0) {
		/* Nothing is lost by waiting, and nobody else could do it. */
		nx_warn("event=not-reaped error=\"%s\"", strerror(-result));
		rest(r, RETRY_US);
		return;
	}
	/* Others may have deleted since. */
	r->busy = r->op.more || catalog_left(r->s->catalog) != 0;
	if (r->busy)
		rest(r, pace_rest(&r->pace, r->s, took));
	r->reaped(r->arg);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	step(arg);
}

struct reaper *
reaper_new(struct storaged *s, void (*reaped)(void *arg), void *arg)
{
	struct reaper *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	*r = (struct reaper){.s = s, .reaped = reaped, .arg = arg};
	r->op.done = stepped;
	r->op.arg = r;
	r->timer = evtimer_new(s->base, on_timer, r);
	return r->timer ? r : reaper_free(r);
}

struct reaper *
reaper_free(struct reaper *r)
{
	if (!r)
		return NULL;
	nx_assert(!r->writing);
	if (r->timer)
		event_free(r->timer);
	free(r);
	return NULL;
}

void
reaper_kick(struct reaper *r)
{
	/* A small file leaves nothing: that is no reason for a write. */
	if (r->busy || catalog_left(r->s->catalog) == 0)
		return;
	r->busy = true;
	step(r);
}

void
reaper_want(struct reaper *r, uint64_t owner)
{
	r->op.turn.wanted = owner;
}

bool
reaper_busy(const struct reaper *r)
{
	return r->busy;
}
