/*
 * Secrets that we need as they are (of TOTP, of S3 keys), kept sealed:
 * XChaCha20-Poly1305 under a key that is not in the database, bound to where
 * they belong, so that a row put in another's place does not open.
 */
#ifndef AUTHD_SEAL_H
#define AUTHD_SEAL_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

#define AUTH_SEAL_KEY_LEN crypto_aead_xchacha20poly1305_ietf_KEYBYTES
/* What sealing adds, bytes. */
#define AUTH_SEAL_EXTRA                                 \
	(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES + \
	    crypto_aead_xchacha20poly1305_ietf_ABYTES)
#define AUTH_SEAL_MAX 256 /* bytes of a secret */

/* Where a secret belongs: the table, whose row, and which (NULL: their only). */
struct auth_seal_place {
	const char *table;
	uint64_t user_id;
	const char *row;
};

/* @len at most AUTH_SEAL_MAX; len + AUTH_SEAL_EXTRA bytes into @ret_sealed. */
void auth_seal(const uint8_t key[AUTH_SEAL_KEY_LEN],
    const struct auth_seal_place *place, const void *secret, size_t len,
    uint8_t *ret_sealed);
/* len - AUTH_SEAL_EXTRA bytes into @ret_secret. 0, or -EBADMSG when it is not
 * what was sealed there; wipe it after use. */
int auth_unseal(const uint8_t key[AUTH_SEAL_KEY_LEN],
    const struct auth_seal_place *place, const uint8_t *sealed, size_t len,
    void *ret_secret);

#endif
