/*
 * Replies: the status line, the header every reply has, chunks, and files past
 * the buffers.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <time.h>

#include "common/err.h"
#include "gatewayd/http/conn.h"

#define DISCARD_MAX 65536U /* of an unread body; beyond it, close */

/* RFC 9110 6.6.1. Made once a second. */
static const char *
date(void)
{
	static char text[64];
	static time_t made;
	time_t now = time(NULL);
	struct tm tm;

	if (now == made)
		return text;
	made = now;
	gmtime_r(&now, &tm);
	/* The C locale's names are the ones HTTP wants. */
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return text;
}

/* May another request follow on this connection? */
static bool
keeps(const struct exchange *x)
{
	const struct conn *c = x->conn;

	if (!x->head.keep_alive || c->server->draining || c->eof)
		return false;
	if (c->body.done)
		return true;
	return !c->expects && c->body.framing == HTTP_LENGTH &&
	    c->body.left <= DISCARD_MAX;
}

static bool
is_head(const struct exchange *x)
{
	return x->head.method == HTTP_M_HEAD;
}

/* How the reply ends, as the last header line. */
static const char *
framing(const struct exchange *x, uint64_t length, char line[64])
{
	line[0] = '\0';
	if (length == EXCHANGE_CHUNKED)
		return x->chunked ? "Transfer-Encoding: chunked\r\n" : "";
	if (x->status != 204 && x->status != 304)
		(void)snprintf(line, 64, "Content-Length: %llu\r\n",
		    (unsigned long long)length);
	return line;
}

/* The head of the reply into @out; its length, or 0 if it does not fit. */
static size_t
format_head(struct exchange *x, char *out, size_t size, const char *type,
    const char *extra, uint64_t length)
{
	struct conn *c = x->conn;
	char line[64];
	int n;

	c->keep = c->keep || keeps(x);
	n = snprintf(out, size,
	    "HTTP/1.1 %d %s\r\n"
	    "Date: %s\r\n"
	    "X-Request-Id: %s\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "%s%s%s%s%s%s\r\n",
	    x->status, http_reason(x->status), date(), x->id,
	    type ? "Content-Type: " : "", type ? type : "", type ? "\r\n" : "",
	    extra ? extra : "",
	    !c->keep                 ? "Connection: close\r\n"
		: x->head.minor == 0 ? "Connection: keep-alive\r\n"
				     : "",
	    framing(x, length, line));
	return n < 0 || (size_t)n >= size ? 0 : (size_t)n;
}

/* Head and as much content as there is; what follows is the caller's. */
static bool
send_head(struct exchange *x, int status, const char *type, const char *extra,
    uint64_t length, const void *body, size_t len)
{
	struct conn *c = x->conn;
	struct iovec iov[2];
	char head[HTTP_HEAD_MAX]; /* a file's metadata is as long as came */
	size_t n;

	nx_assert(x->status == 0 && status >= 200);
	nx_assert(c->phase != CONN_HEAD && c->phase < CONN_REPLY);
	x->status = status;
	c->phase = CONN_REPLY;
	c->deadline_us = 0;
	n = format_head(x, head, sizeof(head), type, extra, length);
	if (n == 0 || is_head(x))
		len = 0;
	if (n == 0) {
		conn_close(c);
		return false;
	}
	x->sent += len;
	iov[0] = (struct iovec){head, n};
	memcpy(&iov[1].iov_base, &body, sizeof(body)); /* only read from */
	iov[1].iov_len = len;
	return conn_write(c, iov, len > 0 ? 2 : 1, length > len && !is_head(x));
}

void
exchange_answer(struct exchange *x, int status, const char *type,
    const char *extra, const void *body, size_t len)
{
	struct conn *c = x->conn;

	if (!x->ended && send_head(x, status, type, extra, len, body, len))
		conn_reply_done(c);
}

bool
exchange_begin(struct exchange *x, int status, const char *type,
    const char *extra, uint64_t length)
{
	if (x->ended)
		return false;
	/* HTTP/1.0 has no chunks: the end of the connection ends it. */
	x->chunked = length == EXCHANGE_CHUNKED && x->head.minor == 1;
	if (length == EXCHANGE_CHUNKED && !x->chunked)
		x->head.keep_alive = false;
	if (!send_head(x, status, type, extra, length, NULL, 0))
		return false;
	if (!is_head(x))
		return true;
	conn_reply_done(x->conn);
	return false;
}

bool
exchange_send(struct exchange *x, const void *data, size_t len)
{
	static char crlf[] = "\r\n";
	char size[24];
	struct iovec iov[3];
	int n;

	if (x->ended || len == 0)
		return !x->ended;
	nx_assert(x->status != 0 && !x->conn->reply_done);
	x->sent += len;
	n = snprintf(size, sizeof(size), "%zx\r\n", len);
	iov[0] = (struct iovec){size, x->chunked ? (size_t)n : 0};
	memcpy(&iov[1].iov_base, &data, sizeof(data)); /* only read from */
	iov[1].iov_len = len;
	iov[2] = (struct iovec){crlf, x->chunked ? 2 : 0};
	return conn_write(x->conn, iov, 3, false);
}

ssize_t
exchange_sendfile(struct exchange *x, int fd, off_t *at, size_t len)
{
	struct conn *c = x->conn;
	ssize_t n;

	if (x->ended)
		return -EPIPE;
	nx_assert(c->phase == CONN_REPLY && !conn_out_pending(c));
	do
		n = sendfile(c->fd, fd, at, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return -EIO; /* shorter than was said */
	x->sent += (uint64_t)n;
	c->moved += (uint64_t)n;
	return n;
}

bool
exchange_pending(const struct exchange *x)
{
	return !x->ended && conn_out_pending(x->conn);
}

void
exchange_want(struct exchange *x)
{
	if (!x->ended)
		conn_want_write(x->conn);
}

void
exchange_finish(struct exchange *x)
{
	static char last[] = "0\r\n\r\n";
	struct iovec iov = {last, sizeof(last) - 1};
	struct conn *c = x->conn;

	if (x->ended)
		return;
	if (x->chunked && !conn_write(c, &iov, 1, false))
		return;
	conn_reply_done(c);
}

void
exchange_last(struct exchange *x)
{
	x->head.keep_alive = false;
}

void
exchange_abort(struct exchange *x)
{
	if (!x->ended)
		conn_close(x->conn);
}
