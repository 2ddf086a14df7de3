/*
 * A connection's life: bytes in, heads found, requests started one after the
 * other, the end. It trusts nothing: what it keeps per client is bounded, and
 * every state either has a deadline or waits for our own daemons, which have.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "gatewayd/http/conn.h"
#include "gatewayd/http/conn_internal.h"
#include "gatewayd/routes/req.h"
#include "gatewayd/http/tcp.h"

#define IN_FIRST   4096U
#define PIPELINE   16 /* requests answered before others get their turn */
#define LINGER_S   10U
#define LINGER_LEN (1U << 20)

static void on_read(evutil_socket_t fd, short what, void *arg);
static void on_write(evutil_socket_t fd, short what, void *arg);
static void conn_process(struct conn *c);
static void conn_next(struct conn *c);

int
conn_new(struct gw *gw, int fd, struct address *address, const char *peer)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		nx_close(&fd);
		return -ENOMEM;
	}
	c->gw = gw;
	c->fd = fd;
	c->address = address;
	strncpy(c->peer, peer, sizeof(c->peer) - 1);
	event_assign(&c->read, gw->base, fd, EV_READ | EV_PERSIST, on_read, c);
	event_assign(&c->write, gw->base, fd, EV_WRITE, on_write, c);
	if (event_add(&c->read, NULL) < 0) {
		nx_close(&fd);
		free(c);
		return -ENOMEM;
	}
	conns_add(gw->conns, c);
	c->phase = CONN_HEAD;
	conn_deadline(c, gw->conf->header_timeout);
	return 0;
}

void
conn_close(struct conn *c)
{
	struct req *r = c->req;

	if (c->phase == CONN_DEAD)
		return;
	c->phase = CONN_DEAD;
	c->req = NULL;
	event_del(&c->read);
	event_del(&c->write);
	if (r)
		req_end(r);
	nx_close(&c->fd);
	conn_in_free(c);
	conn_out_free(c);
	conns_remove(c->gw->conns, c);
}

void
conn_drain(struct conn *c)
{
	c->keep = false;
	if (c->phase == CONN_HEAD && c->in_len == 0)
		conn_close(c);
}

/* --- reading ---------------------------------------------------------------*/

void
conn_pause(struct conn *c, bool pause)
{
	if (c->paused == pause || c->phase == CONN_DEAD)
		return;
	c->paused = pause;
	if (pause) {
		event_del(&c->read);
		c->deadline_us = 0;
		return;
	}
	if (event_add(&c->read, NULL) < 0)
		conn_close(c);
	else if (c->phase == CONN_STREAM || c->phase == CONN_COLLECT)
		conn_rate_window(c);
}

void
conn_moved(struct conn *c, uint64_t n)
{
	c->moved += n;
}

/* The client may have gone without a word; then c is dead. */
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
}

static void
read_linger(struct conn *c)
{
	/* MSG_TRUNC: the kernel throws the bytes away, none are copied. */
	ssize_t n = recv(c->fd, NULL, LINGER_LEN, MSG_TRUNC);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		conn_close(c);
}

static const struct http_error cut = {400, "body-cut-short",
    "The body ended before the length that was announced."};

/* Takes the body from what is in the buffer; false: refused, or dead. */
static bool
take_body(struct conn *c, bool keep)
{
	const struct http_error *error;
	size_t used, payload;
	char *data = c->in + c->in_off;

	if (c->in_len == 0)
		return true;
	error = body_take(&c->body, data, c->in_len, &used, &payload);
	if (!error && keep)
		error = req_body_add(c->req, data, payload);
	if (error) {
		if (c->req && c->phase == CONN_COLLECT)
			req_fail_close(c->req, error);
		else
			conn_close(c);
		return false;
	}
	conn_in_drop(c, (uint32_t)used);
	return true;
}

static void
read_collect(struct conn *c)
{
	do {
		if (!take_body(c, true))
			return;
		if (c->body.done) {
			c->phase = CONN_BUSY;
			c->deadline_us = 0;
			req_body_complete(c->req);
			return;
		}
		if (!fill(c, CONN_IN_MAX))
			return;
	} while (c->in_len > 0);
	if (c->eof)
		req_fail_close(c->req, &cut);
}

static void
read_discard(struct conn *c)
{
	do {
		if (!take_body(c, false))
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
	req_readable(c->req);
}

static void
read_head(struct conn *c)
{
	if (fill(c, CONN_IN_MAX + 16))
		conn_process(c);
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	static void (*const readers[CONN_PHASES])(struct conn *) = {
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

/* --- heads and their order -------------------------------------------------*/

static const struct http_error half = {
    400, "malformed-request", "The request ended before its header did."};

/* One head out of the buffer: true when a request was started. */
static bool
start_request(struct conn *c)
{
	const struct http_error *error;
	const char *data = c->in + c->in_off;
	uint32_t first = c->scanned;
	size_t used, skipped;

	if (first == 0 && c->in_len > 0)
		conn_deadline(c, c->gw->conf->header_timeout);
	error = head_scan(&c->scan, data + first, c->in_len - first, &used);
	if (!error && !c->scan.done) {
		c->scanned += (uint32_t)used;
		if (!c->eof)
			return false;
		if (c->in_len == 0 || c->scan.total == c->scan.skipped) {
			conn_close(c);
			return false;
		}
		error = &half;
	}
	c->phase = CONN_BUSY;
	c->deadline_us = 0;
	c->reply_done = false;
	c->keep = false;
	if (error) {
		c->body = (struct body){.done = true};
		req_start_refused(c, error);
		return true;
	}
	used += first;
	skipped = c->scan.skipped;
	c->scan = (struct head_scan){0};
	c->scanned = 0;
	/* The request copies the head: the buffer can go on. */
	c->in_off += (uint32_t)used;
	c->in_len -= (uint32_t)used;
	req_start(c, data + skipped, used - skipped);
	return true;
}

static void
conn_process(struct conn *c)
{
	int turns = 0;

	if (c->processing)
		return;
	c->processing = true;
	while (c->phase == CONN_HEAD && (c->in_len > 0 || c->eof)) {
		if (++turns > PIPELINE) {
			event_active(&c->read, EV_READ, 0);
			break;
		}
		if (!start_request(c))
			break;
	}
	c->processing = false;
	if (c->phase == CONN_HEAD && c->in_len == 0)
		conn_in_free(c);
}

/* Ready for the next request. */
static void
conn_next(struct conn *c)
{
	c->phase = CONN_HEAD;
	c->scanned = 0;
	c->scan = (struct head_scan){0};
	conn_deadline(c, c->gw->conf->idle_timeout);
	if (c->paused && !c->eof) {
		c->paused = false;
		if (event_add(&c->read, NULL) < 0)
			conn_close(c);
	}
}

/* No further request: says so, and listens until the client has understood.
 * Closing with unread input would send RST, which can overtake the reply. */
static void
conn_linger(struct conn *c)
{
	if (c->eof || shutdown(c->fd, SHUT_WR) < 0) {
		conn_close(c);
		return;
	}
	c->phase = CONN_LINGER;
	(void)tcp_owes(c->fd, &c->acked);
	conn_in_free(c);
	conn_deadline(c, LINGER_S);
	if (c->paused) {
		c->paused = false;
		if (event_add(&c->read, NULL) < 0)
			conn_close(c);
	}
}

/* All of the reply is with the kernel. */
static void
request_done(struct conn *c)
{
	struct req *r = nx_take_ptr(c->req);

	if (r)
		req_end(r);
	if (c->expects || c->gw->draining)
		c->keep = false;
	c->expects = false;
	if (!c->keep) {
		conn_linger(c);
		return;
	}
	if (!c->body.done) {
		c->phase = CONN_DISCARD;
		conn_pause(c, false);
		conn_rate_window(c);
		/* what is buffered already is looked at in the next turn */
		event_active(&c->read, EV_READ, 0);
		return;
	}
	conn_next(c);
	conn_process(c);
}

void
conn_reply_done(struct conn *c)
{
	if (c->phase == CONN_DEAD)
		return;
	c->phase = CONN_REPLY;
	c->reply_done = true;
	if (!conn_out_pending(c))
		request_done(c);
}

/* --- the body --------------------------------------------------------------*/

/* The client waits for leave to send (RFC 9110 10.1.1). */
static bool
say_continue(struct conn *c)
{
	static char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct iovec iov = {text, sizeof(text) - 1};

	if (!c->expects)
		return true;
	c->expects = false;
	if (c->in_len > 0)
		return true; /* it did not wait */
	return conn_write(c, &iov, 1, false);
}

void
conn_collect(struct conn *c)
{
	c->phase = CONN_COLLECT;
	if (!say_continue(c))
		return;
	conn_pause(c, false);
	conn_rate_window(c);
	read_collect(c);
}

void
conn_stream(struct conn *c)
{
	c->phase = CONN_STREAM;
	if (!say_continue(c))
		return;
	conn_pause(c, false);
	conn_rate_window(c);
	/* Not from here: the caller may still be setting itself up. */
	event_active(&c->read, EV_READ, 0);
}

/* --- writing ---------------------------------------------------------------*/

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (!conn_flush(c) || conn_out_pending(c))
		return;
	if (c->reply_done)
		request_done(c);
	else if (c->phase == CONN_REPLY)
		req_writable(c->req);
}
