/*
 * What a client keeps from a login and shows at the next: "somebody signed in
 * to this account here before". It opens nothing; it has a budget of wrong
 * passwords of its own, so that nobody else's guesses, be they from the same
 * address, keep its bearer out. (After OWASP's device cookies.)
 *
 * Nothing of it is stored: it is a random number and a MAC over it and the user.
 */
#ifndef AUTHD_DEVICE_H
#define AUTHD_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "authd/credentials/otp.h"

#define AUTH_DEVICE_ID_LEN 16
#define AUTH_DEVICE_LEN    64 /* as text, without its NUL */

void auth_device_new(const uint8_t pepper[AUTH_PEPPER_LEN], uint64_t user_id,
    char ret_text[AUTH_DEVICE_LEN + 1]);
/* Was @text made for @user_id? Then also its id. */
bool auth_device_check(const uint8_t pepper[AUTH_PEPPER_LEN], uint64_t user_id,
    const char *text, uint8_t ret_id[AUTH_DEVICE_ID_LEN]);

#endif
