/*
 * See conns.h. One coarse clock for all connections instead of a timer each:
 * setting a deadline is a store, and the sweep is a walk twice a second.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "common/err.h"
#include "common/id.h"
#include "gatewayd/http/conn_internal.h"
#include "gatewayd/http/conns.h"
#include "gatewayd/http/listen.h"
#include "gatewayd/routes/req.h"
#include "gatewayd/http/tcp.h"

#define SWEEP_US 500000

TAILQ_HEAD(conn_list, conn);

struct conns {
	struct gw *gw;
	struct conn_list live, dead;
	size_t count;
	struct event *sweep, *reap;
	struct listener *listener;
};

static const struct http_error slow = {
    408, "too-slow", "The request did not arrive in time."};

void
conn_deadline(struct conn *c, uint64_t seconds)
{
	c->deadline_us = nx_now_us() + seconds * 1000000;
	c->moved = 0;
}

static uint64_t
window(const struct conn *c)
{
	return c->phase == CONN_STREAM || c->phase == CONN_REPLY
	    ? CONN_WINDOW_FILE
	    : CONN_WINDOW_SMALL;
}

void
conn_rate_window(struct conn *c)
{
	conn_deadline(c, window(c));
}

static bool
keeps_rate(struct conn *c)
{
	if (c->moved < c->gw->conf->min_rate * window(c))
		return false;
	conn_rate_window(c);
	return true;
}

/* What the passing of its deadline means depends on the phase. */
static void
conn_expired(struct conn *c)
{
	uint64_t acked = 0;

	switch (c->phase) {
	case CONN_COLLECT:
	case CONN_STREAM:
		if (!keeps_rate(c))
			req_fail_close(c->req, &slow);
		return;
	case CONN_REPLY:
	case CONN_DISCARD:
	case CONN_BUSY:
		if (!keeps_rate(c))
			conn_close(c);
		return;
	case CONN_HEAD:
		/* Nothing sent yet is an idle connection, not a request. */
		if (c->in_len > 0) {
			c->phase = CONN_BUSY;
			c->deadline_us = 0;
			c->reply_done = false;
			c->keep = false;
			c->body = (struct body){.done = true};
			req_start_refused(c, &slow);
			return;
		}
		conn_close(c);
		return;
	case CONN_LINGER:
		/* A slow reader gets the rest from the kernel; one that took
		 * nothing all the while would leave it there for ever. */
		if (tcp_owes(c->fd, &acked) && acked == c->acked)
			tcp_reset_on_close(c->fd);
		conn_close(c);
		return;
	case CONN_DEAD:
	case CONN_PHASES: return;
	}
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct conns *conns = arg;
	uint64_t now = nx_now_us();
	struct conn *c, *next;

	(void)fd;
	(void)what;
	for (c = TAILQ_FIRST(&conns->live); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->deadline_us != 0 && c->deadline_us <= now)
			conn_expired(c);
	}
	if (conns->count == 0)
		event_del(conns->sweep);
}

static void
on_reap(evutil_socket_t fd, short what, void *arg)
{
	struct conns *conns = arg;
	struct conn *c;

	(void)fd;
	(void)what;
	while ((c = TAILQ_FIRST(&conns->dead))) {
		TAILQ_REMOVE(&conns->dead, c, link);
		free(c);
	}
	if (conns->count == 0 && conns->gw->draining && conns->gw->on_drained)
		conns->gw->on_drained(conns->gw);
}

void
conns_add(struct conns *conns, struct conn *c)
{
	struct timeval tv = {0, SWEEP_US};

	TAILQ_INSERT_TAIL(&conns->live, c, link);
	if (conns->count++ == 0)
		event_add(conns->sweep, &tv);
}

void
conns_remove(struct conns *conns, struct conn *c)
{
	listener_gone(conns->listener, c->address);
	c->address = NULL;
	TAILQ_REMOVE(&conns->live, c, link);
	TAILQ_INSERT_TAIL(&conns->dead, c, link);
	conns->count--;
	event_active(conns->reap, EV_TIMEOUT, 0);
}

int
conns_new(struct gw *gw)
{
	struct conns *conns = calloc(1, sizeof(*conns));

	if (!conns)
		return -ENOMEM;
	conns->gw = gw;
	TAILQ_INIT(&conns->live);
	TAILQ_INIT(&conns->dead);
	conns->sweep = event_new(gw->base, -1, EV_PERSIST, on_sweep, conns);
	conns->reap = event_new(gw->base, -1, 0, on_reap, conns);
	conns->listener = listener_new(gw);
	gw->conns = conns;
	if (!conns->sweep || !conns->reap || !conns->listener) {
		gw->conns = conns_free(conns);
		return -ENOMEM;
	}
	return 0;
}

struct conns *
conns_free(struct conns *conns)
{
	struct conn *c;

	if (!conns)
		return NULL;
	conns->gw->on_drained = NULL;
	while ((c = TAILQ_FIRST(&conns->live)))
		conn_close(c);
	if (conns->reap)
		on_reap(-1, 0, conns);
	if (conns->sweep)
		event_free(conns->sweep);
	if (conns->reap)
		event_free(conns->reap);
	listener_free(conns->listener);
	free(conns);
	return NULL;
}

int
conns_listen(struct conns *conns, int fd)
{
	return listener_add(conns->listener, fd);
}

void
conns_drain(struct conns *conns)
{
	struct conn *c, *next;

	conns->gw->draining = true;
	listener_stop(conns->listener);
	for (c = TAILQ_FIRST(&conns->live); c; c = next) {
		next = TAILQ_NEXT(c, link);
		conn_drain(c);
	}
	event_active(conns->reap, EV_TIMEOUT, 0);
}

size_t
conns_count(const struct conns *conns)
{
	return conns->count;
}
