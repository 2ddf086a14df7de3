/*
 * What the passing of its deadline means to a connection, in each phase: a
 * client that keeps up its rate gets another window, one that dawdles is told
 * so or cut, one that may have gone is asked.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/err.h"
#include "gatewayd/http/conn.h"
#include "gatewayd/http/tcp.h"

#define PROBE_EACH 8U /* of so many looks, one asks the client */
#define PATIENCE   5U /* looks at one that cannot be asked */

static const struct http_error slow = {
    408, "too-slow", "The request did not arrive in time."};

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
		conn_ops(c)->refuse(c->x, &slow);
}

static void
late_reader(struct conn *c)
{
	if (!keeps_rate(c))
		conn_close(c);
}

/* True: it has gone. */
static bool
probe(const struct conn *c)
{
	static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";

	return send(c->fd, interim, sizeof(interim) - 1,
		   MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
	    errno != EAGAIN && errno != EINTR;
}

/*
 * The client has sent its last. Has it gone, or only said all it has to say?
 * TCP tells only when something is sent: one that is gone answers with a reset,
 * one that waits skips what any interim reply is (RFC 9110 15.2).
 *
 * An HTTP/1.0 client knows none of those and must not be sent any, so nothing
 * tells the two apart. Nearly all that close have gone, and what they asked for
 * may hold a place for a quarter of an hour; a closure that was received wants
 * prompt closing of both sides (RFC 9112 9.5), and gives no right to an answer.
 * So it has PATIENCE looks, in which whatever is quick is answered, and has then
 * gone.
 */
static bool
has_gone(struct conn *c)
{
	struct pollfd p = {.fd = c->fd};

	if (poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP)))
		return true;
	c->probes++;
	if (c->x->head.minor == 0)
		return c->probes >= PATIENCE;
	return c->probes % PROBE_EACH == 1 && probe(c);
}

static void
late_busy(struct conn *c)
{
	if (!c->eof || conn_out_pending(c))
		late_reader(c);
	else if (has_gone(c))
		conn_close(c);
	else
		conn_deadline(c, CONN_PROBE_S);
}

/* A reply that waits for what it can say next finds out only by saying
 * something; a second later the answer to that is here. */
void
conn_quiet(struct conn *c)
{
	conn_ops(c)->quiet(c->x);
	if (c->phase == CONN_REPLY && c->deadline_us == 0)
		conn_deadline(c, CONN_PROBE_S);
}

static void
late_reply(struct conn *c)
{
	struct pollfd p = {.fd = c->fd};

	if (!c->eof || c->reply_done || conn_out_pending(c))
		late_reader(c);
	else if (poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP)))
		conn_close(c);
	else
		c->deadline_us = 0; /* it reads on */
}

static void
late_head(struct conn *c)
{
	/* Nothing sent yet is an idle connection, not a request. */
	if (c->in_len > 0)
		conn_begin(c, &slow, "", 0);
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
	    [CONN_PROXY] = conn_close,
	    [CONN_HEAD] = late_head,
	    [CONN_BUSY] = late_busy,
	    [CONN_COLLECT] = late_body,
	    [CONN_STREAM] = late_body,
	    [CONN_REPLY] = late_reply,
	    [CONN_DISCARD] = late_reader,
	    [CONN_LINGER] = late_linger,
	};

	if (late[c->phase])
		late[c->phase](c);
}
