/*
 * Checksums of a whole content. SHA-256 is asked for by the functions OpenSSL calls
 * deprecated: those that replace them do not say where they stand.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/chunks/digest.h"

#define SHA256_BLOCK 64U
#define AT_LEN       SHA256_LEN          /* of a state: how many bytes, */
#define AT_REST      (AT_LEN + 8U)       /* and those that fill no block */
#define LEN_MAX      ((1ULL << 61) - 1U) /* it counts bits */
_Static_assert(AT_REST + SHA256_BLOCK == DIGEST_STATE, "it is all there");

/* How many bytes one has, and how those that are packed begin. */
static const struct {
	uint8_t len, tag;
} kinds[DIGEST_KINDS] = {
    [DIGEST_MD5] = {MD5_LEN, 0},
    [DIGEST_SHA256] = {SHA256_LEN, 0},
    [DIGEST_SHA256_PARTS] = {SHA256_LEN, 1},
};

struct digest {
	bool wanted[DIGEST_KINDS];
	struct hasher *md5;
	SHA256_CTX sha256;
};

int
digest_new(const bool wanted[DIGEST_KINDS], struct digest **ret_digest)
{
	struct digest *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	nx_assert(!wanted[DIGEST_SHA256_PARTS]);
	memcpy(d->wanted, wanted, sizeof(d->wanted));
	if (d->wanted[DIGEST_MD5] && hasher_new(&d->md5) < 0) {
		digest_free(d);
		return -ENOMEM;
	}
	if (d->wanted[DIGEST_SHA256])
		nx_assert(SHA256_Init(&d->sha256));
	*ret_digest = d;
	return 0;
}

struct digest *
digest_free(struct digest *d)
{
	if (d)
		hasher_free(d->md5);
	free(d);
	return NULL;
}

void
digest_add(struct digest *d, const void *data, size_t len)
{
	if (d->wanted[DIGEST_MD5])
		hasher_add(d->md5, data, len);
	if (d->wanted[DIGEST_SHA256])
		nx_assert(SHA256_Update(&d->sha256, data, len));
}

void
digest_end(struct digest *d, struct digest_values *ret_values)
{
	memcpy(ret_values->known, d->wanted, sizeof(ret_values->known));
	if (d->wanted[DIGEST_MD5])
		hasher_end(d->md5, ret_values->value[DIGEST_MD5]);
	if (d->wanted[DIGEST_SHA256])
		nx_assert(
		    SHA256_Final(ret_values->value[DIGEST_SHA256], &d->sha256));
}

bool
digest_is(const struct digest_values *values, const bool wanted[DIGEST_KINDS],
    const uint8_t *expected, size_t len)
{
	size_t at = 0;

	for (size_t i = 0; i < DIGEST_KINDS; i++) {
		if (!wanted[i])
			continue;
		if (!values->known[i] || len - at < kinds[i].len ||
		    memcmp(values->value[i], expected + at, kinds[i].len) != 0)
			return false;
		at += kinds[i].len;
	}
	return len == at;
}

/* --- kept -------------------------------------------------------------------*/

size_t
digest_pack(
    const struct digest_values *values, uint8_t ret_packed[DIGEST_PACKED])
{
	size_t len = 0;

	for (size_t i = 0; i < DIGEST_KINDS; i++) {
		if (!values->known[i] || kinds[i].tag == 0)
			continue;
		ret_packed[len++] = kinds[i].tag;
		memcpy(ret_packed + len, values->value[i], kinds[i].len);
		len += kinds[i].len;
	}
	nx_assert(len <= DIGEST_PACKED);
	return len;
}

static size_t
kind_of(uint8_t tag)
{
	size_t i = 0;

	while (i < DIGEST_KINDS && (tag == 0 || kinds[i].tag != tag))
		i++;
	return i;
}

bool
digest_unpack(const uint8_t *packed, size_t len, struct digest_values *values)
{
	for (size_t at = 0; at < len;) {
		size_t kind = kind_of(packed[at++]);

		if (kind == DIGEST_KINDS || len - at < kinds[kind].len)
			return false;
		values->known[kind] = true;
		memcpy(values->value[kind], packed + at, kinds[kind].len);
		at += kinds[kind].len;
	}
	return true;
}

/* --- put down and taken up --------------------------------------------------*/

static void
put_be(uint8_t *to, uint64_t value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)(value >> 8 * (len - 1 - i));
}

static uint64_t
get_be(const uint8_t *from, size_t len)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | from[i];
	return value;
}

void
digest_save(const struct digest *d, uint8_t ret_state[DIGEST_STATE])
{
	const SHA256_CTX *c = &d->sha256;
	uint64_t bits = (uint64_t)c->Nh << 32 | c->Nl;

	nx_assert(
	    d->wanted[DIGEST_SHA256] && c->num == bits / 8 % SHA256_BLOCK);
	memset(ret_state, 0, DIGEST_STATE);
	for (size_t i = 0; i < 8; i++)
		put_be(ret_state + 4 * i, c->h[i], 4);
	put_be(ret_state + AT_LEN, bits / 8, 8);
	memcpy(ret_state + AT_REST, c->data, c->num);
}

uint64_t
digest_state_len(const uint8_t state[DIGEST_STATE])
{
	return get_be(state + AT_LEN, 8);
}

int
digest_resume(
    const uint8_t state[DIGEST_STATE], uint64_t len, struct digest **ret_digest)
{
	static const bool wanted[DIGEST_KINDS] = {[DIGEST_SHA256] = true};
	struct digest *d;
	int r;

	if (digest_state_len(state) != len || len > LEN_MAX)
		return -EBADMSG;
	r = digest_new(wanted, &d);
	if (r < 0)
		return r;
	for (size_t i = 0; i < 8; i++)
		d->sha256.h[i] = (uint32_t)get_be(state + 4 * i, 4);
	d->sha256.Nh = (uint32_t)(len * 8 >> 32);
	d->sha256.Nl = (uint32_t)(len * 8);
	d->sha256.num = (unsigned)(len % SHA256_BLOCK);
	memcpy(d->sha256.data, state + AT_REST, d->sha256.num);
	*ret_digest = d;
	return 0;
}
