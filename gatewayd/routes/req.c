/*
 * From a head to a handler: route, who asks, body; and the exchange's end, with
 * its line in the log. Everything that can be decided without the body is
 * decided before it is asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "common/err.h"
#include "common/id.h"
#include "common/log.h"
#include "gatewayd/routes/condition.h"
#include "gatewayd/routes/req.h"
#include "gatewayd/routes/route.h"

#define BODY_FIRST 1024U
#define BODIES_ALL \
	(32U << 20) /* of long JSON at once; what is made of it can be
				* several times as large, here and in a daemon */
#define BODIES_S 5U

static const struct http_error
    nothing = {404, "no-such-route", "There is nothing at this address."},
    method = {405, "method-not-allowed",
	"This address does not take this method; the Allow header lists those "
	"it takes."},
    large = {413, "body-too-large",
	"The body is larger than this request may carry."},
    memory = {503, "unavailable", "Out of memory; try again."};

static struct req *
req_of(struct exchange *x)
{
	return (struct req *)(void *)x;
}

static bool
is_json(const struct route *route)
{
	return route->body == ROUTE_JSON || route->body == ROUTE_JSON_LISTS;
}

/* --- the body in memory ----------------------------------------------------*/

/* The buffer grows to what was announced, or doubles. */
static bool
grow(struct req *r, size_t len)
{
	size_t cap = r->body_cap;
	char *body;

	if (r->x.head.framing == HTTP_LENGTH)
		cap = r->x.head.content_length;
	else
		while (cap < r->body_len + len)
			cap = cap ? cap * 2 : BODY_FIRST;
	nx_assert(cap >= r->body_len + len);
	body = realloc(r->body, cap);
	if (!body)
		return false;
	r->body = body;
	r->body_cap = cap;
	return true;
}

static const struct http_error *
on_body(struct exchange *x, const char *data, size_t len)
{
	struct req *r = req_of(x);

	nx_assert(r->route && is_json(r->route) && len > 0);
	if (len > r->route->limit - r->body_len)
		return &large;
	if (r->body_len + len > r->body_cap && !grow(r, len))
		return &memory;
	memcpy(r->body + r->body_len, data, len);
	r->body_len += len;
	return NULL;
}

static void
on_whole(struct exchange *x)
{
	struct req *r = req_of(x);
	const struct http_error *error =
	    json_parse(r->body ? r->body : "", r->body_len,
		r->route->body == ROUTE_JSON ? JSON_VALUES_MAX : ROUTE_VALUES,
		&r->json);

	if (error)
		req_fail_http(r, error);
	else
		r->route->fn(r);
}

static void
on_readable(struct exchange *x)
{
	struct req *r = req_of(x);

	nx_assert(r->ops && r->ops->readable);
	r->ops->readable(r);
}

static void
on_writable(struct exchange *x)
{
	struct req *r = req_of(x);

	if (r->ops && r->ops->writable)
		r->ops->writable(r);
}

static void
on_quiet(struct exchange *x)
{
	struct req *r = req_of(x);

	if (r->ops && r->ops->quiet)
		r->ops->quiet(r);
}

static void
on_drain(struct exchange *x)
{
	struct req *r = req_of(x);

	if (r->ops && r->ops->drain)
		r->ops->drain(r);
}

/* --- from the head on ------------------------------------------------------*/

/* Long JSON is in memory until its request ends: one user must leave some of it to
 * others. False: the request has ended. */
static bool
take_body(struct req *r)
{
	uint64_t size = r->x.head.framing == HTTP_CHUNKED
	    ? r->route->limit
	    : r->x.head.content_length;

	if (size <= ROUTE_SMALL)
		return true;
	if (!share_is_fair(r->gw->shares, r->user, SHARE_BODIES,
		BODIES_ALL - ROUTE_CODE)) {
		r->retry_s = BODIES_S;
		req_fail(r, 429, "limit",
		    "As many long requests of yours are under way as may be: "
		    "wait for one of them to end.");
		return false;
	}
	share_take(r->gw->shares, r->user, SHARE_BODIES, size);
	r->body_held = r->user ? size : 0;
	return true;
}

/* It may be done; the body, if it has one, comes now. */
static void
req_admitted(struct req *r)
{
	if (!is_json(r->route))
		r->route->fn(r);
	else if (take_body(r))
		exchange_collect(&r->x);
}

static const struct http_error *
check_body(const struct req *r)
{
	if (r->x.head.framing == HTTP_LENGTH &&
	    r->x.head.content_length > r->route->limit)
		return &large;
	/* Whoever takes an upload has its digest compared. */
	if (r->x.head.framing == HTTP_NO_BODY || r->route->body == ROUTE_UPLOAD)
		return NULL;
	return digest_none(&r->x.head);
}

static bool
reply_options(struct req *r)
{
	char extra[96];

	if (r->x.head.method != HTTP_M_OPTIONS)
		return false;
	(void)snprintf(extra, sizeof(extra), "Allow: %s\r\n", route_allow(r));
	exchange_answer(&r->x, 204, NULL, extra, NULL, 0);
	return true;
}

/* The steps that need no one else. */
static const struct http_error *
understand(struct req *r)
{
	const struct http_error *error;
	struct http_span target = r->x.head.target;
	bool path;

	error =
	    uri_parse(&r->uri, r->x.text + (target.p - r->x.text), target.len);
	if (error)
		return error;
	r->route = route_find(r, &path);
	error = req_check_text(r);
	if (error)
		return error;
	if (!r->route && !path && !r->uri.asterisk)
		return &nothing;
	if (!r->route && r->x.head.method != HTTP_M_OPTIONS)
		return &method;
	return r->route ? check_body(r) : NULL;
}

/*
 * A guard that is not looked at is no guard: what changes something says so. What
 * is only read is given whole, which any such field allows; If-Modified-Since and
 * If-Range are of reading alone (RFC 9110 13.1).
 */
static bool
check_conditions(struct req *r)
{
	bool decides = r->route->rules == ROUTE_DECIDES;
	const char *field = r->route->method == HTTP_M_GET
	    ? NULL
	    : condition_ignored(&r->x.head, decides);

	if (!field)
		return true;
	req_fail(r, 400, "invalid",
	    decides
		? "%s is not decided here, If-Match and If-None-Match are: "
		  "send those, or none."
		: "%s is not decided here: send this without. (Of an upload in "
		  "pieces, say it to what ends the upload.)",
	    field);
	return false;
}

static void
on_head(struct exchange *x)
{
	struct req *r = req_of(x);
	const struct http_error *error;

	r->gw = exchange_ctx(x);
	error = understand(r);
	if (error)
		req_fail_http(r, error);
	else if (reply_options(r) || !req_check_query(r) ||
	    !check_conditions(r))
		return;
	else if (r->route->rules & ROUTE_TOKEN)
		req_authenticate(r, req_admitted);
	else
		req_admitted(r);
}

static void
on_refuse(struct exchange *x, const struct http_error *error)
{
	struct req *r = req_of(x);

	r->gw = exchange_ctx(x);
	req_fail_close(r, error);
}

static const char *
method_name(enum http_method wanted)
{
	static const struct {
		enum http_method method;
		const char *name;
	} names[] = {
	    {HTTP_M_GET, "GET"},
	    {HTTP_M_HEAD, "HEAD"},
	    {HTTP_M_POST, "POST"},
	    {HTTP_M_PUT, "PUT"},
	    {HTTP_M_DELETE, "DELETE"},
	    {HTTP_M_OPTIONS, "OPTIONS"},
	};

	for (size_t i = 0; i < NX_ARRAY_SIZE(names); i++)
		if (names[i].method == wanted)
			return names[i].name;
	return "-";
}

static void
on_end(struct exchange *x)
{
	struct req *r = req_of(x);

	nx_info("event=request id=%s peer=%s user=%llu method=%s route=%s "
		"status=%d bytes=%llu ms=%.1f",
	    x->id, x->peer,
	    (unsigned long long)(r->token ? r->token->user_id : 0),
	    method_name(x->head.method), r->route ? r->route->pattern : "-",
	    x->status, (unsigned long long)x->sent,
	    (double)(nx_now_us() - x->started_us) / 1000);
	nx_call_cancel(r->call);
	r->call = NULL;
	if (r->ops && r->ops->free)
		r->ops->free(r->state);
	if (r->token)
		token_unref(r->gw->tokens, r->token);
	r->token = NULL;
	share_give(r->gw->shares, r->user, SHARE_BODIES, r->body_held);
	if (r->user)
		shares_put(r->gw->shares, r->user);
	r->user = NULL;
	cJSON_Delete(r->json);
	if (r->body) /* passwords, codes */
		sodium_memzero(r->body, r->body_len);
	free(r->body);
}

const struct exchange_ops req_exchange_ops = {
    .size = sizeof(struct req),
    .head = on_head,
    .body = on_body,
    .whole = on_whole,
    .readable = on_readable,
    .writable = on_writable,
    .quiet = on_quiet,
    .drain = on_drain,
    .refuse = on_refuse,
    .end = on_end,
};

/* --- small things for handlers ---------------------------------------------*/

bool
req_is_head(const struct req *r)
{
	return r->x.head.method == HTTP_M_HEAD;
}

bool
req_take(struct req *r, const struct json_field *fields, size_t n, void *out)
{
	char error[JSON_ERROR_MAX];

	if (json_take(r->json, fields, n, out, error) == 0)
		return true;
	req_fail(r, 400, "invalid", "%s", error);
	return false;
}

bool
req_condition(struct req *r, struct condition *ret_condition)
{
	const struct http_error *error =
	    condition_of(ret_condition, &r->x.head);

	if (error)
		req_fail_http(r, error);
	return !error;
}
