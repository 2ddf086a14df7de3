/*
 * The target of a request, taken apart and percent-decoded in place. Segments
 * and names are valid UTF-8 without control characters; a decoded segment never
 * contains '/'. A parameter's value may be any bytes: only who asks for bytes
 * gets them when they are not such text.
 */
#ifndef GW_URI_H
#define GW_URI_H

#include "gatewayd/http/words.h"

#define URI_SEGMENTS 8U
#define URI_PARAMS   16U

struct uri {
	char *segment[URI_SEGMENTS]; /* "/api/nodes": "api", "nodes" */
	size_t n_segments;
	bool deep;     /* more than that: no route has as many */
	bool asterisk; /* "*", for OPTIONS */
	struct {
		char *name, *value;
		size_t len; /* of value, which may have NUL */
		bool clean; /* value is text */
	} param[URI_PARAMS];
	size_t n_params;
};

/* @target: @len bytes and room for one more; changed in place, and @ret_uri
 * points into it. Origin and absolute form. NULL, or why it is refused. */
const struct http_error *
uri_parse(struct uri *ret_uri, char *target, size_t len);
/* The value of a parameter, or NULL: there is none, or it is no text. */
const char *uri_param(const struct uri *u, const char *name);
/* The value, whatever it is; *ret_value is untouched when there is none. */
bool
uri_bytes(const struct uri *u, const char *name, struct http_span *ret_value);
/* Percent-decodes @s (NUL-terminated) in place, to any bytes. False: there is a
 * broken escape. */
bool uri_decode(char *s, size_t *ret_len);
/* What is wrong with a value that should be text. */
extern const struct http_error uri_not_text;

#endif
