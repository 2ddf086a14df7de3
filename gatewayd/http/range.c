/*
 * Ranges and entity tags, read leniently where RFC 9110 has a server ignore
 * what it cannot use.
 */
#include <string.h>
#include <strings.h>

#include "gatewayd/http/range.h"

enum range_result
range_parse(struct http_span range, uint64_t size, uint64_t *ret_first,
    uint64_t *ret_last)
{
	struct http_span first, last;
	uint64_t a, b = UINT64_MAX;
	const char *dash;

	if (!range.p || range.len < 7 ||
	    strncasecmp(range.p, "bytes=", 6) != 0 ||
	    memchr(range.p, ',', range.len))
		return RANGE_WHOLE;
	first.p = range.p + 6;
	dash = memchr(first.p, '-', range.len - 6);
	if (!dash)
		return RANGE_WHOLE;
	first.len = (size_t)(dash - first.p);
	last.p = dash + 1;
	last.len = range.len - 6 - first.len - 1;
	if (last.len > 0 && !http_decimal(last, &b))
		return RANGE_WHOLE;
	if (first.len == 0) {
		/* the last b bytes */
		if (last.len == 0)
			return RANGE_WHOLE;
		if (b == 0 || size == 0)
			return RANGE_UNSATISFIABLE;
		*ret_first = b < size ? size - b : 0;
		*ret_last = size - 1;
		return RANGE_PART;
	}
	if (!http_decimal(first, &a) || (last.len > 0 && b < a))
		return RANGE_WHOLE;
	if (a >= size)
		return RANGE_UNSATISFIABLE;
	*ret_first = a;
	*ret_last = b < size ? b : size - 1;
	return RANGE_PART;
}

bool
etag_same(struct http_span tag, const char *etag)
{
	size_t n = strlen(etag);

	return tag.p && n > 0 && tag.len == n + 2 && tag.p[0] == '"' &&
	    tag.p[n + 1] == '"' && memcmp(tag.p + 1, etag, n) == 0;
}

bool
etag_listed(struct http_span tags, const char *etag)
{
	struct http_span tag;

	while (http_list_next(&tags, &tag)) {
		if (tag.len == 1 && tag.p[0] == '*')
			return true;
		if (tag.len > 2 && memcmp(tag.p, "W/", 2) == 0) {
			tag.p += 2;
			tag.len -= 2;
		}
		if (etag_same(tag, etag))
			return true;
	}
	return false;
}

bool
etag_matches(struct http_span tags, const char *etag)
{
	struct http_span tag;

	while (http_list_next(&tags, &tag))
		if ((tag.len == 1 && tag.p[0] == '*') || etag_same(tag, etag))
			return true;
	return false;
}
