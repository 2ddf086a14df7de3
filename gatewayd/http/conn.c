/*
 * A connection's life: bytes in, heads found, exchanges begun one after the
 * other, the end. It trusts nothing: what it keeps per client is bounded, and
 * every phase either has a deadline or waits for our own daemons, which have.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "gatewayd/http/conn.h"
#include "gatewayd/http/tcp.h"

#define PIPELINE   16 /* requests answered before others get their turn */
#define LINGER_S   10U
#define LINGER_LEN (1U << 20)

static const struct http_error
    cut = {400, "body-cut-short",
	"The body ended before the length that was announced."},
    half = {400, "malformed-request",
	"The request ended before its header did."},
    slow = {408, "too-slow", "The request did not arrive in time."};

static void on_read(evutil_socket_t fd, short what, void *arg);
static void on_write(evutil_socket_t fd, short what, void *arg);
static void conn_process(struct conn *c);
static void conn_next(struct conn *c);

static const struct exchange_ops *
ops(const struct conn *c)
{
	return c->server->config.ops;
}

int
conn_new(struct http_server *server, int fd, struct address *address,
    const char *peer)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		nx_close(&fd);
		return -ENOMEM;
	}
	c->server = server;
	c->fd = fd;
	c->address = address;
	strncpy(c->peer, peer, sizeof(c->peer) - 1);
	event_assign(&c->read, server->config.base, fd, EV_READ | EV_PERSIST,
	    on_read, c);
	event_assign(&c->write, server->config.base, fd, EV_WRITE, on_write, c);
	if (event_add(&c->read, NULL) < 0) {
		nx_close(&fd);
		free(c);
		return -ENOMEM;
	}
	server_add(server, c);
	c->phase = CONN_HEAD;
	conn_deadline(c, server->config.limits->header_timeout);
	return 0;
}

void
conn_close(struct conn *c)
{
	if (c->phase == CONN_DEAD)
		return;
	/* Dead first: what end() does must find it so. */
	c->phase = CONN_DEAD;
	c->deadline_us = 0;
	event_del(&c->read);
	event_del(&c->write);
	exchange_over(nx_take_ptr(c->x));
	nx_close(&c->fd);
	conn_in_free(c);
	conn_out_free(c);
	server_remove(c->server, c);
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

/* The read event is on again after read_ahead() had enough. An end of the
 * stream would be reported for ever: then it stays off. */
static void
resume(struct conn *c)
{
	if (!c->paused || c->eof)
		return;
	c->paused = false;
	if (event_add(&c->read, NULL) < 0)
		conn_close(c);
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
		error = ops(c)->body(c->x, data, payload);
	if (error) {
		if (c->x)
			ops(c)->refuse(c->x, error);
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
		if (!take_body(c))
			return;
		if (c->body.done) {
			c->phase = CONN_BUSY;
			c->deadline_us = 0;
			ops(c)->whole(c->x);
			return;
		}
		if (!fill(c, CONN_IN_MAX))
			return;
	} while (c->in_len > 0);
	if (c->eof)
		ops(c)->refuse(c->x, &cut);
}

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
	ops(c)->readable(c->x);
}

static void
read_head(struct conn *c)
{
	nx_assert(!c->x);
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

/* --- heads and their order ---------------------------------------------------*/

/* A head, or what was meant to be one: from here on there is an exchange, and
 * one end of it, whatever comes. */
static void
begin(struct conn *c, const struct http_error *error, const char *head,
    size_t len)
{
	struct exchange *x;

	nx_assert(c->phase == CONN_HEAD && !c->x);
	c->phase = CONN_BUSY;
	c->deadline_us = 0;
	c->reply_done = false;
	c->keep = false;
	c->body = (struct body){.done = true};
	x = exchange_new(c, head, len);
	if (!x)
		return;
	if (!error)
		error = head_parse(&x->head, x->text, x->text_len);
	if (error) {
		/* Where the next one would begin is not known. */
		ops(c)->refuse(x, error);
		return;
	}
	body_init(&c->body, &x->head);
	c->expects = x->head.expect_continue;
	exchange_name(x);
	ops(c)->head(x);
}

/* One head out of the buffer: true when an exchange was begun. */
static bool
next_head(struct conn *c)
{
	const struct http_error *error;
	const char *data = c->in + c->in_off;
	uint32_t first = c->scanned;
	size_t used, skipped;

	nx_assert(first <= c->in_len);
	if (first == 0 && c->in_len > 0)
		conn_deadline(c, c->server->config.limits->header_timeout);
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
	if (error) {
		begin(c, error, "", 0);
		return true;
	}
	used += first;
	skipped = c->scan.skipped;
	c->scan = (struct head_scan){0};
	c->scanned = 0;
	/* The exchange copies the head: the buffer can go on. */
	c->in_off += (uint32_t)used;
	c->in_len -= (uint32_t)used;
	begin(c, NULL, data + skipped, used - skipped);
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
		if (!next_head(c))
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
	nx_assert(!c->x && c->body.done && !conn_out_pending(c));
	c->phase = CONN_HEAD;
	c->scanned = 0;
	c->scan = (struct head_scan){0};
	conn_deadline(c, c->server->config.limits->idle_timeout);
	resume(c);
}

/* No further request: says so, and listens until the client has understood.
 * Closing with unread input would send RST, which can overtake the reply. */
static void
conn_linger(struct conn *c)
{
	nx_assert(!c->x && !conn_out_pending(c));
	if (c->eof || shutdown(c->fd, SHUT_WR) < 0) {
		conn_close(c);
		return;
	}
	c->phase = CONN_LINGER;
	(void)tcp_owes(c->fd, &c->acked);
	conn_in_free(c);
	conn_deadline(c, LINGER_S);
	resume(c);
}

/* All of the reply is with the kernel. */
static void
exchange_done(struct conn *c)
{
	nx_assert(c->phase == CONN_REPLY && !conn_out_pending(c));
	exchange_over(nx_take_ptr(c->x));
	if (c->expects || c->server->draining)
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
	nx_assert(c->phase == CONN_REPLY && !c->reply_done);
	c->reply_done = true;
	if (!conn_out_pending(c))
		exchange_done(c);
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
conn_take_body(struct conn *c, enum conn_phase phase)
{
	nx_assert(c->phase == CONN_BUSY && c->x && c->x->status == 0);
	c->phase = phase;
	if (!say_continue(c))
		return;
	conn_pause(c, false);
	conn_rate_window(c);
	if (phase == CONN_COLLECT)
		read_collect(c);
	else
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
		exchange_done(c);
	else if (c->phase == CONN_REPLY)
		ops(c)->writable(c->x);
}

/* --- time ------------------------------------------------------------------*/

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
	if (c->moved < c->server->config.limits->min_rate * window(c))
		return false;
	conn_rate_window(c);
	return true;
}

static void
late_body(struct conn *c)
{
	if (!keeps_rate(c))
		ops(c)->refuse(c->x, &slow);
}

static void
late_reader(struct conn *c)
{
	if (!keeps_rate(c))
		conn_close(c);
}

static void
late_head(struct conn *c)
{
	/* Nothing sent yet is an idle connection, not a request. */
	if (c->in_len > 0)
		begin(c, &slow, "", 0);
	else
		conn_close(c);
}

/* A slow reader gets the rest from the kernel; one that took nothing all the
 * while would leave it there for ever. */
static void
late_linger(struct conn *c)
{
	uint64_t acked = 0;

	if (tcp_owes(c->fd, &acked) && acked == c->acked)
		tcp_reset_on_close(c->fd);
	conn_close(c);
}

void
conn_expired(struct conn *c)
{
	static void (*const late[CONN_PHASES])(struct conn *) = {
	    [CONN_HEAD] = late_head,
	    [CONN_BUSY] = late_reader,
	    [CONN_COLLECT] = late_body,
	    [CONN_STREAM] = late_body,
	    [CONN_REPLY] = late_reader,
	    [CONN_DISCARD] = late_reader,
	    [CONN_LINGER] = late_linger,
	};

	if (late[c->phase])
		late[c->phase](c);
}
