/*
 * What an authenticator says in a ceremony with a passkey (authenticatorData,
 * WebAuthn 6.1), and its signature: read and verified by libfido2, which has no
 * device here. No attestation is asked for, so a registration carries no signature:
 * a key is what its bearer says it is.
 *
 * The user must have been verified by the authenticator, by finger or PIN: that is
 * what lets a passkey stand for two factors.
 */
#ifndef AUTHD_AUTHDATA_H
#define AUTHD_AUTHDATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUTH_AUTHDATA_MAX      4096
#define AUTH_SIGNATURE_MAX     1024
#define AUTH_PASSKEY_ID_MIN    16
#define AUTH_PASSKEY_ID_MAX    1023
#define AUTH_PASSKEY_PUBLIC    259 /* RS256: n and e */
#define AUTH_PASSKEY_AAGUID    16
#define AUTH_PASSKEY_BACKED_UP 0x10 /* flags: BS, and BE: may be */
#define AUTH_PASSKEY_MAY_BE    0x08

/* A public key, as it is kept. */
struct auth_passkey_key {
	int alg; /* COSE: -7 ES256, -8 EdDSA, -257 RS256 */
	size_t id_len, len;
	uint8_t id[AUTH_PASSKEY_ID_MAX];
	uint8_t public[AUTH_PASSKEY_PUBLIC];
	uint8_t aaguid[AUTH_PASSKEY_AAGUID];
	uint8_t flags;
	uint32_t count;
};

struct auth_assertion {
	const uint8_t *client_data, *auth_data, *signature;
	size_t client_data_len, auth_data_len, signature_len;
};

/* Before the sandbox closes: OpenSSL reads its configuration, libfido2 sets up. */
void auth_authdata_prepare(void);
/* A registration for @rp_id. False when it is none that we take. */
bool auth_authdata_register(const uint8_t *data, size_t len, const char *rp_id,
    struct auth_passkey_key *ret_key);
/* Did the bearer of @key sign this for @rp_id, verified? Then also its counter and
 * flags. Neither clientDataJSON nor the counter is looked at. */
bool auth_authdata_assert(const struct auth_passkey_key *key,
    const struct auth_assertion *a, const char *rp_id, uint32_t *ret_count,
    uint8_t *ret_flags);
/* A counter that does not grow is one of two copies of a key; those that are kept
 * in sync do not count and stay 0. */
bool auth_authdata_rolled_back(uint32_t before, uint32_t now);

#endif
