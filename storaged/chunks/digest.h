/*
 * Checksums of a whole content, for whoever says what it must be or wants to know.
 * None of the chunks' own can be put together to these. Bytes in order, one thread
 * at a time.
 *
 * A SHA-256 can be put down and taken up: what has come so far is summed up in a
 * state of some hundred bytes, which is good in another process as well.
 */
#ifndef STORAGED_DIGEST_H
#define STORAGED_DIGEST_H

#include "storaged/chunks/checksum.h"

enum digest_kind {
	DIGEST_MD5,    /* 16 bytes */
	DIGEST_SHA256, /* 32 bytes */
	/* The SHA-256 of the SHA-256s of its parts: of no content by itself. */
	DIGEST_SHA256_PARTS,
	DIGEST_KINDS
};
#define SHA256_LEN  32U
#define SHA256_TEXT (2 * SHA256_LEN + 1)
#define DIGEST_MAX  48U /* of those that can be announced, together */

struct digest;
/* Of each kind that is @wanted, at least one. 0 or -ENOMEM. */
int digest_new(const bool wanted[DIGEST_KINDS], struct digest **ret_digest);
/* Accepts NULL; returns NULL. */
struct digest *digest_free(struct digest *d);
void digest_add(struct digest *d, const void *data, size_t len);
/* Of what was added, those that were wanted; nothing can be added after. */
struct digest_values {
	bool known[DIGEST_KINDS];
	uint8_t value[DIGEST_KINDS][SHA256_LEN];
};
void digest_end(struct digest *d, struct digest_values *ret_values);
/* Are these the checksums of the kinds that are @wanted, one after the other? */
bool digest_is(const struct digest_values *values,
    const bool wanted[DIGEST_KINDS], const uint8_t *expected, size_t len);

/* Those beside MD5 and SHA-256, with what they are, as bytes to be kept: how many,
 * none when none is known. */
#define DIGEST_PACKED 33U
size_t digest_pack(
    const struct digest_values *values, uint8_t ret_packed[DIGEST_PACKED]);
/* Adds them to *values. False: that are none. */
bool
digest_unpack(const uint8_t *packed, size_t len, struct digest_values *values);

/* Where the SHA-256 of @d stands, which was wanted. */
#define DIGEST_STATE 104U
void digest_save(const struct digest *d, uint8_t ret_state[DIGEST_STATE]);
/* One that goes on from there, of no other kind. 0; -ENOMEM; -EBADMSG: that is no
 * state of what has @len bytes. */
int digest_resume(const uint8_t state[DIGEST_STATE], uint64_t len,
    struct digest **ret_digest);
/* How many bytes it is of. */
uint64_t digest_state_len(const uint8_t state[DIGEST_STATE]);

#endif
