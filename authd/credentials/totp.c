/* RFC 6238 over RFC 4226, and the base32 of RFC 4648. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "authd/credentials/totp.h"
#include "common/err.h"

#define MAC_LEN 20

/* 20 bytes are 32 letters: nothing is left over. */
_Static_assert(AUTH_TOTP_SECRET * 8 == AUTH_TOTP_TEXT * 5, "no padding");

void
auth_totp_text(
    const uint8_t secret[AUTH_TOTP_SECRET], char ret_text[AUTH_TOTP_TEXT + 1])
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	unsigned bits = 0, n = 0, out = 0;

	for (size_t i = 0; i < AUTH_TOTP_SECRET; i++) {
		bits = bits << 8 | secret[i];
		for (n += 8; n >= 5; n -= 5)
			ret_text[out++] = letters[bits >> (n - 5) & 31];
		bits &= (1U << n) - 1;
	}
	ret_text[out] = '\0';
}

void
auth_totp_uri(const uint8_t secret[AUTH_TOTP_SECRET], const char *username,
    char ret_uri[AUTH_TOTP_URI])
{
	char text[AUTH_TOTP_TEXT + 1];

	/* A user name has nothing in it that a URI would want written otherwise
	 * (rules.h). */
	auth_totp_text(secret, text);
	(void)snprintf(ret_uri, AUTH_TOTP_URI,
	    "otpauth://totp/Nexus:%s?secret=%s&issuer=Nexus", username, text);
	sodium_memzero(text, sizeof(text));
}

void
auth_totp_code(const uint8_t secret[AUTH_TOTP_SECRET], int64_t step,
    char ret_code[AUTH_CODE_LEN + 1])
{
	uint8_t counter[8], mac[EVP_MAX_MD_SIZE];
	unsigned len = 0, at, value;

	for (int i = 0; i < 8; i++)
		counter[i] = (uint8_t)((uint64_t)step >> (56 - 8 * i));
	nx_assert(HMAC(EVP_sha1(), secret, AUTH_TOTP_SECRET, counter,
		      sizeof(counter), mac, &len) &&
	    len == MAC_LEN);
	at = mac[MAC_LEN - 1] & 15;
	value = ((unsigned)mac[at] & 127) << 24 | (unsigned)mac[at + 1] << 16 |
	    (unsigned)mac[at + 2] << 8 | mac[at + 3];
	(void)snprintf(ret_code, AUTH_CODE_LEN + 1, "%06u", value % 1000000);
	sodium_memzero(mac, sizeof(mac));
}

bool
auth_totp_match(const uint8_t secret[AUTH_TOTP_SECRET], const char *code,
    int64_t now, int64_t last, int64_t *ret_step)
{
	char right[AUTH_CODE_LEN + 1];
	int64_t step = now / AUTH_TOTP_STEP, found = -1;

	if (strlen(code) != AUTH_CODE_LEN)
		return false;
	for (int64_t s = step - 1; s <= step + 1; s++) {
		auth_totp_code(secret, s, right);
		if (sodium_memcmp(right, code, AUTH_CODE_LEN) == 0 && s > last)
			found = s;
	}
	sodium_memzero(right, sizeof(right));
	if (found >= 0)
		*ret_step = found;
	return found >= 0;
}
