/*
 * Conditional and partial GETs (RFC 9110 13, 14): pure functions of header
 * values and what the file is.
 */
#ifndef GW_RANGE_H
#define GW_RANGE_H

#include "gatewayd/http/words.h"

enum range_result {
	RANGE_WHOLE,         /* none asked, or one that is ignored */
	RANGE_PART,          /* *ret_first..*ret_last, inclusive */
	RANGE_UNSATISFIABLE, /* 416 */
};
/* @range: the header's value. One range is honoured; several, other units and
 * malformed ones are ignored, as the RFC lets a server do. */
enum range_result range_parse(struct http_span range, uint64_t size,
    uint64_t *ret_first, uint64_t *ret_last);
/* Is @etag (without quotes) in the list @tags of If-None-Match? Weak tags
 * count; "*" is any. */
bool etag_listed(struct http_span tags, const char *etag);
/* The same for If-Match, where weak tags never count. */
bool etag_matches(struct http_span tags, const char *etag);
/* If-Range: is it exactly the strong tag @etag? */
bool etag_same(struct http_span tag, const char *etag);

#endif
