/*
 * Request targets. Decoding happens once, after splitting: what a client hid behind
 * %2F, %00 or overlong UTF-8 is refused here, not found by some later module.
 */
#include <string.h>
#include <strings.h>

#include "common/err.h"
#include "common/utf8.h"
#include "gatewayd/http/uri.h"

static const struct http_error
    form = {400, "malformed-request",
	"The request target must be a path such as /api/files."},
    escape = {400, "bad-path",
	"The path or query contains a broken percent escape."},
    params = {400, "bad-query", "The query has too many parameters."},
    twice = {400, "bad-query", "A query parameter is given twice."};

const struct http_error uri_not_text = {400, "bad-path",
    "The path or query must be UTF-8 without control characters, and a "
    "segment must not contain an encoded slash."};

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decodes @s (NUL-terminated) in place. */
static bool
decode(char *s, bool plus, size_t *ret_len)
{
	char *out = s, *start = s;
	int hi, lo;

	for (; *s; s++, out++) {
		*out = plus && *s == '+' ? ' ' : *s;
		if (*s != '%')
			continue;
		hi = hex(s[1]);
		lo = hi < 0 ? -1 : hex(s[2]);
		if (lo < 0)
			return false;
		*out = (char)(hi << 4 | lo);
		s += 2;
	}
	*out = '\0';
	*ret_len = (size_t)(out - start);
	return true;
}

bool
uri_decode(char *s, size_t *ret_len)
{
	return decode(s, false, ret_len);
}

/* The same of what must be text. */
static const struct http_error *
decode_text(char *s, bool plus, bool slash)
{
	size_t len;

	if (!decode(s, plus, &len))
		return &escape;
	if ((!slash && memchr(s, '/', len)) || !nx_text_clean(s, len, ""))
		return &uri_not_text;
	return NULL;
}

static const struct http_error *
parse_path(struct uri *u, char *path)
{
	const struct http_error *error;
	char *next;

	/* "/" is no segment, "/a/" is "a" and an empty one. */
	if (path[1] == '\0')
		return NULL;
	for (path++; path; path = next) {
		next = strchr(path, '/');
		if (next)
			*next++ = '\0';
		error = decode_text(path, false, false);
		if (error)
			return error;
		if (u->n_segments < URI_SEGMENTS)
			u->segment[u->n_segments++] = path;
		else
			u->deep = true;
	}
	return NULL;
}

static const struct http_error *
parse_param(struct uri *u, char *name)
{
	const struct http_error *error;
	char *value = strchr(name, '=');
	struct http_span before;
	size_t len;

	if (*name == '\0')
		return NULL;
	if (u->n_params == URI_PARAMS)
		return &params;
	if (value)
		*value++ = '\0';
	else
		value = name + strlen(name);
	error = decode_text(name, true, true);
	if (error)
		return error;
	if (!decode(value, true, &len))
		return &escape;
	if (uri_bytes(u, name, &before))
		return &twice;
	u->param[u->n_params].name = name;
	u->param[u->n_params].len = len;
	u->param[u->n_params].clean = nx_text_clean(value, len, "");
	u->param[u->n_params++].value = value;
	return NULL;
}

static const struct http_error *
parse_query(struct uri *u, char *query)
{
	const struct http_error *error = NULL;
	char *next;

	for (; query && !error; query = next) {
		next = strchr(query, '&');
		if (next)
			*next++ = '\0';
		error = parse_param(u, query);
	}
	return error;
}

/* "http://host/path" is "/path" (RFC 9112 3.2.2). */
static char *
skip_authority(char *target)
{
	char *p;

	if (strncasecmp(target, "http://", 7) == 0)
		p = target + 7;
	else if (strncasecmp(target, "https://", 8) == 0)
		p = target + 8;
	else
		return NULL;
	p += strcspn(p, "/?");
	if (*p == '/')
		return p;
	/* "http://host?query": the path is empty, which means "/". */
	*--p = '/';
	return p;
}

const struct http_error *
uri_parse(struct uri *ret_uri, char *target, size_t len)
{
	const struct http_error *error;
	struct uri u = {0};
	char *query;

	target[len] = '\0';
	if (strcmp(target, "*") == 0) {
		u.asterisk = true;
		*ret_uri = u;
		return NULL;
	}
	if (strchr(target, '#'))
		return &form;
	if (target[0] != '/')
		target = skip_authority(target);
	if (!target)
		return &form;
	query = strchr(target, '?');
	if (query)
		*query++ = '\0';
	error = parse_path(&u, target);
	if (!error)
		error = parse_query(&u, query);
	if (!error)
		*ret_uri = u;
	return error;
}

const char *
uri_param(const struct uri *u, const char *name)
{
	size_t i;

	for (i = 0; i < u->n_params; i++)
		if (strcmp(u->param[i].name, name) == 0)
			return u->param[i].clean ? u->param[i].value : NULL;
	return NULL;
}

bool
uri_bytes(const struct uri *u, const char *name, struct http_span *ret_value)
{
	for (size_t i = 0; i < u->n_params; i++) {
		if (strcmp(u->param[i].name, name) != 0)
			continue;
		ret_value->p = u->param[i].value;
		ret_value->len = u->param[i].len;
		return true;
	}
	return false;
}
