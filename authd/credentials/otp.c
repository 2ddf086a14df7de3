/*
 * One-time codes. The MAC covers the transaction, so that a code is worth nothing
 * in another one.
 */
#include <stdio.h>
#include <string.h>

#include "authd/credentials/otp.h"

/* Clocks are slewed and stepped by a little all the time. */
#define CLOCK_LEEWAY 5

static void
mac_of(const uint8_t *pepper, const uint8_t *txn, const char *code,
    uint8_t ret_mac[AUTH_MAC_LEN])
{
	uint8_t text[AUTH_TXN_LEN + AUTH_CODE_LEN];

	memcpy(text, txn, AUTH_TXN_LEN);
	memcpy(text + AUTH_TXN_LEN, code, AUTH_CODE_LEN);
	crypto_auth_hmacsha256(ret_mac, text, sizeof(text), pepper);
	sodium_memzero(text, sizeof(text));
}

void
auth_otp_new(const uint8_t pepper[AUTH_PEPPER_LEN], struct auth_otp *ret_otp)
{
	randombytes_buf(ret_otp->txn, sizeof(ret_otp->txn));
	snprintf(ret_otp->code, sizeof(ret_otp->code), "%06u",
	    (unsigned)randombytes_uniform(1000000));
	mac_of(pepper, ret_otp->txn, ret_otp->code, ret_otp->mac);
}

bool
auth_otp_match(const uint8_t pepper[AUTH_PEPPER_LEN],
    const uint8_t txn[AUTH_TXN_LEN], const uint8_t mac[AUTH_MAC_LEN],
    const char *code)
{
	uint8_t mine[AUTH_MAC_LEN];

	mac_of(pepper, txn, code, mine);
	return sodium_memcmp(mine, mac, sizeof(mine)) == 0;
}

bool
auth_otp_live(int64_t created_at, int64_t expires_at, int64_t now)
{
	return created_at - CLOCK_LEEWAY <= now && now < expires_at;
}
