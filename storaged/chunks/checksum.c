/*
 * MD5 is OpenSSL's, CRC32C is ISA-L's: this file knows how to ask them, so that
 * nothing else has to.
 */
#include <inttypes.h>
#include <isa-l/crc.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/chunks/checksum.h"

#define LINE  64U /* of a cache */
#define STEP  2048U
#define AHEAD 8192U

struct hasher {
	EVP_MD_CTX *md5;
};

/* Fetched once: fetching takes locks and files. */
static EVP_MD *md5_method;

int
checksum_setup(void)
{
	struct hasher *h;

	if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL))
		return -ENOTSUP;
	if (!md5_method)
		md5_method = EVP_MD_fetch(NULL, "MD5", NULL);
	if (!md5_method)
		return -ENOTSUP;
	if (hasher_new(&h) < 0)
		return -ENOMEM;
	hasher_free(h);
	return 0;
}

int
hasher_new(struct hasher **ret_hasher)
{
	struct hasher *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->md5 = EVP_MD_CTX_new();
	if (!h->md5 || !EVP_DigestInit_ex(h->md5, md5_method, NULL)) {
		hasher_free(h);
		return -ENOMEM;
	}
	*ret_hasher = h;
	return 0;
}

struct hasher *
hasher_free(struct hasher *h)
{
	if (h) {
		EVP_MD_CTX_free(h->md5);
		free(h);
	}
	return NULL;
}

/* ISA-L's function neither inverts before nor after; the standard does. */
static uint32_t
crc_more(uint32_t crc, const void *data, size_t len)
{
	unsigned char *bytes;

	/* It takes a pointer to non-const and does not write. */
	memcpy(&bytes, &data, sizeof(bytes));
	return ~crc32_iscsi(bytes, (int)len, ~crc);
}

uint32_t
checksum_crc(const void *data, size_t len)
{
	return crc_more(0, data, len);
}

/* The processor's own looking ahead ends with each page, and begins anew. */
static void
fetch(const uint8_t *data, size_t len)
{
	for (size_t at = 0; at < len; at += LINE)
		__builtin_prefetch(data + at);
}

uint32_t
checksum_crc_far(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t crc = 0;
	size_t n;

	fetch(p, len < AHEAD ? len : AHEAD);
	for (size_t at = 0; at < len; at += n) {
		size_t next = at + AHEAD;

		n = len - at < STEP ? len - at : STEP;
		if (next < len)
			fetch(p + next, len - next < STEP ? len - next : STEP);
		crc = crc_more(crc, p + at, n);
	}
	return crc;
}

void
checksums_add(struct checksums *sums, const void *data, size_t len)
{
	const uint8_t *p = data;

	nx_assert(len <= CHUNK_SIZE - sums->size);
	while (len > 0) {
		uint32_t at = sums->size % CRC_BLOCK;
		uint32_t *crc = &sums->crc[sums->size / CRC_BLOCK];
		size_t n = CRC_BLOCK - at;

		if (n > len)
			n = len;
		*crc = crc_more(at ? *crc : 0, p, n);
		sums->size += (uint32_t)n;
		p += n;
		len -= n;
	}
}

void
hasher_add(struct hasher *h, const void *data, size_t len)
{
	nx_assert(EVP_DigestUpdate(h->md5, data, len));
}

void
hasher_end(struct hasher *h, uint8_t ret_md5[MD5_LEN])
{
	nx_assert(EVP_DigestFinal_ex(h->md5, ret_md5, NULL));
}

/* --- as users see them ------------------------------------------------------*/

void
checksum_text(const uint8_t *data, size_t len, char *ret_text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		ret_text[2 * i] = digits[data[i] >> 4];
		ret_text[2 * i + 1] = digits[data[i] & 15];
	}
	ret_text[2 * len] = '\0';
}

void
checksum_etag_of(const uint8_t md5[MD5_LEN], size_t n, struct etag *ret_etag)
{
	checksum_text(md5, MD5_LEN, ret_etag->text);
	if (n > 0)
		snprintf(ret_etag->text + 32, sizeof(ret_etag->text) - 32,
		    "-%" PRIu32, (uint32_t)n);
}

void
checksum_etag_parts(
    const uint8_t (*md5s)[MD5_LEN], size_t n, struct etag *ret_etag)
{
	uint8_t digest[MD5_LEN];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	nx_assert(ctx && EVP_DigestInit_ex(ctx, md5_method, NULL));
	nx_assert(n == 0 || EVP_DigestUpdate(ctx, md5s, n * MD5_LEN));
	nx_assert(EVP_DigestFinal_ex(ctx, digest, NULL));
	EVP_MD_CTX_free(ctx);
	checksum_etag_of(digest, n, ret_etag);
}

void
checksum_etag(const uint8_t (*md5s)[MD5_LEN], size_t n, struct etag *ret_etag)
{
	if (n == 1)
		checksum_text(md5s[0], MD5_LEN, ret_etag->text);
	else
		checksum_etag_parts(md5s, n, ret_etag);
}
