/*
 * Forms in pieces. The delimiter is CR LF "--" boundary, and a boundary has no
 * CR in it: so a failed match can only start anew at the byte that broke it,
 * and what was held back is a copy of the delimiter's own beginning.
 */
#include <string.h>

#include "common/err.h"
#include "gatewayd/http/mime.h"
#include "gatewayd/http/multipart.h"

enum {
	M_PREAMBLE,
	M_DELIMITED, /* after a delimiter: "--", blanks, CR LF */
	M_DASH,
	M_BLANKS,
	M_LF,
	M_HEAD,
	M_DATA,
	M_ENDED, /* as M_DELIMITED, but the end is still to be told */
	M_EPILOGUE,
	M_FAILED,
};

/*
 *	PREAMBLE -> DELIMITED -> LF -> HEAD -> DATA -> ENDED -> DELIMITED ...
 *	                      -> DASH -> EPILOGUE (the end)
 * PREAMBLE and DATA look for the delimiter, ENDED exists because one call gives
 * one event: the content before the delimiter, then the part's end.
 */
#define IGNORED_MAX 4096U /* preamble, epilogue */

static const struct http_error
    type = {415, "unsupported-media-type",
	"This upload must be multipart/form-data (curl -F file=@NAME)."},
    boundary = {400, "malformed-multipart",
	"The Content-Type has no usable boundary."},
    syntax = {400, "malformed-multipart",
	"The body is not valid multipart/form-data."},
    disposition = {400, "malformed-multipart",
	"Every part needs a Content-Disposition: form-data with a name."},
    part_head = {400, "malformed-multipart",
	"The header of a part is malformed or larger than 4 KiB."},
    encoding = {400, "malformed-multipart",
	"Parts must be sent as they are, without Content-Transfer-Encoding."};

static bool
boundary_is_valid(const char *b)
{
	size_t n = strlen(b);

	if (n == 0 || n > 70 || b[n - 1] == ' ')
		return false;
	for (; *b; b++)
		if (!((*b >= '0' && *b <= '9') || (*b >= 'A' && *b <= 'Z') ||
			(*b >= 'a' && *b <= 'z') ||
			strchr("'()+_,-./:=? ", *b)))
			return false;
	return true;
}

const struct http_error *
multipart_init(struct multipart *m, struct http_span content_type)
{
	char b[72];

	if (!mime_is(content_type, "multipart/form-data"))
		return &type;
	if (mime_param(content_type, "boundary", b, sizeof(b)) != 1 ||
	    !boundary_is_valid(b))
		return &boundary;
	memset(m, 0, sizeof(*m));
	memcpy(m->delimiter, "\r\n--", 4);
	memcpy(m->delimiter + 4, b, strlen(b) + 1);
	m->delimiter_len = 4 + strlen(b);
	/* The first delimiter may open the body, with no CR LF before it. */
	m->match = 2;
	return NULL;
}

bool
multipart_done(const struct multipart *m)
{
	return m->state == M_EPILOGUE;
}

static enum multipart_event
fail(struct multipart *m, const struct http_error *error)
{
	m->state = M_FAILED;
	m->error = error;
	return MULTIPART_ERROR;
}

static void
drop(struct http_span *in, size_t n)
{
	in->p += n;
	in->len -= n;
}

/*
 * Up to the next delimiter: 1 when it has been passed, 0 when @in is used up or
 * content is to be handed out first. Content is in m->data (len 0: none).
 */
static int
seek_delimiter(struct multipart *m, struct http_span *in)
{
	const char *cr;
	size_t at, n;

	m->data = (struct http_span){in->p, 0};
	while (m->match > 0 && in->len > 0) {
		if (in->p[0] != m->delimiter[m->match]) {
			m->data = (struct http_span){m->delimiter, m->match};
			m->match = 0;
			return 0;
		}
		drop(in, 1);
		if (++m->match == m->delimiter_len)
			return 1;
	}
	if (in->len == 0)
		return 0;
	m->data.p = in->p;
	for (at = 0; at < in->len; at = (size_t)(cr - in->p) + 1) {
		cr = memchr(in->p + at, '\r', in->len - at);
		if (!cr)
			break;
		n = in->len - (size_t)(cr - in->p);
		if (n > m->delimiter_len)
			n = m->delimiter_len;
		if (memcmp(cr, m->delimiter, n) != 0)
			continue;
		m->data.len = (size_t)(cr - in->p);
		drop(in, m->data.len + n);
		m->match = n;
		return n == m->delimiter_len;
	}
	m->data.len = in->len;
	drop(in, in->len);
	return 0;
}

static enum multipart_event
in_preamble(struct multipart *m, struct http_span *in)
{
	while (in->len > 0) {
		bool found = seek_delimiter(m, in);

		m->ignored += m->data.len;
		if (m->ignored > IGNORED_MAX)
			return fail(m, &syntax);
		if (found) {
			m->state = M_DELIMITED;
			break;
		}
	}
	return MULTIPART_MORE;
}

static enum multipart_event
in_data(struct multipart *m, struct http_span *in)
{
	while (in->len > 0) {
		if (seek_delimiter(m, in))
			m->state = M_ENDED;
		if (m->data.len > 0)
			return MULTIPART_DATA;
		if (m->state == M_ENDED)
			break;
	}
	return MULTIPART_MORE;
}

/* What stands behind a delimiter. */
static enum multipart_event
in_delimited(struct multipart *m, struct http_span *in)
{
	while (in->len > 0) {
		char c = in->p[0];

		drop(in, 1);
		if (m->state == M_DELIMITED && c == '-') {
			m->state = M_DASH;
		} else if (m->state == M_DASH) {
			if (c != '-')
				return fail(m, &syntax);
			m->state = M_EPILOGUE;
			m->ignored = 0;
			return MULTIPART_END;
		} else if (m->state == M_LF) {
			if (c != '\n')
				return fail(m, &syntax);
			m->state = M_HEAD;
			m->head_len = 0;
			head_scan_fields(&m->scan, MULTIPART_HEAD_MAX);
			return MULTIPART_MORE;
		} else if (c == '\r') {
			m->state = M_LF;
		} else if (c == ' ' || c == '\t') {
			m->state = M_BLANKS;
		} else {
			return fail(m, &syntax);
		}
	}
	return MULTIPART_MORE;
}

/* The value of header line @name of the part, without blanks around it. */
static struct http_span
part_field(const struct multipart *m, const char *name)
{
	const char *line = m->head, *end = m->head + m->head_len, *colon, *eol;
	struct http_span value;

	for (; line < end; line = eol + 2) {
		eol = memchr(line, '\r', (size_t)(end - line));
		colon = eol ? memchr(line, ':', (size_t)(eol - line)) : NULL;
		if (!colon)
			break;
		if (!http_span_is(
			(struct http_span){line, (size_t)(colon - line)}, name))
			continue;
		value.p = colon + 1;
		while (value.p < eol && (*value.p == ' ' || *value.p == '\t'))
			value.p++;
		value.len = (size_t)(eol - value.p);
		return value;
	}
	return (struct http_span){0};
}

/* A part's own header may say what the part is, and hashes to. */
static const struct http_error *
part_digest(struct multipart *m)
{
	const struct http_head head = {
	    .field = {
		[HEAD_CONTENT_RANGE] = part_field(m, "content-range"),
		[HEAD_CONTENT_ENCODING] = part_field(m, "content-encoding"),
		[HEAD_CONTENT_MD5] = part_field(m, "content-md5"),
		[HEAD_CONTENT_DIGEST] = part_field(m, "content-digest"),
		[HEAD_REPR_DIGEST] = part_field(m, "repr-digest"),
		[HEAD_DIGEST] = part_field(m, "digest"),
	    }};

	return digest_of(&m->digest, &head);
}

static enum multipart_event
part_begins(struct multipart *m)
{
	struct http_span value = part_field(m, "content-disposition");
	const struct http_error *error;
	int named, file;

	if (!mime_is(value, "form-data"))
		return fail(m, &disposition);
	named = mime_param(value, "name", m->name, sizeof(m->name));
	file = mime_param(value, "filename", m->filename, sizeof(m->filename));
	if (named != 1 || file < 0)
		return fail(m, &disposition);
	m->is_file = file == 1;
	if (!m->is_file)
		m->filename[0] = '\0';
	value = part_field(m, "content-transfer-encoding");
	if (value.p && !mime_is(value, "binary") && !mime_is(value, "8bit") &&
	    !mime_is(value, "7bit"))
		return fail(m, &encoding);
	error = part_digest(m);
	if (error)
		return fail(m, error);
	m->state = M_DATA;
	m->match = 0;
	return MULTIPART_PART;
}

static enum multipart_event
in_head(struct multipart *m, struct http_span *in)
{
	size_t used;

	if (head_scan(&m->scan, in->p, in->len, &used) != NULL)
		return fail(m, &part_head);
	memcpy(m->head + m->head_len, in->p, used);
	m->head_len += used;
	drop(in, used);
	return m->scan.done ? part_begins(m) : MULTIPART_MORE;
}

static enum multipart_event
in_epilogue(struct multipart *m, struct http_span *in)
{
	m->ignored += in->len;
	drop(in, in->len);
	if (m->ignored > IGNORED_MAX)
		return fail(m, &syntax);
	return MULTIPART_MORE;
}

enum multipart_event
multipart_next(struct multipart *m, struct http_span *in)
{
	enum multipart_event event = MULTIPART_MORE;

	while (in->len > 0 && event == MULTIPART_MORE) {
		switch (m->state) {
		case M_PREAMBLE: event = in_preamble(m, in); break;
		case M_HEAD: event = in_head(m, in); break;
		case M_DATA: event = in_data(m, in); break;
		case M_ENDED:
			m->state = M_DELIMITED;
			event = MULTIPART_PART_END;
			break;
		case M_EPILOGUE: event = in_epilogue(m, in); break;
		case M_FAILED: return MULTIPART_ERROR;
		default: event = in_delimited(m, in); break;
		}
	}
	return event;
}
