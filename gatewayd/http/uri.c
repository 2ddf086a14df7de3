/*
 * Request targets. Decoding happens once, after splitting: what a client hid behind
 * %2F, %00 or overlong UTF-8 is refused here, not found by some later module.
 */
#include <string.h>
#include <strings.h>

#include "common/err.h"
#include "gatewayd/http/uri.h"

static const struct http_error
    form = {400, "malformed-request",
	"The request target must be a path such as /api/files."},
    escape = {400, "bad-path",
	"The path or query contains a broken percent escape."},
    text = {400, "bad-path",
	"The path or query must be UTF-8 without control characters, and a "
	"segment must not contain an encoded slash."},
    params = {400, "bad-query", "The query has too many parameters."},
    twice = {400, "bad-query", "A query parameter is given twice."};

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

/* Length of the UTF-8 sequence that starts at @s, 0 if it is none. */
static size_t
utf8_len(const unsigned char *s, size_t len)
{
	static const struct {
		unsigned char mask, lead, low;
		size_t n;
	} forms[] = {
	    {0x80, 0x00, 0, 1},
	    {0xe0, 0xc0, 0, 2},
	    {0xf0, 0xe0, 0, 3},
	    {0xf8, 0xf0, 0, 4},
	};
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t c;
	size_t f, i;

	for (f = 0; f < NX_ARRAY_SIZE(forms); f++)
		if ((s[0] & forms[f].mask) == forms[f].lead)
			break;
	if (f == NX_ARRAY_SIZE(forms) || forms[f].n > len)
		return 0;
	c = s[0] & (unsigned char)~forms[f].mask;
	for (i = 1; i < forms[f].n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[forms[f].n] || c > 0x10ffff || (c >> 11) == 0x1b)
		return 0;
	return forms[f].n;
}

bool
text_is_clean(const char *s, size_t len, bool lines)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t i = 0, n;

	while (i < len) {
		if (p[i] < 0x20 || p[i] == 0x7f) {
			if (!lines || p[i] == 0x7f ||
			    !memchr("\t\n\r", p[i], 3))
				return false;
			i++;
			continue;
		}
		n = utf8_len(p + i, len - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

/* Decodes @s (NUL-terminated) in place. */
static const struct http_error *
decode(char *s, bool plus, bool slash)
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
			return &escape;
		*out = (char)(hi << 4 | lo);
		s += 2;
		if (*out == '/' && !slash)
			return &text;
	}
	if (!text_is_clean(start, (size_t)(out - start), false))
		return &text;
	*out = '\0';
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
		error = decode(path, false, false);
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

	if (*name == '\0')
		return NULL;
	if (u->n_params == URI_PARAMS)
		return &params;
	if (value)
		*value++ = '\0';
	else
		value = name + strlen(name);
	error = decode(name, true, true);
	if (!error)
		error = decode(value, true, true);
	if (error)
		return error;
	if (uri_param(u, name))
		return &twice;
	u->param[u->n_params].name = name;
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
			return u->param[i].value;
	return NULL;
}
