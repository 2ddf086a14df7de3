/*
 * Query parameters: which a route takes, and their values as numbers, flags and
 * text.
 */
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/routes/req.h"
#include "gatewayd/routes/route.h"

/* "known: key version" of "%key version". */
static void
known_parameters(const char *query, char *text, size_t size)
{
	size_t at = (size_t)snprintf(text, size, "known: ");

	for (; *query && at + 1 < size; query++)
		if (*query != '%')
			text[at++] = *query;
	text[at] = '\0';
}

bool
req_check_query(struct req *r)
{
	char known[256] = "none is known";
	bool bytes;

	for (size_t i = 0; i < r->uri.n_params; i++) {
		if (route_takes(r->route, r->uri.param[i].name, &bytes))
			continue;
		if (r->route->query)
			known_parameters(r->route->query, known, sizeof(known));
		req_fail(r, 400, "invalid",
		    "There is no query parameter %.64s here; %s.",
		    r->uri.param[i].name, known);
		return false;
	}
	return true;
}

const struct http_error *
req_check_text(const struct req *r)
{
	bool bytes;

	for (size_t i = 0; i < r->uri.n_params; i++)
		if (!r->uri.param[i].clean &&
		    (!r->route ||
			!route_takes(r->route, r->uri.param[i].name, &bytes) ||
			!bytes))
			return &uri_not_text;
	return NULL;
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
req_number(struct req *r, const char *name, uint64_t max, uint64_t *ret_value)
{
	const char *text = uri_param(&r->uri, name);
	uint64_t value;

	if (!text)
		return true;
	if (!http_decimal((struct http_span){text, strlen(text)}, &value) ||
	    value > max) {
		req_fail(r, 400, "invalid",
		    "The parameter %s is a number up to %llu.", name,
		    (unsigned long long)max);
		return false;
	}
	*ret_value = value;
	return true;
}

const char *
req_param(const struct req *r, const char *name)
{
	const char *value = uri_param(&r->uri, name);

	return value ? value : "";
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
