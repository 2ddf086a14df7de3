/*
 * From a head to a handler: parse, route, who asks, body. Everything that can
 * be decided without the body is decided before it is asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "gatewayd/http/digest.h"
#include "gatewayd/routes/req.h"
#include "gatewayd/routes/route.h"

#define BODY_FIRST 1024U

static const struct http_error
    nothing = {404, "no-such-route", "There is nothing at this address."},
    method = {405, "method-not-allowed",
	"This address does not take this method; the Allow header lists those "
	"it takes."},
    large = {413, "body-too-large",
	"The body is larger than this request may carry."},
    memory = {503, "unavailable", "Out of memory; try again."};

/* Unique for as long as logs live: 32 random bits of this process, a count. */
static void
make_id(char id[65])
{
	static uint32_t process;
	static uint64_t count;

	if (process == 0)
		process = randombytes_random() | 1;
	snprintf(id, 65, "%08x%08llx", process, (unsigned long long)++count);
}

/* The client's own, when it cannot hurt a log. */
static void
take_id(struct req *r)
{
	struct http_span id = r->head.field[HEAD_REQUEST_ID];
	size_t i;

	if (!id.p || id.len == 0 || id.len > 64)
		return;
	for (i = 0; i < id.len; i++)
		if (!((id.p[i] >= '0' && id.p[i] <= '9') ||
			(id.p[i] >= 'A' && id.p[i] <= 'Z') ||
			(id.p[i] >= 'a' && id.p[i] <= 'z') || id.p[i] == '_' ||
			id.p[i] == '-'))
			return;
	memcpy(r->id, id.p, id.len);
	r->id[id.len] = '\0';
}

static struct req *
req_new(struct conn *c, const char *head, size_t len)
{
	/* One byte more: the target is terminated in place. */
	struct req *r = calloc(1, sizeof(*r) + len + 1);

	if (!r)
		return NULL;
	r->gw = c->gw;
	r->conn = c;
	r->started_us = nx_now_us();
	r->head_len = len;
	memcpy(r->text, head, len);
	make_id(r->id);
	c->req = r;
	return r;
}

void
req_end(struct req *r)
{
	struct conn *c = r->conn;

	nx_info("event=request id=%s peer=%s user=%llu method=%s route=%s "
		"status=%d bytes=%llu ms=%.1f",
	    r->id, c->peer,
	    (unsigned long long)(r->token ? r->token->user_id : 0),
	    req_method_name(r), r->route ? r->route->pattern : "-", r->status,
	    (unsigned long long)r->bytes,
	    (double)(nx_now_us() - r->started_us) / 1000);
	nx_call_cancel(r->call);
	if (r->ops && r->ops->free)
		r->ops->free(r->state);
	token_unref(r->gw->tokens, r->token);
	cJSON_Delete(r->json);
	if (r->body) /* passwords, codes */
		sodium_memzero(r->body, r->body_len);
	free(r->body);
	sodium_memzero(r->text, r->head_len); /* the token */
	free(r);
}

/* --- the body in memory ----------------------------------------------------*/

const struct http_error *
req_body_add(struct req *r, const char *data, size_t len)
{
	size_t cap = r->body_cap;
	char *body;

	if (r->conn->body.received > r->route->limit)
		return &large;
	if (len == 0)
		return NULL;
	if (r->body_len + len > cap) {
		if (r->head.framing == HTTP_LENGTH)
			cap = r->head.content_length;
		else
			while (cap < r->body_len + len)
				cap = cap ? cap * 2 : BODY_FIRST;
		body = realloc(r->body, cap);
		if (!body)
			return &memory;
		r->body = body;
		r->body_cap = cap;
	}
	memcpy(r->body + r->body_len, data, len);
	r->body_len += len;
	return NULL;
}

void
req_body_complete(struct req *r)
{
	const struct http_error *error =
	    json_parse(r->body ? r->body : "", r->body_len, &r->json);

	if (error)
		req_fail_http(r, error);
	else
		r->route->fn(r);
}

void
req_readable(struct req *r)
{
	if (r->ops && r->ops->readable)
		r->ops->readable(r);
}

void
req_writable(struct req *r)
{
	if (r->ops && r->ops->writable)
		r->ops->writable(r);
}

/* --- from the head on ------------------------------------------------------*/

/* It may be done; the body, if it has one, comes now. */
static void
req_admitted(struct req *r)
{
	if (r->route->body == ROUTE_JSON)
		conn_collect(r->conn);
	else
		r->route->fn(r);
}

static const struct http_error *
check_body(const struct req *r)
{
	if (r->head.framing == HTTP_LENGTH &&
	    r->head.content_length > r->route->limit)
		return &large;
	/* Of an upload without a byte they say something, too. */
	if (r->head.framing == HTTP_NO_BODY && r->route->body != ROUTE_UPLOAD)
		return NULL;
	return digest_none(&r->head);
}

/* A parameter nobody reads is a mistake of the client's: told, not ignored.
 * False: the request has ended. */
static bool
check_query(struct req *r)
{
	const char *query = r->route->query;
	size_t i;

	for (i = 0; i < r->uri.n_params; i++) {
		if (route_takes(r->route, r->uri.param[i].name))
			continue;
		req_fail(r, 400, "invalid",
		    "There is no query parameter %.64s here; %s%s.",
		    r->uri.param[i].name, query ? "known: " : "none is known",
		    query ? query : "");
		return false;
	}
	return true;
}

static bool
reply_options(struct req *r)
{
	char extra[96];

	if (r->head.method != HTTP_M_OPTIONS)
		return false;
	snprintf(extra, sizeof(extra), "Allow: %s\r\n", route_allow(&r->uri));
	reply_bytes(r, 204, NULL, extra, NULL, 0);
	return true;
}

/* The steps that need no one else. */
static const struct http_error *
understand(struct req *r, bool *ret_broken)
{
	const struct http_error *error;
	struct http_span target;
	bool path;

	*ret_broken = true;
	error = head_parse(&r->head, r->text, r->head_len);
	if (error)
		return error;
	*ret_broken = false;
	body_init(&r->conn->body, &r->head);
	r->conn->expects = r->head.expect_continue;
	take_id(r);
	target = r->head.target;
	error = uri_parse(&r->uri, r->text + (target.p - r->text), target.len);
	if (error)
		return error;
	r->route = route_find(r, &path);
	if (!r->route && !path && !r->uri.asterisk)
		return &nothing;
	if (!r->route && r->head.method != HTTP_M_OPTIONS)
		return &method;
	return r->route ? check_body(r) : NULL;
}

void
req_start(struct conn *c, const char *head, size_t len)
{
	struct req *r = req_new(c, head, len);
	const struct http_error *error;
	bool broken;

	if (!r) {
		conn_close(c);
		return;
	}
	c->body = (struct body){.done = true};
	error = understand(r, &broken);
	if (error && broken)
		req_fail_close(r, error);
	else if (error)
		req_fail_http(r, error);
	else if (reply_options(r) || !check_query(r))
		return;
	else if (r->route->token)
		req_authenticate(r, req_admitted);
	else
		req_admitted(r);
}

void
req_start_refused(struct conn *c, const struct http_error *error)
{
	struct req *r = req_new(c, "", 0);

	if (!r)
		conn_close(c);
	else
		req_fail_close(r, error);
}

/* --- small things for handlers ---------------------------------------------*/

bool
req_is_head(const struct req *r)
{
	return r->head.method == HTTP_M_HEAD;
}

const char *
req_method_name(const struct req *r)
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
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(names); i++)
		if (names[i].method == r->head.method)
			return names[i].name;
	return "-";
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

const char *
req_query(struct req *r, const char *name)
{
	const char *value = uri_param(&r->uri, name);

	if (value && *value)
		return value;
	req_fail(r, 400, "invalid", "The query parameter %s is missing.", name);
	return NULL;
}

bool
req_flag(struct req *r, const char *name, bool *ret_value)
{
	static const char *const yes[] = {"", "1", "true", "yes"};
	static const char *const no[] = {"0", "false", "no"};
	const char *value = uri_param(&r->uri, name);
	size_t i;

	*ret_value = false;
	for (i = 0; value && i < NX_ARRAY_SIZE(yes); i++)
		if (strcmp(value, yes[i]) == 0)
			*ret_value = true;
	for (i = 0; i < NX_ARRAY_SIZE(no); i++)
		if (!value || *ret_value || strcmp(value, no[i]) == 0)
			return true;
	req_fail(r, 400, "invalid",
	    "The query parameter %s must be true or false.", name);
	return false;
}
