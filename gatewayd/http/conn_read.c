/*
 * What is done with the bytes that come, in each phase of a connection: a table
 * of readers. None waits, and each leaves the connection in a phase that has
 * one.
 */
#include <errno.h>
#include <sys/socket.h>

#include "common/err.h"
#include "common/log.h"
#include "gatewayd/http/conn.h"

#define LINGER_LEN (1U << 20)

static const struct http_error cut = {400, "body-cut-short",
    "The body ended before the length that was announced."};

/* More into c->in. The client may have gone without a word; then c is dead, and
 * false is what the caller has to look at. */
static bool
fill(struct conn *c, uint32_t max)
{
	ssize_t n = conn_fill(c, max);

	if (n == -EPIPE)
		c->eof = true;
	else if (n < 0)
		conn_close(c);
	return c->phase != CONN_DEAD;
}

/* Reading ahead while a request is being answered. */
static void
read_ahead(struct conn *c)
{
	if (!fill(c, CONN_IN_MAX))
		return;
	if (c->eof || c->in_len >= CONN_IN_MAX) {
		c->paused = true;
		event_del(&c->read);
	}
	if (c->eof && c->phase == CONN_BUSY)
		conn_busy(c);
	else if (c->eof && c->phase == CONN_REPLY && !c->reply_done)
		conn_quiet(c);
}

static void
read_linger(struct conn *c)
{
	/* MSG_TRUNC: the kernel throws the bytes away, none are copied. */
	ssize_t n = recv(c->fd, NULL, LINGER_LEN, MSG_TRUNC);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		conn_close(c);
}

/* Takes the body from what is in the buffer, for the handler when it collects,
 * else for nobody; false: refused, or dead. */
static bool
take_body(struct conn *c)
{
	const struct http_error *error;
	size_t used, payload;
	char *data = c->in + c->in_off;

	nx_assert(c->phase == CONN_COLLECT || c->phase == CONN_DISCARD);
	if (c->in_len == 0)
		return true;
	error = body_take(&c->body, data, c->in_len, &used, &payload);
	if (!error && c->x && payload > 0)
		error = conn_ops(c)->body(c->x, data, payload);
	if (error) {
		if (c->x)
			conn_ops(c)->refuse(c->x, error);
		else
			conn_close(c);
		return false;
	}
	conn_in_drop(c, (uint32_t)used);
	return true;
}

/* The whole body goes to the handler piece by piece; it is small (the handler
 * refuses what is not), so that it may all be read in one turn. */
static void
read_collect(struct conn *c)
{
	do {
		if (!take_body(c))
			return;
		if (c->body.done) {
			conn_busy(c);
			conn_ops(c)->whole(c->x);
			return;
		}
		if (!fill(c, CONN_IN_MAX))
			return;
	} while (c->in_len > 0);
	if (c->eof)
		conn_ops(c)->refuse(c->x, &cut);
}

/* The reply was clear before the body came to its end. A little of it is read to
 * keep the connection (reply.c says how much), and nobody looks at it. */
static void
read_discard(struct conn *c)
{
	nx_assert(!c->x);
	do {
		if (!take_body(c))
			return;
		if (c->body.done) {
			conn_next(c);
			conn_process(c);
			return;
		}
		if (!fill(c, CONN_IN_MAX))
			return;
	} while (c->in_len > 0);
	if (c->eof)
		conn_close(c);
}

static void
read_stream(struct conn *c)
{
	nx_assert(c->x && !c->paused);
	conn_ops(c)->readable(c->x);
}

/* Between requests; 16 bytes more than a head may have, so that one that is too
 * long is seen to be. */
static void
read_head(struct conn *c)
{
	nx_assert(!c->x);
	if (fill(c, CONN_IN_MAX + 16))
		conn_process(c);
}

/* Whom a trusted proxy speaks for stands before the first request. */
static void
read_proxy(struct conn *c)
{
	struct address from;
	int n;

	if (!fill(c, PROXY_HEAD_MAX))
		return;
	n = proxy_head(c->in + c->in_off, c->in_len, &from);
	if (n < 0 || (n == 0 && (c->eof || c->in_len >= PROXY_HEAD_MAX))) {
		nx_info("event=bad-proxy-header");
		conn_close(c);
		return;
	}
	if (n == 0)
		return;
	conn_in_drop(c, (uint32_t)n);
	if (from.known && conn_set_client(c, &from) < 0) {
		conn_close(c);
		return;
	}
	c->phase = CONN_HEAD;
	conn_process(c);
}

void
conn_on_read(evutil_socket_t fd, short what, void *arg)
{
	static void (*const readers[CONN_PHASES])(struct conn *) = {
	    [CONN_PROXY] = read_proxy,
	    [CONN_HEAD] = read_head,
	    [CONN_BUSY] = read_ahead,
	    [CONN_COLLECT] = read_collect,
	    [CONN_STREAM] = read_stream,
	    [CONN_REPLY] = read_ahead,
	    [CONN_DISCARD] = read_discard,
	    [CONN_LINGER] = read_linger,
	};
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (readers[c->phase])
		readers[c->phase](c);
}
