/*
 * Secrets that their bearer shows and we only compare: refresh tokens, access
 * keys, invitations. Random enough (256 bits) to be kept under a fast hash, keyed
 * with the pepper, which is not in the database.
 */
#ifndef AUTHD_SECRET_H
#define AUTHD_SECRET_H

#include <stdint.h>

#include "authd/credentials/otp.h"

#define AUTH_SECRET_LEN      32
#define AUTH_SECRET_TEXT     43 /* base64url without padding; and a NUL */
#define AUTH_SECRET_HASH_LEN 32

/* A new one, as text; wipe it once it is on its way. */
void auth_secret_new(char ret_text[AUTH_SECRET_TEXT + 1]);
/* What is kept of the text, whatever it is. */
void auth_secret_hash(const uint8_t pepper[AUTH_PEPPER_LEN], const char *text,
    uint8_t ret_hash[AUTH_SECRET_HASH_LEN]);

#endif
