/*
 * AES-GCM is OpenSSL's, which has the processor's instructions for it; the
 * derivation is libsodium's BLAKE2b with the volume's key as its key.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/chunks/seal.h"

#define NONCE_LEN 12

struct seal {
	EVP_CIPHER_CTX *shut, *open;
};

/* Fetched once: fetching takes locks and files. */
static EVP_CIPHER *method;

int
seal_setup(void)
{
	uint8_t key[SEAL_KEY_LEN] = {0}, salt[SEAL_SALT_LEN] = {0};
	struct seal *s;
	int r;

	if (sodium_init() < 0 ||
	    !OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL))
		return -ENOTSUP;
	if (!method)
		method = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (!method)
		return -ENOTSUP;
	r = seal_new(key, salt, &s);
	if (r == 0)
		seal_free(s);
	return r;
}

static void
derive(const uint8_t *key, const char *use, const uint8_t *salt,
    const char *what, uint8_t ret_key[SEAL_KEY_LEN])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, key, SEAL_KEY_LEN, SEAL_KEY_LEN);
	/* With their zeros: no two sequences make the same bytes. */
	crypto_generichash_update(
	    &state, (const uint8_t *)use, strlen(use) + 1);
	crypto_generichash_update(&state, salt, SEAL_SALT_LEN);
	crypto_generichash_update(
	    &state, (const uint8_t *)what, strlen(what) + 1);
	crypto_generichash_final(&state, ret_key, SEAL_KEY_LEN);
	sodium_memzero(&state, sizeof(state));
}

static int
make(const uint8_t *key, const char *use, const uint8_t *salt, const char *what,
    struct seal **ret_seal)
{
	struct seal *s = calloc(1, sizeof(*s));
	uint8_t own[SEAL_KEY_LEN];
	bool ok;

	if (!s)
		return -ENOMEM;
	derive(key, use, salt, what, own);
	s->shut = EVP_CIPHER_CTX_new();
	s->open = EVP_CIPHER_CTX_new();
	ok = s->shut && s->open &&
	    EVP_EncryptInit_ex2(s->shut, method, own, NULL, NULL) == 1 &&
	    EVP_DecryptInit_ex2(s->open, method, own, NULL, NULL) == 1;
	sodium_memzero(own, sizeof(own));
	if (!ok) {
		seal_free(s);
		return -ENOMEM;
	}
	*ret_seal = s;
	return 0;
}

int
seal_new(const uint8_t key[SEAL_KEY_LEN], const uint8_t salt[SEAL_SALT_LEN],
    struct seal **ret_seal)
{
	return make(key, "nexus chunk", salt, "", ret_seal);
}

struct seal *
seal_free(struct seal *s)
{
	if (s) {
		/* These wipe what they hold. */
		EVP_CIPHER_CTX_free(s->shut);
		EVP_CIPHER_CTX_free(s->open);
		free(s);
	}
	return NULL;
}

static void
nonce_of(uint32_t number, uint8_t ret_nonce[NONCE_LEN])
{
	memset(ret_nonce, 0, NONCE_LEN);
	for (unsigned i = 0; i < 4; i++)
		ret_nonce[i] = (uint8_t)(number >> 8 * i);
}

void
seal_shut(struct seal *s, uint32_t number, struct seal_with with,
    const void *plain, size_t len, void *ret_sealed)
{
	uint8_t nonce[NONCE_LEN], *to = ret_sealed;
	int n = 0;

	nonce_of(number, nonce);
	/* Nothing of this depends on what is sealed: it does not fail. */
	nx_assert(EVP_EncryptInit_ex2(s->shut, NULL, NULL, nonce, NULL) == 1);
	nx_assert(EVP_EncryptUpdate(
		      s->shut, NULL, &n, with.data, (int)with.len) == 1);
	nx_assert(len == 0 ||
	    EVP_EncryptUpdate(s->shut, to, &n, plain, (int)len) == 1);
	nx_assert(EVP_EncryptFinal_ex(s->shut, to + len, &n) == 1);
	nx_assert(EVP_CIPHER_CTX_ctrl(s->shut, EVP_CTRL_AEAD_GET_TAG,
		      SEAL_TAG_LEN, to + len) == 1);
}

int
seal_open(struct seal *s, uint32_t number, struct seal_with with,
    const void *sealed, size_t len, void *ret_plain)
{
	uint8_t nonce[NONCE_LEN], tag[SEAL_TAG_LEN];
	const uint8_t *from = sealed;
	uint8_t *to = ret_plain;
	int n = 0;

	nonce_of(number, nonce);
	memcpy(tag, from + len, sizeof(tag));
	nx_assert(EVP_DecryptInit_ex2(s->open, NULL, NULL, nonce, NULL) == 1);
	nx_assert(EVP_DecryptUpdate(
		      s->open, NULL, &n, with.data, (int)with.len) == 1);
	nx_assert(len == 0 ||
	    EVP_DecryptUpdate(s->open, to, &n, from, (int)len) == 1);
	nx_assert(EVP_CIPHER_CTX_ctrl(
		      s->open, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_LEN, tag) == 1);
	return EVP_DecryptFinal_ex(s->open, tag, &n) == 1 ? 0 : -EBADMSG;
}

/* --- buffers ----------------------------------------------------------------*/

int
seal_buffer(const uint8_t key[SEAL_KEY_LEN], const char *what,
    const void *plain, size_t len, void *ret_sealed)
{
	uint8_t *to = ret_sealed;
	struct seal *s;
	int r;

	nx_assert(len <= INT32_MAX);
	randombytes_buf(to, SEAL_SALT_LEN);
	r = make(key, "nexus buffer", to, what, &s);
	if (r < 0)
		return r;
	seal_shut(s, 0, (struct seal_with){0}, plain, len, to + SEAL_SALT_LEN);
	seal_free(s);
	return 0;
}

int
seal_buffer_open(const uint8_t key[SEAL_KEY_LEN], const char *what,
    const void *sealed, size_t len, void *ret_plain)
{
	const uint8_t *from = sealed;
	struct seal *s;
	int r;

	if (len < SEAL_EXTRA || len > INT32_MAX)
		return -EBADMSG;
	r = make(key, "nexus buffer", from, what, &s);
	if (r < 0)
		return r;
	r = seal_open(s, 0, (struct seal_with){0}, from + SEAL_SALT_LEN,
	    len - SEAL_EXTRA, ret_plain);
	seal_free(s);
	return r;
}
