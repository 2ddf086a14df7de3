/*
 * What a sender says its content hashes to: Content-MD5 (RFC 1864) and
 * Content-Digest or Repr-Digest (RFC 9530). Whoever sends one wants it compared;
 * it is either compared or refused, never silently ignored.
 */
#ifndef GW_DIGEST_H
#define GW_DIGEST_H

#include "gatewayd/http/head.h"

#define DIGEST_MD5_LEN 16U

struct digest {
	bool given; /* md5 is to be compared */
	uint8_t md5[DIGEST_MD5_LEN];
};

/* The value of Content-MD5. NULL, or why it cannot be taken. */
const struct http_error *digest_md5(struct digest *d, struct http_span value);
/*
 * All of @head that concerns the content. md5 is taken; sha-256, sha-512 and
 * sha are refused (501), for nothing here computes them; other algorithms are
 * ignored, as RFC 9530 lets a recipient do. Two values that differ are refused.
 */
const struct http_error *
digest_of(struct digest *d, const struct http_head *head);
/* Nothing here compares the content with anything: refuses whatever of the kind
 * is in @head, and Content-Range, which makes it a part of something. */
const struct http_error *digest_none(const struct http_head *head);

#endif
