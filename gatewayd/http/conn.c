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

#define PIPELINE 16 /* requests answered before others get their turn */
#define LINGER_S 10U

static const struct http_error half = {
    400, "malformed-request", "The request ended before its header did."};

static void on_write(evutil_socket_t fd, short what, void *arg);

/* Called once for the peer and, behind the PROXY protocol, once more for whom it
 * speaks for: only the second of them is counted then. */
int
conn_set_client(struct conn *c, const struct address *from)
{
	nx_assert(!c->share);
	c->from = *from;
	c->trusted = proxies_trust(c->server->config.proxies, from);
	if (!from->known || c->trusted)
		return 0;
	c->share = server_admit(c->server, from);
	return c->share ? 0 : -EUSERS;
}

int
conn_new(struct http_server *server, int fd, const struct address *from)
{
	struct conn *c = calloc(1, sizeof(*c));
	int result;

	if (!c) {
		nx_close(&fd);
		return -ENOMEM;
	}
	c->server = server;
	c->fd = fd;
	result = conn_set_client(c, from);
	if (result < 0) {
		nx_close(&fd);
		free(c);
		return result;
	}
	event_assign(&c->read, server->config.base, fd, EV_READ | EV_PERSIST,
	    conn_on_read, c);
	event_assign(&c->write, server->config.base, fd, EV_WRITE, on_write, c);
	if (event_add(&c->read, NULL) < 0) {
		server_leave(server, c->share);
		nx_close(&fd);
		free(c);
		return -ENOMEM;
	}
	server_add(server, c);
	c->phase = c->trusted && server->config.proxy_protocol ? CONN_PROXY
							       : CONN_HEAD;
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
	server_leave(c->server, nx_take_ptr(c->share));
	server_remove(c->server, c);
}

void
conn_drain(struct conn *c)
{
	c->keep = false;
	if (c->phase <= CONN_HEAD && c->in_len == 0)
		conn_close(c);
	else if (c->x)
		conn_ops(c)->drain(c->x);
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

/* A client that has sent its last may have gone: the clock looks after it. For
 * all others there is nothing to wait for but the handler. */
void
conn_busy(struct conn *c)
{
	nx_assert(c->x);
	c->phase = CONN_BUSY;
	c->deadline_us = 0;
	if (c->eof)
		conn_deadline(c, CONN_PROBE_S);
}

/* --- heads and their order -------------------------------------------------*/

/* A head, or what was meant to be one: from here on there is an exchange, and
 * one end of it, whatever comes. */
void
conn_begin(struct conn *c, const struct http_error *error, const char *head,
    size_t len)
{
	struct exchange *x;

	nx_assert(c->phase == CONN_HEAD && !c->x);
	c->reply_done = false;
	c->keep = false;
	c->body = (struct body){.done = true};
	x = exchange_new(c, head, len);
	if (!x)
		return;
	if (!error)
		error = head_parse(&x->head, x->text, x->text_len);
	if (!error)
		error = exchange_name(x);
	conn_busy(c);
	if (error) {
		/* Where the next one would begin is not known. */
		conn_ops(c)->refuse(x, error);
		return;
	}
	body_init(&c->body, &x->head);
	c->expects = x->head.expect_continue;
	conn_ops(c)->head(x);
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
		conn_begin(c, error, "", 0);
		return true;
	}
	used += first;
	skipped = c->scan.skipped;
	c->scan = (struct head_scan){0};
	c->scanned = 0;
	/* The exchange copies the head: the buffer can go on. */
	c->in_off += (uint32_t)used;
	c->in_len -= (uint32_t)used;
	conn_begin(c, NULL, data + skipped, used - skipped);
	return true;
}

void
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
void
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

/* All of the reply is with the kernel, and another request may follow, unless
 * the client waits for leave to send a body that nobody asked for: what it does
 * next cannot be known (RFC 9110 10.1.1). */
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
		conn_on_read(c->fd, EV_READ, c);
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
		conn_ops(c)->writable(c->x);
}
