/*
 * What a sender says its content hashes to: Content-MD5 (RFC 1864) and
 * Content-Digest or Repr-Digest (RFC 9530). Whoever sends one wants it compared;
 * it is either compared or refused, never silently ignored.
 */
#ifndef GW_DIGEST_H
#define GW_DIGEST_H

#include "gatewayd/http/head.h"

enum digest_kind { DIGEST_MD5, DIGEST_SHA256, DIGEST_KINDS };

#define DIGEST_MAX     32U         /* of one kind */
#define DIGEST_ALL_MAX (16U + 32U) /* of all of them */

struct digest {
	bool sent[DIGEST_KINDS];
	uint8_t value[DIGEST_KINDS][DIGEST_MAX];
	bool wants_sha256; /* it is to be computed, kept and told */
};

/* Was any sent? */
bool digest_any(const struct digest *d);
/* The values of those that were sent, one behind the other in the order of
 * their kinds; how many bytes that is. */
size_t digest_join(const struct digest *d, uint8_t ret_values[DIGEST_ALL_MAX]);
/*
 * All of @head that says what the content hashes to. MD5 and SHA-256 are taken,
 * both when both are there; SHA-1 and SHA-512 are refused (501), for nobody
 * here computes them; other algorithms are ignored, as RFC 9530 lets a
 * recipient do. Two values of one kind that differ are refused. So is
 * Content-Range, which makes the content a part of something, and any
 * Content-Encoding but identity. NULL, or why it cannot be taken; @ret_digest is
 * valid in either case.
 *
 * Want-Repr-Digest (RFC 9530) asks for what the sender does not know: of that
 * SHA-256 is taken, unless its preference is 0; all else is ignored, as it may be.
 */
const struct http_error *
digest_of(struct digest *ret_digest, const struct http_head *head);
/* A SHA-256 of hexadecimal digits. False: that is none. */
bool digest_read(const char *sha256, uint8_t ret_value[DIGEST_MAX]);
/* The value of Repr-Digest (RFC 9530) for such a one. False: that is none. */
#define DIGEST_FIELD 64U
bool digest_field(const char *sha256, char ret_value[DIGEST_FIELD]);
/* Of @head no more than what its sender wants to be told. */
void digest_wants(struct digest *d, const struct http_head *head);
/* Nothing here compares the content with anything: refuses what is of the kind
 * in @head. */
const struct http_error *digest_none(const struct http_head *head);

#endif
