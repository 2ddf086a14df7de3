/*
 * Replies: status line, the header every reply has, and problem+json (RFC 9457)
 * for whatever went wrong, from the first unparseable byte on.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "gatewayd/routes/req.h"
#include "gatewayd/routes/route.h"

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
keeps(const struct req *r)
{
	const struct conn *c = r->conn;

	if (!r->head.keep_alive || r->gw->draining || c->eof)
		return false;
	if (c->body.done)
		return true;
	return !c->expects && c->body.framing == HTTP_LENGTH &&
	    c->body.left <= DISCARD_MAX;
}

/* The head of the reply into @out; its length, or 0 if it does not fit. */
static size_t
format_head(struct req *r, char *out, size_t size, const char *type,
    const char *extra, uint64_t length)
{
	struct conn *c = r->conn;
	int n, m;

	c->keep = c->keep || keeps(r);
	n = snprintf(out, size,
	    "HTTP/1.1 %d %s\r\n"
	    "Date: %s\r\n"
	    "X-Request-Id: %s\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "%s%s%s%s%s",
	    r->status, http_reason(r->status), date(), r->id,
	    type ? "Content-Type: " : "", type ? type : "", type ? "\r\n" : "",
	    extra ? extra : "",
	    !c->keep                 ? "Connection: close\r\n"
		: r->head.minor == 0 ? "Connection: keep-alive\r\n"
				     : "");
	if (n < 0 || (size_t)n >= size)
		return 0;
	if (length == REPLY_CHUNKED)
		m = snprintf(out + n, size - (size_t)n, "%s\r\n",
		    r->chunked ? "Transfer-Encoding: chunked\r\n" : "");
	else if (r->status == 204 || r->status == 304)
		m = snprintf(out + n, size - (size_t)n, "\r\n");
	else
		m = snprintf(out + n, size - (size_t)n,
		    "Content-Length: %llu\r\n\r\n", (unsigned long long)length);
	if (m < 0 || (size_t)m >= size - (size_t)n)
		return 0;
	return (size_t)(n + m);
}

/* Head and as much content as there is; what follows is the caller's. */
static bool
send_head(struct req *r, int status, const char *type, const char *extra,
    uint64_t length, const void *body, size_t len)
{
	struct conn *c = r->conn;
	struct iovec iov[2];
	char head[8192];
	size_t n;

	nx_assert(r->status == 0);
	r->status = status;
	c->phase = CONN_REPLY;
	c->deadline_us = 0;
	n = format_head(r, head, sizeof(head), type, extra, length);
	if (n == 0 || req_is_head(r))
		len = 0;
	if (n == 0) {
		conn_close(c);
		return false;
	}
	r->bytes += len;
	iov[0] = (struct iovec){head, n};
	memcpy(&iov[1].iov_base, &body, sizeof(body)); /* only read from */
	iov[1].iov_len = len;
	return conn_write(
	    c, iov, len > 0 ? 2 : 1, length > len && !req_is_head(r));
}

void
reply_bytes(struct req *r, int status, const char *type, const char *extra,
    const void *body, size_t len)
{
	struct conn *c = r->conn;

	if (send_head(r, status, type, extra, len, body, len))
		conn_reply_done(c);
}

void
reply_json(struct req *r, int status, struct buf *body)
{
	struct buf b = *body;

	*body = (struct buf){0};
	buf_add(&b, "\n", 1);
	if (b.failed)
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
	else
		reply_bytes(r, status, "application/json",
		    "Cache-Control: no-store\r\n", b.data, b.len);
	buf_fini(&b);
}

bool
reply_begin(struct req *r, int status, const char *type, const char *extra,
    uint64_t length)
{
	struct conn *c = r->conn;

	/* HTTP/1.0 has no chunks: the end of the connection ends it. */
	r->chunked = length == REPLY_CHUNKED && r->head.minor == 1;
	if (length == REPLY_CHUNKED && !r->chunked)
		r->head.keep_alive = false;
	if (!send_head(r, status, type, extra, length, NULL, 0))
		return false;
	if (!req_is_head(r))
		return true;
	conn_reply_done(c);
	return false;
}

bool
reply_chunk(struct req *r, struct buf *body)
{
	static char crlf[] = "\r\n";
	char size[24];
	struct iovec iov[3];
	size_t len = body->len;
	int n;

	if (body->failed) {
		reply_abort(r);
		return false;
	}
	if (len == 0)
		return true;
	r->bytes += len;
	n = snprintf(size, sizeof(size), "%zx\r\n", len);
	iov[0] = (struct iovec){size, r->chunked ? (size_t)n : 0};
	iov[1] = (struct iovec){body->data, len};
	iov[2] = (struct iovec){crlf, r->chunked ? 2 : 0};
	body->len = 0;
	return conn_write(r->conn, iov, 3, false);
}

void
reply_end(struct req *r)
{
	static char last[] = "0\r\n\r\n";
	struct iovec iov = {last, sizeof(last) - 1};
	struct conn *c = r->conn;

	if (r->chunked && !conn_write(c, &iov, 1, false))
		return;
	conn_reply_done(c);
}

void
reply_abort(struct req *r)
{
	conn_close(r->conn);
}

/* --- what went wrong -------------------------------------------------------*/

static void
problem(struct req *r, int status, const char *code, const char *text)
{
	char extra[256] = "Cache-Control: no-store\r\n";
	struct buf b = {0};
	size_t n = strlen(extra);

	/* Too late for a status: the client must not take it as complete. */
	if (r->status != 0) {
		reply_abort(r);
		return;
	}
	json_open(&b, NULL, '{');
	/* RFC 9457, 4.2.1: without a type of its own, the status's phrase. */
	json_string(&b, "title", http_reason(status));
	json_uint(&b, "status", (uint64_t)status);
	json_string(&b, "code", code);
	json_string(&b, "detail", text);
	json_string(&b, "error", text);
	json_string(&b, "request_id", r->id);
	json_close(&b, '}');
	buf_add(&b, "\n", 1);
	if (status == 401)
		snprintf(extra + n, sizeof(extra) - n,
		    "WWW-Authenticate: Bearer realm=\"nexus\"\r\n");
	else if (status == 503 || status == 429)
		snprintf(extra + n, sizeof(extra) - n, "Retry-After: %d\r\n",
		    status == 503 ? 1 : 30);
	else if (status == 405)
		snprintf(extra + n, sizeof(extra) - n, "Allow: %s\r\n",
		    route_allow(&r->uri));
	if (b.failed)
		reply_abort(r);
	else
		reply_bytes(r, status, "application/problem+json", extra,
		    b.data, b.len);
	buf_fini(&b);
}

void
req_fail(struct req *r, int status, const char *code, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	problem(r, status, code, text);
}

void
req_fail_http(struct req *r, const struct http_error *error)
{
	problem(r, error->status, error->code, error->text);
}

void
req_fail_close(struct req *r, const struct http_error *error)
{
	r->head.keep_alive = false;
	req_fail_http(r, error);
}

void
req_fail_status(struct req *r, Nx__Status status, const char *sentence)
{
	problem(r, nx_status_http(status), nx_status_name(status),
	    sentence && *sentence ? sentence : nx_status_title(status));
}
