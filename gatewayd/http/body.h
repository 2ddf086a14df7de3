/*
 * Where the body of a request ends: by Content-Length or by chunks, decided by
 * the head alone. Decodes in place, in whatever pieces the bytes come.
 */
#ifndef GW_BODY_H
#define GW_BODY_H

#include "gatewayd/http/head.h"

struct body {
	enum http_framing framing;
	bool done;
	uint8_t state;     /* of the chunk decoder */
	uint8_t digits;    /* of a chunk size */
	uint32_t line;     /* bytes of a chunk's extensions */
	uint64_t left;     /* in the body, or in this chunk */
	uint64_t received; /* payload so far */
	struct head_scan trailers;
};

void body_init(struct body *b, const struct http_head *head);

/*
 * Takes the body's part off the front of the @len bytes at @data: *ret_used
 * bytes belong to it, and hold *ret_payload bytes of content, moved together at
 * @data. What follows once b->done is the next request's. NULL, or why the
 * coding is refused; the connection cannot be used after that.
 */
const struct http_error *body_take(struct body *b, char *data, size_t len,
    size_t *ret_used, size_t *ret_payload);

/* Content-Length bodies: @n bytes went elsewhere (splice). */
void body_skip(struct body *b, uint64_t n);

#endif
