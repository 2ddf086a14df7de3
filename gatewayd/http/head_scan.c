/*
 * The lexical half of head.h: a state machine over single bytes, so that the
 * result cannot depend on how the bytes were cut into packets. It is the first
 * code that touches what the network sent, and keeps nothing but counters.
 */
#include "common/err.h"
#include "gatewayd/http/head.h"

enum {
	S_START, /* before the request line; empty lines are skipped */
	S_START_LF,
	S_LINE,
	S_LINE_LF,
	S_FIELD_FIRST, /* first byte of a field line, or CR of the last */
	S_NAME,
	S_VALUE,
	S_VALUE_LF,
	S_END_LF,
};

#define MAX_SKIPPED 8U /* four empty lines */

static const struct http_error
    bare = {400, "malformed-request",
	"Every line of the request must end with CR LF, and neither may stand "
	"alone."},
    line_bytes = {400, "malformed-request",
	"The request line contains a character that is not allowed there; "
	"percent-encode it."},
    fold = {400, "malformed-request",
	"A header line must not begin with a blank (line folding is "
	"obsolete)."},
    name = {400, "malformed-request",
	"A header name must be a token directly followed by a colon."},
    value = {400, "malformed-request",
	"A header value contains a control character."},
    empty = {400, "malformed-request", "The request line is missing."},
    long_line = {414, "request-line-too-long",
	"The request line is longer than 8 KiB."},
    long_head = {431, "head-too-large",
	"The request's header is larger than 32 KiB."},
    many = {
	431, "head-too-large", "The request has more than 100 header lines."};

void
head_scan_fields(struct head_scan *s, uint32_t limit)
{
	*s = (struct head_scan){.state = S_FIELD_FIRST, .limit = limit};
}

static const struct http_error *
in_start(struct head_scan *s, unsigned char c)
{
	if (c == '\r') {
		s->state = S_START_LF;
		return NULL;
	}
	if (c == '\n')
		return &bare;
	if (!http_tchar(c))
		return &line_bytes;
	s->state = S_LINE;
	return NULL;
}

static const struct http_error *
in_line(struct head_scan *s, unsigned char c)
{
	if (s->total - s->skipped > HTTP_LINE_MAX)
		return &long_line;
	if (c == '\r')
		s->state = S_LINE_LF;
	else if (c == '\n')
		return &bare;
	else if (c < 0x20 || c > 0x7e)
		return &line_bytes;
	return NULL;
}

static const struct http_error *
in_field_first(struct head_scan *s, unsigned char c)
{
	if (c == '\r') {
		s->state = S_END_LF;
		return NULL;
	}
	if (c == ' ' || c == '\t')
		return &fold;
	if (c == '\n')
		return &bare;
	if (!http_tchar(c))
		return &name;
	if (++s->fields > HTTP_FIELDS_MAX)
		return &many;
	s->state = S_NAME;
	return NULL;
}

static const struct http_error *
in_name(struct head_scan *s, unsigned char c)
{
	if (c == ':')
		s->state = S_VALUE;
	else if (!http_tchar(c))
		return &name;
	return NULL;
}

static const struct http_error *
in_value(struct head_scan *s, unsigned char c)
{
	if (c == '\r')
		s->state = S_VALUE_LF;
	else if (c == '\n')
		return &bare;
	else if ((c < 0x20 && c != '\t') || c == 0x7f)
		return &value;
	return NULL;
}

/* The LF that has to follow a CR. */
static const struct http_error *
in_lf(struct head_scan *s, unsigned char c)
{
	if (c != '\n')
		return &bare;
	if (s->state == S_START_LF) {
		s->skipped = s->total;
		if (s->skipped > MAX_SKIPPED)
			return &empty;
		s->state = S_START;
	} else if (s->state == S_END_LF) {
		s->done = true;
	} else {
		s->state = S_FIELD_FIRST;
	}
	return NULL;
}

const struct http_error *
head_scan(struct head_scan *s, const char *data, size_t len, size_t *ret_used)
{
	static const struct http_error *(*const step[])(
	    struct head_scan *, unsigned char) = {
	    [S_START] = in_start,
	    [S_START_LF] = in_lf,
	    [S_LINE] = in_line,
	    [S_LINE_LF] = in_lf,
	    [S_FIELD_FIRST] = in_field_first,
	    [S_NAME] = in_name,
	    [S_VALUE] = in_value,
	    [S_VALUE_LF] = in_lf,
	    [S_END_LF] = in_lf,
	};
	uint32_t limit = s->limit ? s->limit : HTTP_HEAD_MAX;
	const struct http_error *error;
	size_t i = 0;

	while (i < len && !s->done) {
		if (++s->total > limit)
			return &long_head;
		error = step[s->state](s, (unsigned char)data[i++]);
		if (error)
			return error;
	}
	*ret_used = i;
	return NULL;
}
