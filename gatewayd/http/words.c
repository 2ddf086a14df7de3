/*
 * Small words of HTTP: reasons, characters, lists, numbers.
 */
#include <string.h>
#include <strings.h>

#include "common/err.h"
#include "gatewayd/http/words.h"

const char *
http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
	    {200, "OK"},
	    {201, "Created"},
	    {204, "No Content"},
	    {206, "Partial Content"},
	    {304, "Not Modified"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {408, "Request Timeout"},
	    {409, "Conflict"},
	    {410, "Gone"},
	    {411, "Length Required"},
	    {412, "Precondition Failed"},
	    {413, "Content Too Large"},
	    {414, "URI Too Long"},
	    {415, "Unsupported Media Type"},
	    {416, "Range Not Satisfiable"},
	    {417, "Expectation Failed"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"},
	    {501, "Not Implemented"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
	    {505, "HTTP Version Not Supported"},
	    {507, "Insufficient Storage"},
	};
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

bool
http_tchar(unsigned char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z'))
		return true;
	return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool
http_span_is(struct http_span s, const char *word)
{
	size_t n = strlen(word);

	return s.p && s.len == n && strncasecmp(s.p, word, n) == 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool
http_list_next(struct http_span *s, struct http_span *ret_element)
{
	while (s->p && s->len > 0) {
		const char *comma = memchr(s->p, ',', s->len);
		struct http_span e = {
		    s->p, comma ? (size_t)(comma - s->p) : s->len};

		s->p += e.len + (comma != NULL);
		s->len -= e.len + (comma != NULL);
		while (e.len > 0 && is_blank(e.p[0])) {
			e.p++;
			e.len--;
		}
		while (e.len > 0 && is_blank(e.p[e.len - 1]))
			e.len--;
		if (e.len > 0) {
			*ret_element = e;
			return true;
		}
	}
	return false;
}

bool
http_decimal(struct http_span s, uint64_t *ret_value)
{
	uint64_t v = 0;
	size_t i;

	if (!s.p || s.len == 0)
		return false;
	for (i = 0; i < s.len; i++) {
		unsigned d = (unsigned)(s.p[i] - '0');

		if (d > 9 || v > ((uint64_t)INT64_MAX - d) / 10)
			return false;
		v = v * 10 + d;
	}
	*ret_value = v;
	return true;
}
