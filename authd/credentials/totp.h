/*
 * Codes of an authenticator app: RFC 6238 with SHA-1, six digits and 30 seconds,
 * which is what every app can do. A code counts one step early or late, and once:
 * the steps that are accepted only ever grow.
 */
#ifndef AUTHD_TOTP_H
#define AUTHD_TOTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "authd/credentials/rules.h"

#define AUTH_TOTP_SECRET 20 /* bytes */
#define AUTH_TOTP_TEXT   32 /* the same in base32 */
#define AUTH_TOTP_STEP   30 /* seconds */
#define AUTH_TOTP_URI    192

/* The secret as people type it, and as apps read it from a picture. */
void auth_totp_text(
    const uint8_t secret[AUTH_TOTP_SECRET], char ret_text[AUTH_TOTP_TEXT + 1]);
void auth_totp_uri(const uint8_t secret[AUTH_TOTP_SECRET], const char *username,
    char ret_uri[AUTH_TOTP_URI]);
/* The code of a step, which is the unix time divided by AUTH_TOTP_STEP. */
void auth_totp_code(const uint8_t secret[AUTH_TOTP_SECRET], int64_t step,
    char ret_code[AUTH_CODE_LEN + 1]);
/* Is @code that of a step around @now that is later than @last? Then also which;
 * takes the same time either way. */
bool auth_totp_match(const uint8_t secret[AUTH_TOTP_SECRET], const char *code,
    int64_t now, int64_t last, int64_t *ret_step);

#endif
