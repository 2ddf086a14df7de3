/*
 * The head of a request, read as strictly as RFC 9110 and 9112 allow.
 *
 * Two steps. head_scan() looks at every byte as it arrives, in whatever pieces,
 * finds the end, and refuses at once what no head may contain: a lone CR or LF,
 * control characters, folded lines, blanks before a colon, names that are not
 * tokens, too much of anything. head_parse() then gets the whole head in one
 * piece, has llhttp (strict) take it apart, and adds the rules that concern
 * fields together: Host, Content-Length, Transfer-Encoding, version.
 */
#ifndef GW_HEAD_H
#define GW_HEAD_H

#include "gatewayd/http/words.h"

struct head_scan {
	uint8_t state; /* 0: nothing yet */
	bool done;
	uint32_t skipped; /* bytes of empty lines before the request line */
	uint32_t total;   /* bytes seen, those included */
	uint32_t limit;   /* 0: HTTP_HEAD_MAX */
	uint32_t fields;
};

/*
 * Goes on with @len further bytes; *ret_used of them belong to the head (all,
 * unless s->done). NULL, or why the head is refused; nothing may be scanned
 * after that.
 */
const struct http_error *
head_scan(struct head_scan *s, const char *data, size_t len, size_t *ret_used);
/* Starts in the middle: field lines up to an empty line (trailers). */
void head_scan_fields(struct head_scan *s, uint32_t limit);

/* Fields someone here reads; all others are checked and ignored. */
enum head_field {
	HEAD_HOST,
	HEAD_CONTENT_LENGTH,
	HEAD_TRANSFER_ENCODING,
	HEAD_CONNECTION,
	HEAD_EXPECT,
	HEAD_AUTHORIZATION,
	HEAD_USER_AGENT,
	HEAD_X_API_KEY,
	HEAD_CONTENT_TYPE,
	HEAD_RANGE,
	HEAD_IF_RANGE,
	HEAD_IF_NONE_MATCH,
	HEAD_IF_MATCH,
	HEAD_IF_UNMODIFIED_SINCE,
	HEAD_REQUEST_ID,
	HEAD_CONTENT_RANGE,
	HEAD_CONTENT_ENCODING,
	HEAD_CONTENT_MD5,
	HEAD_CONTENT_DIGEST,
	HEAD_REPR_DIGEST,
	HEAD_DIGEST,
	HEAD_WANT_REPR_DIGEST,
	HEAD_X_FORWARDED_FOR,
	HEAD_FORWARDED,
	HEAD_NEXUS_MTIME,
	HEAD_NEXUS_ERASURE,
	HEAD_NEXUS_REPLICAS,
	HEAD_ACCEPT,
	HEAD_LAST_EVENT_ID,
	HEAD_FIELD_MAX
};

/* Lines of a list that are kept apart, the newest. */
#define HEAD_LINES 4U
struct head_lines {
	struct http_span line[HEAD_LINES]; /* in the order of their coming */
	size_t n;
};

/* X-Nexus-Meta-NAME: fields whose names the client makes up. */
#define HEAD_META     "x-nexus-meta-"
#define HEAD_META_MAX 32U
struct head_meta {
	struct http_span name, value; /* name: what stands behind HEAD_META */
};

enum http_framing { HTTP_NO_BODY, HTTP_LENGTH, HTTP_CHUNKED };

struct http_head {
	enum http_method method;
	int minor; /* HTTP/1.minor: 0 or 1 */
	struct http_span target;
	struct http_span field[HEAD_FIELD_MAX]; /* the first line of each */
	struct head_lines x_forwarded_for, forwarded;
	struct head_meta meta[HEAD_META_MAX];
	size_t n_meta;
	enum http_framing framing;
	uint64_t content_length;
	bool keep_alive;
	bool expect_continue;
};

/* @data: one whole head as head_scan() found it, without skipped bytes; tabs in
 * it become spaces, and spans point into it. NULL, or why it is refused. */
const struct http_error *
head_parse(struct http_head *ret_head, char *data, size_t len);

#endif
