/*
 * The head of a JWT, read before the library sees the token: libjwt takes the
 * algorithm from the token itself, so what it is shown has to be pinned here.
 */
#ifndef AUTHD_HEADER_H
#define AUTHD_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#define AUTH_TOKEN_MAX 2048
#define AUTH_KID_LEN   16

/*
 * True when @token is one of ours in form: three base64url parts without
 * padding, the last as long as an ES256 signature, and a header of exactly the
 * three strings "alg":"ES256", "typ":"JWT" and "kid": AUTH_KID_LEN hexadecimal
 * digits, once each, in any order and without escapes. ret_kid gets the kid.
 */
bool auth_jwt_header(const char *token, char ret_kid[AUTH_KID_LEN + 1]);

#endif
