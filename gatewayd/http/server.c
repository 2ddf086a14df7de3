/*
 * All connections, and one coarse clock for them instead of a timer each:
 * setting a deadline is a store, and the sweep is a walk twice a second. What
 * has ended is freed from here when the loop comes round.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/id.h"
#include "common/log.h"
#include "gatewayd/http/conn.h"
#include "gatewayd/http/listen.h"

#define SWEEP_US 500000

void
conn_deadline(struct conn *c, uint64_t seconds)
{
	c->deadline_us = nx_now_us() + seconds * 1000000;
	c->moved = 0;
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *server = arg;
	uint64_t now = nx_now_us();
	struct conn *c;

	(void)fd;
	(void)what;
	/* The dead stay in the list until on_reap(): nobody is skipped. */
	TAILQ_FOREACH(c, &server->live, link)
		if (c->deadline_us != 0 && c->deadline_us <= now)
			conn_expired(c);
	if (server->count == 0)
		event_del(server->sweep);
}

/* Nobody has a pointer any more to what ended in this turn of the loop. */
static void
on_reap(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *server = arg;
	struct exchange *x;
	struct conn *c;

	(void)fd;
	(void)what;
	while ((x = TAILQ_FIRST(&server->over))) {
		TAILQ_REMOVE(&server->over, x, over);
		free(x);
	}
	while ((c = TAILQ_FIRST(&server->dead))) {
		nx_assert(c->phase == CONN_DEAD && !c->x && c->fd < 0);
		TAILQ_REMOVE(&server->dead, c, dead);
		TAILQ_REMOVE(&server->live, c, link);
		free(c);
	}
	if (server->count == 0 && server->draining && server->config.on_drained)
		server->config.on_drained(server->config.ctx);
}

struct share *
server_admit(struct http_server *server, const struct address *from)
{
	struct shares *shares = server->config.shares;
	struct share *share = address_share(from, shares);

	if (!share)
		return NULL;
	if (share->held[SHARE_CONNECTIONS] >=
	    server->config.limits->max_per_address) {
		shares_put(shares, share);
		return NULL;
	}
	share_take(shares, share, SHARE_CONNECTIONS, 1);
	return share;
}

void
server_leave(struct http_server *server, struct share *share)
{
	share_give(server->config.shares, share, SHARE_CONNECTIONS, 1);
	shares_put(server->config.shares, share);
}

/* What is kept for the one c is counted for; nobody: it alone. */
static uint64_t
kept_for(const struct conn *c)
{
	return c->kept ? c->kept->held[SHARE_KEPT] : c->out_off + c->out_len;
}

/* Of whoever has most kept, the connection with most. */
static struct conn *
greediest(struct http_server *server)
{
	struct conn *c, *found = NULL;

	TAILQ_FOREACH(c, &server->live, link) {
		if (c->out_len == 0)
			continue;
		if (!found || kept_for(c) > kept_for(found) ||
		    (kept_for(c) == kept_for(found) &&
			c->out_len > found->out_len))
			found = c;
	}
	return found;
}

void
server_shed(struct http_server *server)
{
	struct conn *c;
	char peer[ADDRESS_TEXT];

	while (server->kept > CONN_KEPT_MAX) {
		c = greediest(server);
		nx_assert(c);
		address_text(&c->from, peer);
		nx_warn("event=reply-not-taken peer=%s kept=%zu", peer,
		    c->out_off + c->out_len);
		conn_close(c);
	}
}

/* The first one starts the clock, the last one stops it: an idle server has no
 * reason to wake up. */
void
server_add(struct http_server *server, struct conn *c)
{
	struct timeval tv = {0, SWEEP_US};

	TAILQ_INSERT_TAIL(&server->live, c, link);
	if (server->count++ == 0)
		event_add(server->sweep, &tv);
}

void
server_remove(struct http_server *server, struct conn *c)
{
	nx_assert(server->count > 0);
	server->count--;
	TAILQ_INSERT_TAIL(&server->dead, c, dead);
	event_active(server->reap, EV_TIMEOUT, 0);
}

void
server_bury(struct http_server *server, struct exchange *x)
{
	TAILQ_INSERT_TAIL(&server->over, x, over);
	event_active(server->reap, EV_TIMEOUT, 0);
}

int
http_server_new(
    const struct http_config *config, struct http_server **ret_server)
{
	struct http_server *server = calloc(1, sizeof(*server));

	if (!server)
		return -ENOMEM;
	server->config = *config;
	TAILQ_INIT(&server->live);
	TAILQ_INIT(&server->dead);
	TAILQ_INIT(&server->over);
	server->sweep =
	    event_new(config->base, -1, EV_PERSIST, on_sweep, server);
	server->reap = event_new(config->base, -1, 0, on_reap, server);
	server->listener = listener_new(server);
	if (!server->sweep || !server->reap || !server->listener) {
		(void)http_server_free(server);
		return -ENOMEM;
	}
	*ret_server = server;
	return 0;
}

struct http_server *
http_server_free(struct http_server *server)
{
	struct conn *c;

	if (!server)
		return NULL;
	server->config.on_drained = NULL;
	TAILQ_FOREACH(c, &server->live, link)
		conn_close(c);
	if (server->reap)
		on_reap(-1, 0, server);
	if (server->sweep)
		event_free(server->sweep);
	if (server->reap)
		event_free(server->reap);
	listener_free(server->listener);
	free(server);
	return NULL;
}

int
http_server_listen(struct http_server *server, int fd)
{
	return listener_add(server->listener, fd);
}

void
http_server_drain(struct http_server *server)
{
	struct conn *c;

	server->draining = true;
	listener_stop(server->listener);
	TAILQ_FOREACH(c, &server->live, link)
		conn_drain(c);
	event_active(server->reap, EV_TIMEOUT, 0);
}

size_t
http_server_count(const struct http_server *server)
{
	return server->count;
}

size_t
http_server_kept(const struct http_server *server)
{
	return server->kept;
}
