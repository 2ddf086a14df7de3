/*
 * Finding the route of a request in the tables the gateway answers. Their order
 * does not matter: a segment that is spelled out is not matched by ':', which
 * takes any one segment.
 */
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/gateway.h"
#include "gatewayd/routes/route.h"

/* Does @pattern describe @uri? *ret_param: what stands at its ':'. */
static bool
matches(const char *pattern, const struct uri *uri, const char **ret_param)
{
	const char *param = NULL;
	size_t i, n;

	for (i = 0; *pattern == '/'; i++, pattern += n) {
		n = strcspn(++pattern, "/");
		if (i == uri->n_segments || uri->segment[i][0] == '\0')
			return false;
		if (*pattern == ':')
			param = uri->segment[i];
		else if (strlen(uri->segment[i]) != n ||
		    memcmp(uri->segment[i], pattern, n) != 0)
			return false;
	}
	if (i != uri->n_segments || uri->deep)
		return false;
	*ret_param = param;
	return true;
}

bool
route_takes(const struct route *route, const char *param, bool *ret_bytes)
{
	const char *word = route->query;
	size_t n = strlen(param), len;

	for (; word && *word; word += len + strspn(word + len, " ")) {
		*ret_bytes = *word == '%';
		word += *ret_bytes;
		len = strcspn(word, " ");
		if ((len == n && memcmp(word, param, n) == 0) || *word == '*')
			return true;
	}
	return false;
}

const struct route *
route_find(struct req *r, bool *ret_path)
{
	const struct route_table *const *t;
	enum http_method method = r->x.head.method;
	const struct route *route, *found = NULL;
	const char *param;

	if (method == HTTP_M_HEAD)
		method = HTTP_M_GET;
	*ret_path = false;
	for (t = r->gw->routes; *t; t++) {
		for (route = (*t)->rows; route < (*t)->rows + (*t)->n;
		     route++) {
			if (!matches(route->pattern, &r->uri, &param))
				continue;
			*ret_path = true;
			if (route->method != method)
				continue;
			/* "/api/files/upload" also looks like "/api/files/:id" */
			if (found && param)
				continue;
			found = route;
			r->param = param;
		}
	}
	return found;
}

const char *
route_allow(const struct req *r)
{
	static const struct {
		unsigned method;
		const char *names;
	} names[] = {
	    {HTTP_M_GET, "GET, HEAD, "},
	    {HTTP_M_POST, "POST, "},
	    {HTTP_M_PUT, "PUT, "},
	    {HTTP_M_DELETE, "DELETE, "},
	};
	static char text[64];
	const struct route_table *const *t;
	const char *param;
	unsigned mask = 0;
	size_t i;

	for (t = r->gw->routes; *t; t++)
		for (i = 0; i < (*t)->n; i++)
			if (r->uri.asterisk ||
			    matches((*t)->rows[i].pattern, &r->uri, &param))
				mask |= (*t)->rows[i].method;
	text[0] = '\0';
	for (i = 0; i < NX_ARRAY_SIZE(names); i++)
		if (mask & names[i].method)
			strcat(text, names[i].names);
	strcat(text, "OPTIONS");
	return text;
}
