/*
 * What HTTP itself says, shared by the parsers and the connection layer.
 * Nothing here knows about Nexus.
 */
#ifndef GW_WORDS_H
#define GW_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_LINE_MAX    8192U  /* request line */
#define HTTP_HEAD_MAX    32768U /* request line and fields together */
#define HTTP_FIELDS_MAX  100U
#define HTTP_TRAILER_MAX 8192U

enum http_method {
	HTTP_M_GET = 1 << 0,
	HTTP_M_HEAD = 1 << 1,
	HTTP_M_POST = 1 << 2,
	HTTP_M_PUT = 1 << 3,
	HTTP_M_DELETE = 1 << 4,
	HTTP_M_OPTIONS = 1 << 5,
	HTTP_M_OTHER = 1 << 6, /* known to HTTP, not to any route */
};

/* Why a message cannot be taken: constant, sent to the client as it stands. */
struct http_error {
	int status;
	const char *code; /* for programs: "malformed-request" */
	const char *text; /* for people */
};

struct http_span {
	const char *p; /* NULL: absent */
	size_t len;
};

const char *http_reason(int status);
/* A byte that may be in a field name or method (RFC 9110 tchar). */
bool http_tchar(unsigned char c);
/* @s equals the lower-case @word, whatever its case. */
bool http_span_is(struct http_span s, const char *word);
/* Takes the next element of the comma-separated list @s off it, without the
 * blanks around it; false at the end. Empty elements are skipped. */
bool http_list_next(struct http_span *s, struct http_span *ret_element);
/* 1*DIGIT below 2^63; false else. */
bool http_decimal(struct http_span s, uint64_t *ret_value);

#endif
