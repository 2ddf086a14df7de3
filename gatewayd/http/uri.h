/*
 * The target of a request, taken apart and percent-decoded in place. Segments
 * and parameters are valid UTF-8 without control characters; a decoded segment
 * never contains '/'.
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
	} param[URI_PARAMS];
	size_t n_params;
};

/* @target: @len bytes and room for one more; changed in place, and @ret_uri
 * points into it. Origin and absolute form. NULL, or why it is refused. */
const struct http_error *
uri_parse(struct uri *ret_uri, char *target, size_t len);
/* The value of a parameter, or NULL. */
const char *uri_param(const struct uri *u, const char *name);

#endif
