/*
 * What a request shows to say who asks. A token of a session or an access key, as
 *
 *	Authorization: Bearer TOKEN, or Bearer KEY		RFC 6750
 *	Authorization: Basic base64(USER:KEY)			RFC 7617
 *	X-API-KEY: KEY						as E2B's clients
 *
 * A password is none of them: nobody's is sent with every request.
 */
#ifndef GW_CREDENTIAL_H
#define GW_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>

#include "gatewayd/http/http.h"

#define CREDENTIAL_MAX  2048U /* bytes of a token or a key */
#define CREDENTIAL_USER 254U

struct credential {
	bool key;   /* an access key, not a token */
	bool named; /* with a user's name */
	char user[CREDENTIAL_USER + 1];
	char text[CREDENTIAL_MAX + 1];
	/* All of it, for a cache: the user, a colon and the text, or the text. */
	size_t whole_len;
	char whole[CREDENTIAL_USER + 1 + CREDENTIAL_MAX + 1];
};

/* NULL, or why the request is refused. */
const struct http_error *
credential_of(const struct http_head *head, struct credential *ret);

#endif
