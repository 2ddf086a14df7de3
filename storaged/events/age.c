/*
 * What was told is forgotten at its age: once an hour from user to user, a short
 * step at a time with a rest after each, in which nobody's write waits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/events/events_internal.h"

#define ROUND_S 3600
#define FIRST_S 60
#define REST_MS 100

struct events_age {
	struct storaged *s;
	struct event *timer;
	struct catalog_events_trim op;
	bool busy;
};

static void
go_on_in(struct events_age *a, time_t seconds, suseconds_t us)
{
	struct timeval tv = {.tv_sec = seconds, .tv_usec = us};

	(void)evtimer_add(a->timer, &tv);
}

static void
trimmed(int result, void *arg)
{
	struct events_age *a = arg;

	a->busy = false;
	if (result < 0)
		nx_warn("event=events-not-cut error=\"%s\"", strerror(-result));
	if (result == 0 && a->op.more) {
		go_on_in(a, 0, REST_MS * 1000);
		return;
	}
	a->op.user = 0;
	go_on_in(a, ROUND_S, 0);
}

static void
step(evutil_socket_t fd, short what, void *arg)
{
	struct events_age *a = arg;
	uint64_t now = (uint64_t)time(NULL), age = a->s->conf.events_keep;

	(void)fd;
	(void)what;
	nx_assert(!a->busy);
	a->busy = true;
	a->op.before = now > age ? now - age : 0;
	a->op.done = trimmed;
	a->op.arg = a;
	catalog_events_trim(a->s->catalog, &a->op);
}

struct events_age *
events_age_new(struct storaged *s)
{
	struct events_age *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->s = s;
	a->timer = evtimer_new(s->base, step, a);
	if (!a->timer)
		return events_age_free(a);
	go_on_in(a, FIRST_S, 0);
	return a;
}

struct events_age *
events_age_free(struct events_age *a)
{
	if (!a)
		return NULL;
	nx_assert(!a->busy); /* the catalogue has been flushed */
	if (a->timer)
		event_free(a->timer);
	free(a);
	return NULL;
}
