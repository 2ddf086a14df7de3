/*
 * Matching patterns without recursion: where a star was, one more character is
 * given to it and the rest tried again, and only the last star of each kind need
 * be remembered. Decodes text of end users: has a fuzzer
 * (tests/fuzz/storaged_glob_fuzz.c).
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/utf8.h"
#include "storaged/trees/glob.h"

/* Its length, not 0 unless at the end; what is not UTF-8 is bytes. */
static size_t
next(const char *s, uint32_t *ret_point)
{
	size_t n = *s ? nx_utf8_next(s, strnlen(s, 4), ret_point) : 0;

	if (n == 0) {
		*ret_point = (unsigned char)*s;
		n = *s != '\0';
	}
	return n;
}

/* Behind the class at @p (behind its [), and whether @point is in it; NULL: it
 * has no end, and is none. */
static const char *
match_class(const char *p, uint32_t point, bool *ret_in)
{
	bool not = *p == '!' || *p == '^', in = false, first = true;
	uint32_t from, to;

	for (p += not ; *p && (*p != ']' || first); first = false) {
		p += next(p, &from);
		to = from;
		if (p[0] == '-' && p[1] && p[1] != ']')
			p += 1 + next(p + 1, &to);
		in |= point >= from && point <= to;
	}
	*ret_in = in != not ;
	return *p == ']' ? p + 1 : NULL;
}

/* Behind what matches one character @point at @p; NULL: it does not. */
static const char *
match_one(const char *p, uint32_t point)
{
	const char *end;
	uint32_t wanted;
	bool in;

	if (*p == '?')
		return point != '/' ? p + 1 : NULL;
	if (*p == '[') {
		end = match_class(p + 1, point, &in);
		if (end)
			return in && point != '/' ? end : NULL;
	}
	if (*p == '\\' && p[1])
		p++;
	p += next(p, &wanted);
	return wanted == point ? p : NULL;
}

struct star {
	const char *pattern; /* behind it; NULL: there was none */
	const char *text;    /* what it has not got yet */
};

bool
glob_match(const char *pattern, const char *text)
{
	struct star one = {NULL, NULL}, all = {NULL, NULL};

	for (;;) {
		const char *after;
		uint32_t point;
		size_t n;

		if (*pattern == '*') {
			bool both = pattern[1] == '*';

			pattern += strspn(pattern, "*");
			if (both) {
				all = (struct star){pattern, text};
				one.pattern = NULL;
			} else
				one = (struct star){pattern, text};
			continue;
		}
		n = next(text, &point);
		if (n == 0 && *pattern == '\0')
			return true;
		after = n > 0 && *pattern ? match_one(pattern, point) : NULL;
		if (after) {
			pattern = after;
			text += n;
			continue;
		}
		/* Give a star one more; * not what lies between folders. */
		if (one.pattern && *one.text && *one.text != '/') {
			one.text += next(one.text, &point);
			pattern = one.pattern;
			text = one.text;
		} else if (all.pattern && *all.text) {
			all.text += next(all.text, &point);
			one.pattern = NULL;
			pattern = all.pattern;
			text = all.text;
		} else
			return false;
	}
}
