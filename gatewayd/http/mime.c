/*
 * Header values with parameters. File names come from one client and go to
 * another; this is where both directions are made harmless.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gatewayd/http/mime.h"

static struct http_span
trim(struct http_span s)
{
	while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

bool
mime_is(struct http_span value, const char *word)
{
	const char *end;

	if (!value.p)
		return false;
	end = memchr(value.p, ';', value.len);
	if (end)
		value.len = (size_t)(end - value.p);
	return http_span_is(trim(value), word);
}

static bool
take(struct http_span *s, char c)
{
	if (s->len == 0 || s->p[0] != c)
		return false;
	s->p++;
	s->len--;
	return true;
}

static struct http_span
take_token(struct http_span *s)
{
	struct http_span token = {s->p, 0};

	while (s->len > 0 && http_tchar((unsigned char)s->p[0])) {
		s->p++;
		s->len--;
		token.len++;
	}
	return token;
}

/* A token or quoted string off the front of @s; unquoted into @ret unless that
 * is NULL. */
static bool
take_value(struct http_span *s, char *ret, size_t size)
{
	size_t n = 0;
	bool quoted = take(s, '"');

	while (s->len > 0) {
		char c = s->p[0];

		if (quoted ? c == '"' : !http_tchar((unsigned char)c))
			break;
		s->p++;
		s->len--;
		if (quoted && c == '\\') {
			if (s->len == 0)
				return false;
			c = s->p[0];
			s->p++;
			s->len--;
		}
		if (c == '\0')
			return false;
		if (ret) {
			if (n + 1 >= size)
				return false;
			ret[n] = c;
		}
		n++;
	}
	if (quoted ? !take(s, '"') : n == 0)
		return false;
	if (ret)
		ret[n] = '\0';
	return true;
}

int
mime_param(struct http_span value, const char *name, char *ret, size_t size)
{
	const char *semicolon =
	    value.p ? memchr(value.p, ';', value.len) : NULL;
	struct http_span s, token;
	bool found = false, wanted;

	if (!semicolon)
		return 0;
	s.p = semicolon;
	s.len = value.len - (size_t)(semicolon - value.p);
	while (s = trim(s), s.len > 0) {
		if (!take(&s, ';'))
			return -EINVAL;
		s = trim(s);
		if (s.len == 0 || s.p[0] == ';')
			continue; /* "a;;b" and "a;" are seen in the wild */
		token = take_token(&s);
		if (token.len == 0 || !take(&s, '='))
			return -EINVAL;
		wanted = http_span_is(token, name);
		if (wanted && found)
			return -EINVAL;
		if (!take_value(&s, wanted ? ret : NULL, size))
			return -EINVAL;
		found = found || wanted;
	}
	return found;
}

/* What needs no escape in an ext-value: RFC 8187 attr-char. */
static bool
attr_char(unsigned char c)
{
	return http_tchar(c) && c != '*' && c != '\'' && c != '%';
}

void
mime_attachment(const char *name, char *ret, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";
	static const char middle[] = "\"; filename*=UTF-8''";
	const unsigned char *p;
	size_t n;

	n = (size_t)snprintf(ret, size, "attachment; filename=\"");
	p = (const unsigned char *)name;
	for (; *p && n + sizeof(middle) + 4 < size; p++) {
		if ((*p & 0xc0) == 0x80)
			continue; /* one '_' for a whole character */
		ret[n++] = *p < 0x20 || *p >= 0x7f || strchr("\"\\%/", *p)
		    ? '_'
		    : (char)*p;
	}
	memcpy(ret + n, middle, sizeof(middle));
	n += sizeof(middle) - 1;
	p = (const unsigned char *)name;
	for (; *p && n + 4 < size; p++) {
		if (attr_char(*p)) {
			ret[n++] = (char)*p;
			continue;
		}
		ret[n++] = '%';
		ret[n++] = digits[*p >> 4];
		ret[n++] = digits[*p & 15];
	}
	ret[n] = '\0';
}
