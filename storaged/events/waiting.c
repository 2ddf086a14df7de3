/*
 * Those who wait until something changes. What is told inside a write is only
 * noted; it is looked at in a later turn of the loop, when the write is on disk
 * or undone, and some milliseconds after, so that very many changes wake nobody
 * for each of them. Once a second it is looked whose time is over.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/err.h"
#include "storaged/events/events_internal.h"
#include "proto/serve_storaged.h"

#define WAIT_USER 32U /* at once */
#define WAIT_MAX  1024U
#define WAKE_US   10000
#define RETRY_S   2U

struct waiter {
	TAILQ_ENTRY(waiter) entry;
	struct nx_request *request;
	struct events_wanted wanted;
	uint64_t until; /* nx_now_us() */
	bool woken;
};

struct events {
	struct storaged *s;
	struct events_age *age;
	TAILQ_HEAD(, waiter) waiters;
	unsigned n;
	struct event *wake, *second;
};

static void
end(struct events *ev, struct waiter *w)
{
	TAILQ_REMOVE(&ev->waiters, w, entry);
	ev->n--;
	events_answer(ev->s, w->request, &w->wanted);
	free(w);
}

/* Inside a write: nothing is known yet. */
static void
on_told(uint64_t user, void *arg)
{
	static const struct timeval soon = {.tv_usec = WAKE_US};
	struct events *ev = arg;
	struct waiter *w;

	TAILQ_FOREACH(w, &ev->waiters, entry)
		if (w->wanted.user == user && !w->woken) {
			w->woken = true;
			if (!evtimer_pending(ev->wake, NULL))
				(void)evtimer_add(ev->wake, &soon);
		}
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct events *ev = arg;
	struct waiter *w, *next;

	(void)fd;
	(void)what;
	for (w = TAILQ_FIRST(&ev->waiters); w; w = next) {
		next = TAILQ_NEXT(w, entry);
		if (w->woken && events_any(ev->s, &w->wanted) != 0)
			end(ev, w);
		else
			w->woken = false;
	}
}

/* Whose peer has gone waits for nothing. */
static void
on_second(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval second = {.tv_sec = 1};
	struct events *ev = arg;
	uint64_t now = nx_now_us();
	struct waiter *w, *next;

	(void)fd;
	(void)what;
	for (w = TAILQ_FIRST(&ev->waiters); w; w = next) {
		next = TAILQ_NEXT(w, entry);
		if (w->until <= now || !w->request->peer)
			end(ev, w);
	}
	if (ev->n > 0)
		(void)evtimer_add(ev->second, &second);
}

struct events *
events_new(struct storaged *s)
{
	struct events *ev = calloc(1, sizeof(*ev));

	if (!ev)
		return NULL;
	ev->s = s;
	TAILQ_INIT(&ev->waiters);
	ev->wake = evtimer_new(s->base, on_wake, ev);
	ev->second = evtimer_new(s->base, on_second, ev);
	ev->age = events_age_new(s);
	if (!ev->wake || !ev->second || !ev->age)
		return events_free(ev);
	catalog_events_keep(s->catalog, s->conf.events);
	catalog_events_watch(s->catalog, on_told, ev);
	return ev;
}

struct events *
events_free(struct events *ev)
{
	struct waiter *w;

	if (!ev)
		return NULL;
	catalog_events_watch(ev->s->catalog, NULL, NULL);
	while ((w = TAILQ_FIRST(&ev->waiters))) {
		TAILQ_REMOVE(&ev->waiters, w, entry);
		if (!w->request->peer) /* into nothing, so that it is freed */
			nx_answer(w->request, NULL, NULL, 0);
		free(w);
	}
	if (ev->wake)
		event_free(ev->wake);
	if (ev->second)
		event_free(ev->second);
	ev->age = events_age_free(ev->age);
	free(ev);
	return NULL;
}

static bool
is_crowded(const struct events *ev, uint64_t user)
{
	const struct waiter *w;
	unsigned own = 0;

	TAILQ_FOREACH(w, &ev->waiters, entry)
		own += w->wanted.user == user;
	return own >= WAIT_USER || ev->n >= WAIT_MAX;
}

static void
wait_for_it(struct events *ev, struct nx_request *r,
    const struct events_wanted *wanted, uint32_t seconds)
{
	struct waiter *w;

	if (is_crowded(ev, wanted->user)) {
		r->retry_s = RETRY_S;
		nx_refuse(r, NX__STATUS__LIMIT,
		    "too many wait for what will change: try again in %u "
		    "seconds",
		    RETRY_S);
		return;
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		nx_refuse_errno(r, -ENOMEM, "waiting");
		return;
	}
	w->request = r;
	w->wanted = *wanted;
	w->until = nx_now_us() + seconds * 1000000ULL;
	TAILQ_INSERT_TAIL(&ev->waiters, w, entry);
	if (ev->n++ == 0)
		on_second(-1, 0, ev);
}

void
serve_fs_events(
    struct nx_request *r, const Nx__EventsRequest *q, struct storaged *s)
{
	struct events_wanted wanted;
	int any;

	if (events_read_request(s, r, q, &wanted) != 0)
		return;
	any = q->wait > 0 ? events_any(s, &wanted) : 1;
	if (any == 0)
		wait_for_it(s->events, r, &wanted, q->wait);
	else
		events_answer(s, r, &wanted);
}
