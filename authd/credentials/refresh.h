/*
 * Refresh tokens: what a session is carried on with when its token has ended.
 * "nxr_" and, in base64url, the session, a number of its own and a MAC over both
 * under the pepper: nobody else can make one, and one that was used long ago is
 * still known as ours, and as this session's, though nothing is kept of it.
 */
#ifndef AUTHD_REFRESH_H
#define AUTHD_REFRESH_H

#include <stdbool.h>
#include <stdint.h>

#include "authd/credentials/otp.h"
#include "common/ticket.h"

#define AUTH_REFRESH_BEGINS "nxr_"
#define AUTH_REFRESH_NONCE  16
#define AUTH_REFRESH_TEXT   (4 + 86)

/* The two that say which it is; neither is secret. */
struct auth_refresh_id {
	uint8_t session[NX_SESSION_LEN];
	uint8_t nonce[AUTH_REFRESH_NONCE];
};

/* A new one of @session, as text; wipe it once it is on its way. */
void auth_refresh_new(const uint8_t pepper[AUTH_PEPPER_LEN],
    const uint8_t session[NX_SESSION_LEN], struct auth_refresh_id *ret_id,
    char ret_text[AUTH_REFRESH_TEXT + 1]);
/* Is @text one that was made here? Then which. */
bool auth_refresh_read(const uint8_t pepper[AUTH_PEPPER_LEN], const char *text,
    struct auth_refresh_id *ret_id);

#endif
