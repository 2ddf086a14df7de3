/*
 * The second half of head.h: llhttp in strict mode takes the head apart, and
 * what it leaves to its callers is checked here. Every rule that decides where
 * the body ends is applied to the fields themselves, not to llhttp's idea of
 * them, and both have to agree.
 */
#include <string.h>
#include <strings.h>

#include <llhttp.h>

#include "common/err.h"
#include "gatewayd/http/head.h"

struct parse {
	struct http_head *head;
	struct http_span name, value;
	const struct http_error *error;
	bool complete;
	uint64_t length; /* llhttp's idea of the body: it forgets */
	bool chunked;
};

static const struct http_error
    malformed = {400, "malformed-request",
	"The request is not valid HTTP/1.1."},
    twice = {400, "malformed-request",
	"A header that may be given once only is given twice."},
    many_meta = {400, "invalid",
	"A file has at most 32 fields of metadata (X-Nexus-Meta-NAME)."},
    no_host = {400, "malformed-request",
	"An HTTP/1.1 request needs exactly one Host header."},
    bad_host = {400, "malformed-request",
	"The Host header is not a host name."},
    bad_length = {400, "malformed-request",
	"Content-Length must be a plain decimal number."},
    both = {400, "malformed-request",
	"Content-Length and Transfer-Encoding must not be used together."},
    old_coding = {400, "malformed-request",
	"Transfer-Encoding needs HTTP/1.1."},
    coding = {501, "transfer-coding",
	"The only transfer coding understood here is chunked."},
    version = {505, "http-version",
	"This server speaks HTTP/1.0 and HTTP/1.1."},
    unknown = {501, "unknown-method", "This method is not known here."},
    expectation = {417, "expectation",
	"The only expectation understood here is 100-continue."};

static const struct {
	const char *name; /* lower case */
	bool list;        /* may be repeated */
} fields[HEAD_FIELD_MAX] = {
    [HEAD_HOST] = {"host", false},
    [HEAD_CONTENT_LENGTH] = {"content-length", false},
    [HEAD_TRANSFER_ENCODING] = {"transfer-encoding", false},
    [HEAD_CONNECTION] = {"connection", true},
    [HEAD_EXPECT] = {"expect", false},
    [HEAD_AUTHORIZATION] = {"authorization", false},
    [HEAD_X_API_KEY] = {"x-api-key", false},
    /* known to be sent twice; the first counts */
    [HEAD_USER_AGENT] = {"user-agent", true},
    [HEAD_CONTENT_TYPE] = {"content-type", false},
    [HEAD_RANGE] = {"range", false},
    [HEAD_IF_RANGE] = {"if-range", false},
    [HEAD_IF_NONE_MATCH] = {"if-none-match", true},
    [HEAD_IF_MATCH] = {"if-match", true},
    [HEAD_IF_UNMODIFIED_SINCE] = {"if-unmodified-since", false},
    [HEAD_REQUEST_ID] = {"x-request-id", true},
    [HEAD_CONTENT_RANGE] = {"content-range", false},
    /* a list, but only one that is empty or identity is taken */
    [HEAD_CONTENT_ENCODING] = {"content-encoding", false},
    [HEAD_CONTENT_MD5] = {"content-md5", false},
    [HEAD_CONTENT_DIGEST] = {"content-digest", false},
    [HEAD_REPR_DIGEST] = {"repr-digest", false},
    [HEAD_DIGEST] = {"digest", false},
    [HEAD_WANT_REPR_DIGEST] = {"want-repr-digest", false},
    [HEAD_X_FORWARDED_FOR] = {"x-forwarded-for", true},
    [HEAD_FORWARDED] = {"forwarded", true},
    [HEAD_NEXUS_MTIME] = {"x-nexus-mtime", false},
    [HEAD_NEXUS_ERASURE] = {"x-nexus-erasure", false},
    [HEAD_NEXUS_REPLICAS] = {"x-nexus-replicas", false},
    [HEAD_ACCEPT] = {"accept", true},
    [HEAD_LAST_EVENT_ID] = {"last-event-id", false},
};

static int
on_url(llhttp_t *p, const char *at, size_t len)
{
	struct parse *s = p->data;

	s->head->target = (struct http_span){at, len};
	return 0;
}

static int
on_name(llhttp_t *p, const char *at, size_t len)
{
	struct parse *s = p->data;

	s->name = (struct http_span){at, len};
	s->value = (struct http_span){at + len, 0};
	return 0;
}

static int
on_value(llhttp_t *p, const char *at, size_t len)
{
	struct parse *s = p->data;

	while (len > 0 && at[len - 1] == ' ')
		len--;
	s->value = (struct http_span){at, len};
	return 0;
}

static void
connection_options(struct http_head *h, struct http_span list)
{
	struct http_span option;

	while (http_list_next(&list, &option)) {
		if (http_span_is(option, "close"))
			h->keep_alive = false;
		else if (http_span_is(option, "keep-alive") && h->minor == 0)
			h->keep_alive = true;
	}
}

/* The last lines are those the nearest proxies wrote. */
static void
keep_line(struct head_lines *lines, struct http_span value)
{
	if (lines->n == HEAD_LINES)
		memmove(&lines->line[0], &lines->line[1],
		    (HEAD_LINES - 1) * sizeof(lines->line[0]));
	else
		lines->n++;
	lines->line[lines->n - 1] = value;
}

static int
on_other(struct parse *s)
{
	size_t n = sizeof(HEAD_META) - 1;
	struct head_meta *meta;

	if (s->name.len <= n || strncasecmp(s->name.p, HEAD_META, n) != 0)
		return 0;
	if (s->head->n_meta == HEAD_META_MAX) {
		s->error = &many_meta;
		return -1;
	}
	meta = &s->head->meta[s->head->n_meta++];
	meta->name = (struct http_span){s->name.p + n, s->name.len - n};
	meta->value = s->value;
	return 0;
}

static int
on_field(llhttp_t *p)
{
	struct parse *s = p->data;
	size_t i;

	for (i = 0; i < HEAD_FIELD_MAX; i++)
		if (http_span_is(s->name, fields[i].name))
			break;
	if (i == HEAD_FIELD_MAX)
		return on_other(s);
	if (s->head->field[i].p && !fields[i].list) {
		s->error = &twice;
		return -1;
	}
	if (i == HEAD_CONNECTION)
		connection_options(s->head, s->value);
	else if (i == HEAD_X_FORWARDED_FOR)
		keep_line(&s->head->x_forwarded_for, s->value);
	else if (i == HEAD_FORWARDED)
		keep_line(&s->head->forwarded, s->value);
	if (!s->head->field[i].p)
		s->head->field[i] = s->value;
	return 0;
}

/* The version is known before any field, so Connection can build on it. */
static int
on_version(llhttp_t *p)
{
	struct parse *s = p->data;

	if (p->http_major != 1 || p->http_minor > 1) {
		s->error = &version;
		return -1;
	}
	s->head->minor = p->http_minor;
	s->head->keep_alive = p->http_minor == 1;
	return 0;
}

static int
on_complete(llhttp_t *p)
{
	struct parse *s = p->data;

	s->complete = true;
	s->length = p->content_length;
	s->chunked = p->flags & F_CHUNKED;
	return 1; /* the body is not llhttp's */
}

static enum http_method
method_of(uint8_t method)
{
	static const struct {
		uint8_t from;
		enum http_method to;
	} methods[] = {
	    {HTTP_GET, HTTP_M_GET},
	    {HTTP_HEAD, HTTP_M_HEAD},
	    {HTTP_POST, HTTP_M_POST},
	    {HTTP_PUT, HTTP_M_PUT},
	    {HTTP_DELETE, HTTP_M_DELETE},
	    {HTTP_OPTIONS, HTTP_M_OPTIONS},
	};
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(methods); i++)
		if (methods[i].from == method)
			return methods[i].to;
	return HTTP_M_OTHER;
}

static bool
host_is_valid(struct http_span host)
{
	size_t i;

	for (i = 0; i < host.len; i++) {
		char c = host.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			(c >= 'a' && c <= 'z') ||
			strchr("-._~%!$&'()*+;=:[]", c)))
			return false;
	}
	return true;
}

static const struct http_error *
check_framing(struct http_head *h, const struct parse *s)
{
	struct http_span length = h->field[HEAD_CONTENT_LENGTH];
	struct http_span te = h->field[HEAD_TRANSFER_ENCODING];

	if (te.p) {
		if (length.p)
			return &both;
		if (h->minor == 0)
			return &old_coding;
		if (!http_span_is(te, "chunked"))
			return &coding;
		h->framing = HTTP_CHUNKED;
		return s->chunked ? NULL : &malformed;
	}
	if (s->chunked)
		return &malformed;
	if (!length.p)
		return NULL;
	if (!http_decimal(length, &h->content_length) ||
	    h->content_length != s->length)
		return &bad_length;
	h->framing = h->content_length > 0 ? HTTP_LENGTH : HTTP_NO_BODY;
	return NULL;
}

static const struct http_error *
check_fields(struct http_head *h, const struct parse *s)
{
	struct http_span host = h->field[HEAD_HOST];
	struct http_span expect = h->field[HEAD_EXPECT];
	const struct http_error *error;

	if (!host.p && h->minor == 1)
		return &no_host;
	if (host.p && !host_is_valid(host))
		return &bad_host;
	error = check_framing(h, s);
	if (error)
		return error;
	/* RFC 9110 10.1.1: an HTTP/1.0 client's expectation is ignored. */
	if (expect.p && h->minor == 1) {
		if (!http_span_is(expect, "100-continue"))
			return &expectation;
		h->expect_continue = h->framing != HTTP_NO_BODY;
	}
	return NULL;
}

/* "GET /x HTTP/1.1": exactly two single spaces. */
static const struct http_error *
check_line(const char *data, size_t len)
{
	const char *end = memchr(data, '\r', len);
	const char *a, *b;

	if (!end)
		return &malformed;
	a = memchr(data, ' ', (size_t)(end - data));
	b = a ? memchr(a + 1, ' ', (size_t)(end - a - 1)) : NULL;
	if (!b || b == a + 1 || memchr(b + 1, ' ', (size_t)(end - b - 1)) ||
	    end - b != 9 || strncmp(b + 1, "HTTP/", 5) != 0)
		return &malformed;
	while (data < a)
		if (!http_tchar((unsigned char)*data++))
			return &malformed;
	return NULL;
}

static const struct http_error *
refusal(const struct parse *s, llhttp_errno_t error)
{
	if (s->error)
		return s->error;
	if (error == HPE_INVALID_METHOD)
		return &unknown;
	if (error == HPE_INVALID_VERSION)
		return &version;
	if (error == HPE_INVALID_CONTENT_LENGTH)
		return &bad_length;
	if (error == HPE_UNEXPECTED_CONTENT_LENGTH)
		return &both;
	return &malformed;
}

/* llhttp takes no HT around a Content-Length. Blanks are blanks in every field
 * that is read here, and the scan allows HT nowhere else. */
static void
blank_tabs(char *data, size_t len)
{
	char *tab;

	while ((tab = memchr(data, '\t', len))) {
		*tab++ = ' ';
		len -= (size_t)(tab - data);
		data = tab;
	}
}

const struct http_error *
head_parse(struct http_head *ret_head, char *data, size_t len)
{
	static const llhttp_settings_t settings = {
	    .on_url = on_url,
	    .on_header_field = on_name,
	    .on_header_value = on_value,
	    .on_header_value_complete = on_field,
	    .on_version_complete = on_version,
	    .on_headers_complete = on_complete,
	};
	struct http_head head = {0};
	struct parse s = {.head = &head};
	const struct http_error *error;
	llhttp_errno_t result;
	llhttp_t parser;

	error = check_line(data, len);
	if (error)
		return error;
	blank_tabs(data, len);
	llhttp_init(&parser, HTTP_REQUEST, &settings);
	parser.data = &s;
	result = llhttp_execute(&parser, data, len);
	/* An offer to upgrade may be ignored (RFC 9110 7.8), and is. */
	if ((result != HPE_OK && result != HPE_PAUSED_UPGRADE) || !s.complete)
		return refusal(&s, result);
	head.method = method_of(parser.method);
	error = check_fields(&head, &s);
	if (error)
		return error;
	*ret_head = head;
	return NULL;
}
