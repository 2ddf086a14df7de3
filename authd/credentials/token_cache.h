/*
 * Tokens that have been checked before. Every gateway asks about every token
 * once a minute; that its signature is ours and what it claims does not change,
 * so the second time only the clock and the database are asked.
 *
 * A table of fixed size, placed by a keyed hash of the whole token: nobody can
 * choose where theirs lands, and a newer one simply takes the place.
 */
#ifndef AUTHD_TOKEN_CACHE_H
#define AUTHD_TOKEN_CACHE_H

#include "authd/credentials/token.h"

struct auth_token_cache;

int auth_token_cache_new(struct auth_token_cache **ret_cache);
struct auth_token_cache *auth_token_cache_free(struct auth_token_cache *c);
/* All of them: a key is none any more. */
void auth_token_cache_forget(struct auth_token_cache *c);
/* auth_token_check() with a memory. */
enum auth_token_result auth_token_cache_check(struct auth_token_cache *c,
    const struct auth_keyring *ring, const char *token, int64_t now,
    struct auth_claims *ret_claims);

#endif
