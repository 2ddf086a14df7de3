/*
 * Exchanges over a connection of HTTP/1.1: their life, and what their handlers
 * do with the body. Replies are in reply.c.
 *
 * This is where a request meets its connection: each function says what the
 * handler wants in terms of the connection's phase (conn.h), and checks that it
 * is a phase in which that makes sense. Handlers may call them in any order they
 * like after the end, when all of them do nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "gatewayd/http/conn.h"

/* --- life ------------------------------------------------------------------*/

/* Unique for as long as logs live: 32 random bits of this process, a count. */
static void
make_id(char id[EXCHANGE_ID_MAX + 1])
{
	static uint32_t process;
	static uint64_t count;

	if (process == 0)
		process = randombytes_random() | 1;
	(void)snprintf(id, EXCHANGE_ID_MAX + 1, "%08x%08llx", process,
	    (unsigned long long)++count);
}

/* One that cannot hurt a log. */
static bool
id_is_valid(struct http_span id)
{
	size_t i;

	if (!id.p || id.len == 0 || id.len > EXCHANGE_ID_MAX)
		return false;
	for (i = 0; i < id.len; i++)
		if (!((id.p[i] >= '0' && id.p[i] <= '9') ||
			(id.p[i] >= 'A' && id.p[i] <= 'Z') ||
			(id.p[i] >= 'a' && id.p[i] <= 'z') || id.p[i] == '_' ||
			id.p[i] == '-'))
			return false;
	return true;
}

static const struct http_error crowd = {429, "limit",
    "Too many requests at once from your address; wait for one to end."};

/* A trusted proxy says for whom this one is. */
static const struct http_error *
find_client(struct exchange *x)
{
	struct http_server *server = x->conn->server;
	const struct head_lines *lines = server->config.forwarded
	    ? &x->head.forwarded
	    : &x->head.x_forwarded_for;
	struct address client = proxies_client(server->config.proxies,
	    &x->conn->from, lines->line, lines->n, server->config.forwarded);

	address_text(&client, x->peer);
	if (proxies_trust(server->config.proxies, &client))
		return NULL;
	x->share = server_admit(server, &client);
	return x->share ? NULL : &crowd;
}

const struct http_error *
exchange_name(struct exchange *x)
{
	struct http_span id = x->head.field[HEAD_REQUEST_ID];

	if (id_is_valid(id)) {
		memcpy(x->id, id.p, id.len);
		x->id[id.len] = '\0';
	}
	return x->conn->trusted ? find_client(x) : NULL;
}

struct exchange *
exchange_new(struct conn *c, const char *head, size_t len)
{
	size_t size = c->server->config.ops->size;
	struct exchange *x;

	nx_assert(!c->x && size >= sizeof(*x));
	/* One byte more: the target is terminated in place. */
	x = calloc(1, size + len + 1);
	if (!x) {
		conn_close(c);
		return NULL;
	}
	x->conn = c;
	x->text = (char *)x + size;
	x->text_len = len;
	memcpy(x->text, head, len);
	address_text(&c->from, x->peer);
	x->share = c->share;
	x->started_us = nx_now_us();
	make_id(x->id);
	c->x = x;
	return x;
}

/* The connection has let go of it already: what end() does to the connection
 * (nothing, usually) must not find it there once more. */
void
exchange_over(struct exchange *x)
{
	struct http_server *server;

	if (!x)
		return;
	nx_assert(!x->ended && x->conn->x != x);
	server = x->conn->server;
	x->ended = true;
	server->config.ops->end(x);
	sodium_memzero(x->text, x->text_len); /* a token is in it */
	if (x->share != x->conn->share)
		server_leave(server, x->share);
	x->share = x->user = NULL;
	x->conn = NULL;
	server_bury(server, x);
}

void *
exchange_ctx(const struct exchange *x)
{
	return x->conn->server->config.ctx;
}

void
exchange_charge(struct exchange *x, struct share *user)
{
	x->user = user;
}

bool
exchange_draining(const struct exchange *x)
{
	return x->conn->server->draining;
}

/* --- the body --------------------------------------------------------------*/

void
exchange_collect(struct exchange *x)
{
	if (!x->ended)
		conn_take_body(x->conn, CONN_COLLECT);
}

void
exchange_stream(struct exchange *x)
{
	if (!x->ended)
		conn_take_body(x->conn, CONN_STREAM);
}

/* More of the body in c->in, which was empty. */
static enum exchange_in
fetch(struct conn *c)
{
	ssize_t n = conn_fill(c, CONN_STREAM_MAX);

	nx_assert(n <= (ssize_t)CONN_STREAM_MAX);

	if (n > 0)
		return EXCHANGE_DATA;
	if (n == 0)
		return EXCHANGE_NOTHING;
	if (n == -EPIPE)
		return EXCHANGE_CUT;
	conn_close(c);
	return EXCHANGE_ENDED;
}

enum exchange_in
exchange_read(struct exchange *x, struct http_span *ret_content)
{
	const struct http_error *error;
	struct conn *c = x->conn;
	enum exchange_in in;
	size_t used, n = 0;
	char *data;

	if (x->ended)
		return EXCHANGE_ENDED;
	nx_assert(c->phase == CONN_STREAM);
	while (!c->body.done) {
		if (c->in_len == 0) {
			in = fetch(c);
			if (in != EXCHANGE_DATA)
				return in;
		}
		data = c->in + c->in_off;
		error = body_take(&c->body, data, c->in_len, &used, &n);
		if (error) {
			c->server->config.ops->refuse(x, error);
			return EXCHANGE_ENDED;
		}
		/* Dropped from the account, not from memory. */
		conn_in_drop(c, (uint32_t)used);
		if (n == 0)
			continue; /* coding, no content */
		*ret_content = (struct http_span){data, n};
		return EXCHANGE_DATA;
	}
	return EXCHANGE_DONE;
}

bool
exchange_expects(const struct exchange *x)
{
	return !x->ended && x->conn->expects;
}

bool
exchange_body_done(const struct exchange *x)
{
	return x->ended || x->conn->body.done;
}

uint64_t
exchange_body_left(const struct exchange *x)
{
	if (x->ended || x->conn->body.framing != HTTP_LENGTH)
		return 0;
	return x->conn->body.left;
}

bool
exchange_splices(const struct exchange *x)
{
	const struct conn *c = x->conn;

	return !x->ended && c->body.framing == HTTP_LENGTH && c->in_len == 0;
}

ssize_t
exchange_splice(struct exchange *x, int pipe, size_t len)
{
	struct conn *c = x->conn;
	ssize_t n;

	nx_assert(exchange_splices(x) && c->phase == CONN_STREAM);
	if (len > c->body.left)
		len = (size_t)c->body.left;
	do
		n = splice(c->fd, NULL, pipe, NULL, len,
		    SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n > 0) {
		body_skip(&c->body, (uint64_t)n);
		c->moved += (uint64_t)n;
	}
	return n;
}

void
exchange_later(struct exchange *x)
{
	if (!x->ended)
		event_active(&x->conn->read, EV_READ, 0);
}

void
exchange_pause(struct exchange *x, bool pause)
{
	if (!x->ended)
		conn_pause(x->conn, pause);
}

void
exchange_hold(struct exchange *x)
{
	struct conn *c = x->conn;

	if (x->ended)
		return;
	nx_assert(c->phase == CONN_BUSY || c->phase == CONN_STREAM ||
	    c->phase == CONN_REPLY);
	if (c->phase == CONN_REPLY)
		c->deadline_us = 0;
	else
		conn_busy(c);
}
