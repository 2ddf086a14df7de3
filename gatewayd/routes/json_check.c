/*
 * The check of json_in.h: a recursive descent over RFC 8259 that allocates
 * nothing and builds nothing; recursion is bounded by JSON_DEPTH_MAX.
 */
#include <string.h>

#include "common/err.h"
#include "common/utf8.h"
#include "gatewayd/routes/json_in.h"
#include "gatewayd/http/http.h"

struct scan {
	const char *p, *end;
	unsigned depth, values; /* values: how many more there may be */
	const struct http_error *error;
};

static const struct http_error
    syntax = {400, "bad-json", "The body is not valid JSON."},
    deep = {400, "bad-json", "The JSON is nested deeper than 16 levels."},
    many = {400, "bad-json", "The JSON has too many values."},
    utf8 = {400, "bad-json", "The JSON contains text that is not valid UTF-8."},
    nul = {400, "bad-json",
	"The JSON contains the character U+0000, which is not allowed."};

static bool check_value(struct scan *s);

static bool
fail(struct scan *s, const struct http_error *error)
{
	if (!s->error)
		s->error = error;
	return false;
}

static void
skip_space(struct scan *s)
{
	while (s->p < s->end && memchr(" \t\r\n", *s->p, 4))
		s->p++;
}

static bool
take(struct scan *s, char c)
{
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static bool
check_hex4(struct scan *s, unsigned *ret)
{
	unsigned v = 0;
	int i;

	for (i = 0; i < 4; i++, s->p++) {
		if (s->p == s->end)
			return false;
		if (*s->p >= '0' && *s->p <= '9')
			v = v << 4 | (unsigned)(*s->p - '0');
		else if (*s->p >= 'a' && *s->p <= 'f')
			v = v << 4 | (unsigned)(*s->p - 'a' + 10);
		else if (*s->p >= 'A' && *s->p <= 'F')
			v = v << 4 | (unsigned)(*s->p - 'A' + 10);
		else
			return false;
	}
	*ret = v;
	return true;
}

/* \uXXXX, after the u; surrogates only in pairs. */
static bool
check_unicode(struct scan *s)
{
	unsigned hi, lo;

	if (!check_hex4(s, &hi))
		return fail(s, &syntax);
	if (hi == 0)
		return fail(s, &nul);
	if (hi >= 0xdc00 && hi <= 0xdfff)
		return fail(s, &utf8);
	if (hi < 0xd800 || hi > 0xdbff)
		return true;
	if (!take(s, '\\') || !take(s, 'u') || !check_hex4(s, &lo) ||
	    lo < 0xdc00 || lo > 0xdfff)
		return fail(s, &utf8);
	return true;
}

static bool
check_string(struct scan *s)
{
	const char *start;

	if (!take(s, '"'))
		return fail(s, &syntax);
	start = s->p;
	while (s->p < s->end && *s->p != '"') {
		if (*s->p++ != '\\')
			continue;
		if (s->p == s->end || !memchr("\"\\/bfnrtu", *s->p, 9))
			return fail(s, &syntax);
		if (*s->p++ == 'u' && !check_unicode(s))
			return false;
	}
	/* Without the lines allowed: raw control characters are not JSON. */
	if (!nx_text_clean(start, (size_t)(s->p - start), ""))
		return fail(s, &utf8);
	return take(s, '"') || fail(s, &syntax);
}

static size_t
digits(struct scan *s)
{
	const char *start = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return (size_t)(s->p - start);
}

static bool
check_number(struct scan *s)
{
	(void)take(s, '-');
	if (!take(s, '0') && digits(s) == 0)
		return fail(s, &syntax);
	if (take(s, '.') && digits(s) == 0)
		return fail(s, &syntax);
	if (take(s, 'e') || take(s, 'E')) {
		if (!take(s, '+'))
			(void)take(s, '-');
		if (digits(s) == 0)
			return fail(s, &syntax);
	}
	return true;
}

static bool
check_word(struct scan *s, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return fail(s, &syntax);
	s->p += n;
	return true;
}

/* The inside of an object or array, after its opening bracket. */
static bool
check_members(struct scan *s, char close, bool named)
{
	unsigned n = 0;

	skip_space(s);
	if (take(s, close))
		return true;
	do {
		if (named) {
			if (++n > JSON_MEMBERS_MAX)
				return fail(s, &many);
			skip_space(s);
			if (!check_string(s))
				return false;
			skip_space(s);
			if (!take(s, ':'))
				return fail(s, &syntax);
		}
		if (!check_value(s))
			return false;
		skip_space(s);
	} while (take(s, ','));
	return take(s, close) || fail(s, &syntax);
}

static bool
check_value(struct scan *s)
{
	bool ok;

	if (s->values-- == 0)
		return fail(s, &many);
	skip_space(s);
	if (s->p == s->end)
		return fail(s, &syntax);
	switch (*s->p) {
	case '"': return check_string(s);
	case 't': return check_word(s, "true");
	case 'f': return check_word(s, "false");
	case 'n': return check_word(s, "null");
	case '{':
	case '[': break;
	default: return check_number(s);
	}
	if (++s->depth > JSON_DEPTH_MAX)
		return fail(s, &deep);
	ok = *s->p++ == '{' ? check_members(s, '}', true)
			    : check_members(s, ']', false);
	s->depth--;
	return ok;
}

const struct http_error *
json_check(const char *text, size_t len, unsigned values)
{
	struct scan s = {.p = text, .end = text + len, .values = values};

	if (!check_value(&s))
		return s.error;
	skip_space(&s);
	return s.p == s.end ? NULL : &syntax;
}
