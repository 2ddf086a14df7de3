/* See secret.h. */
#include <string.h>

#include "authd/credentials/secret.h"
#include "common/err.h"

void
auth_secret_new(char ret_text[AUTH_SECRET_TEXT + 1])
{
	uint8_t raw[AUTH_SECRET_LEN];

	randombytes_buf(raw, sizeof(raw));
	nx_assert(sodium_bin2base64(ret_text, AUTH_SECRET_TEXT + 1, raw,
	    sizeof(raw), sodium_base64_VARIANT_URLSAFE_NO_PADDING));
	sodium_memzero(raw, sizeof(raw));
}

void
auth_secret_hash(const uint8_t pepper[AUTH_PEPPER_LEN], const char *text,
    uint8_t ret_hash[AUTH_SECRET_HASH_LEN])
{
	nx_assert(crypto_generichash(ret_hash, AUTH_SECRET_HASH_LEN,
		      (const uint8_t *)text, strlen(text), pepper,
		      AUTH_PEPPER_LEN) == 0);
}
