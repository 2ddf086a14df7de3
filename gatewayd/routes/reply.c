/*
 * Replies of the REST API: JSON, and problem+json (RFC 9457) for whatever went
 * wrong, from the first unparseable byte on.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/sentence.h"
#include "gatewayd/routes/req.h"
#include "gatewayd/routes/route.h"

void
reply_json(struct req *r, int status, struct buf *body)
{
	struct buf b = *body;

	*body = (struct buf){0};
	buf_add(&b, "\n", 1);
	if (b.failed)
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
	else
		exchange_answer(&r->x, status, "application/json",
		    "Cache-Control: no-store\r\n", b.data, b.len);
	buf_fini(&b);
}

bool
reply_chunk(struct req *r, struct buf *body)
{
	size_t len = body->len;

	if (body->failed) {
		exchange_abort(&r->x);
		return false;
	}
	body->len = 0;
	return exchange_send(&r->x, body->data, len);
}

/* --- what went wrong -------------------------------------------------------*/

static void
problem(struct req *r, int status, const char *code, const char *text)
{
	char extra[256] = "Cache-Control: no-store\r\n", sentence[1024];
	struct buf b = {0};
	size_t n = strlen(extra);

	/* Too late for a status: the client must not take it as complete. */
	if (r->x.status != 0) {
		exchange_abort(&r->x);
		return;
	}
	nx_sentence_alone(text, sentence, sizeof(sentence));
	json_open(&b, NULL, '{');
	/* RFC 9457, 4.2.1: without a type of its own, the status's phrase. */
	json_string(&b, "title", http_reason(status));
	json_uint(&b, "status", (uint64_t)status);
	json_string(&b, "code", code);
	json_string(&b, "detail", sentence);
	json_string(&b, "error", sentence);
	json_string(&b, "request_id", r->x.id);
	json_close(&b, '}');
	buf_add(&b, "\n", 1);
	if (status == 401)
		snprintf(extra + n, sizeof(extra) - n,
		    "WWW-Authenticate: Bearer realm=\"nexus\"\r\n");
	else if (status == 503 || status == 429)
		snprintf(extra + n, sizeof(extra) - n, "Retry-After: %u\r\n",
		    r->retry_s          ? r->retry_s
			: status == 503 ? 1
					: 30);
	else if (status == 405)
		snprintf(extra + n, sizeof(extra) - n, "Allow: %s\r\n",
		    route_allow(r));
	if (b.failed)
		exchange_abort(&r->x);
	else
		exchange_answer(&r->x, status, "application/problem+json",
		    extra, b.data, b.len);
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
	exchange_last(&r->x);
	req_fail_http(r, error);
}

void
req_fail_status(struct req *r, Nx__Status status, const char *sentence)
{
	problem(r, nx_status_http(status), nx_status_name(status),
	    sentence && *sentence ? sentence : nx_status_title(status));
}
