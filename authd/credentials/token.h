/*
 * Tokens: ES256 JWTs made and read with libjwt. The library checks a signature
 * and nothing else; algorithm, key, issuer, audience, subject, session and all
 * three times are checked here. Whether the session still exists is the
 * caller's question to the database.
 */
#ifndef AUTHD_TOKEN_H
#define AUTHD_TOKEN_H

#include <stdint.h>

#include "authd/credentials/keyring.h"
#include "common/ticket.h"

#define AUTH_TOKEN_ISSUER   "nexus"
#define AUTH_TOKEN_AUDIENCE "nexus-api"

struct auth_claims {
	uint64_t user_id;                /* sub, never 0 */
	uint8_t session[NX_SESSION_LEN]; /* sid */
	int64_t issued, expires;         /* iat, exp: unix seconds */
	int64_t not_before;              /* nbf; tokens are made with iat */
};

enum auth_token_result {
	AUTH_TOKEN_OK,
	AUTH_TOKEN_MALFORMED, /* not in form one of ours */
	AUTH_TOKEN_FORGED,    /* not signed by a key of ours */
	AUTH_TOKEN_FOREIGN,   /* signed, but claims are missing or not for us */
	AUTH_TOKEN_EXPIRED,
	AUTH_TOKEN_EARLY, /* from the future: the clock went back */
	AUTH_TOKEN_RESULTS
};

/* The compact form; free() it. 0 or -ENOMEM. */
int auth_token_sign(const struct auth_signing_key *key,
    const struct auth_claims *claims, char **ret_token);
/* The times alone: OK, EXPIRED or EARLY. */
enum auth_token_result
auth_claims_check(const struct auth_claims *claims, int64_t now);
enum auth_token_result auth_token_check(const struct auth_keyring *ring,
    const char *token, int64_t now, struct auth_claims *ret_claims);

#endif
