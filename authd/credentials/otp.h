/*
 * One-time codes: six digits from the CSPRNG, kept only as an HMAC under a
 * pepper that is not in the database and bound to their transaction. A million
 * codes are no secret to hash slowly; what protects them is the pepper, five
 * tries, five minutes and single use.
 */
#ifndef AUTHD_OTP_H
#define AUTHD_OTP_H

#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>

#include "authd/credentials/rules.h"

#define AUTH_TXN_LEN    16
#define AUTH_MAC_LEN    crypto_auth_hmacsha256_BYTES
#define AUTH_PEPPER_LEN crypto_auth_hmacsha256_KEYBYTES
#define AUTH_CODE_LIFE  300 /* seconds */
#define AUTH_CODE_TRIES 5

struct auth_otp {
	uint8_t txn[AUTH_TXN_LEN];
	char code[AUTH_CODE_LEN + 1];
	uint8_t mac[AUTH_MAC_LEN];
};

/* A new transaction with its code; wipe it once the code is on its way. */
void
auth_otp_new(const uint8_t pepper[AUTH_PEPPER_LEN], struct auth_otp *ret_otp);
/* Is @code the one of this transaction? Takes the same time either way. */
bool auth_otp_match(const uint8_t pepper[AUTH_PEPPER_LEN],
    const uint8_t txn[AUTH_TXN_LEN], const uint8_t mac[AUTH_MAC_LEN],
    const char *code);
/* A code counts from its making to its expiry. One from the future, because the
 * clock went back, does not: else that would lengthen its life. */
bool auth_otp_live(int64_t created_at, int64_t expires_at, int64_t now);

#endif
