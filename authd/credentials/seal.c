/* See seal.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "authd/credentials/seal.h"
#include "common/err.h"

#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES

/* The number between the two texts keeps them apart. */
static size_t
name_place(const struct auth_seal_place *p, char ret_name[256])
{
	int n = snprintf(ret_name, 256, "%s %" PRIu64 " %s", p->table,
	    p->user_id, p->row ? p->row : "");

	nx_assert(n > 0 && n < 256);
	return (size_t)n;
}

void
auth_seal(const uint8_t key[AUTH_SEAL_KEY_LEN],
    const struct auth_seal_place *place, const void *secret, size_t len,
    uint8_t *ret_sealed)
{
	char name[256];
	size_t n = name_place(place, name);

	nx_assert(len <= AUTH_SEAL_MAX);
	randombytes_buf(ret_sealed, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(ret_sealed + NONCE, NULL,
	    secret, len, (const uint8_t *)name, n, NULL, ret_sealed, key);
}

int
auth_unseal(const uint8_t key[AUTH_SEAL_KEY_LEN],
    const struct auth_seal_place *place, const uint8_t *sealed, size_t len,
    void *ret_secret)
{
	char name[256];
	size_t n = name_place(place, name);

	if (len < AUTH_SEAL_EXTRA || len > AUTH_SEAL_MAX + AUTH_SEAL_EXTRA ||
	    crypto_aead_xchacha20poly1305_ietf_decrypt(ret_secret, NULL, NULL,
		sealed + NONCE, len - NONCE, (const uint8_t *)name, n, sealed,
		key) != 0)
		return -EBADMSG;
	return 0;
}
