/*
 * Signatures that were found good: a token that was seen costs no second
 * verification. What may have ended since is asked elsewhere.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "authd/credentials/token_cache.h"

#define SLOTS 2048

struct slot {
	bool used;
	uint8_t hash[crypto_generichash_BYTES];
	struct auth_claims claims;
};

struct auth_token_cache {
	uint8_t key[crypto_generichash_KEYBYTES];
	struct slot slots[SLOTS];
};

int
auth_token_cache_new(struct auth_token_cache **ret_cache)
{
	struct auth_token_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	randombytes_buf(c->key, sizeof(c->key));
	*ret_cache = c;
	return 0;
}

struct auth_token_cache *
auth_token_cache_free(struct auth_token_cache *c)
{
	free(c);
	return NULL;
}

void
auth_token_cache_forget(struct auth_token_cache *c)
{
	for (size_t i = 0; i < SLOTS; i++)
		c->slots[i].used = false;
}

enum auth_token_result
auth_token_cache_check(struct auth_token_cache *c,
    const struct auth_keyring *ring, const char *token, int64_t now,
    struct auth_claims *ret_claims)
{
	uint8_t hash[crypto_generichash_BYTES];
	enum auth_token_result result;
	struct slot *slot;

	crypto_generichash(hash, sizeof(hash), (const unsigned char *)token,
	    strlen(token), c->key, sizeof(c->key));
	slot = &c->slots[(hash[0] | hash[1] << 8) % SLOTS];
	if (slot->used && memcmp(slot->hash, hash, sizeof(hash)) == 0) {
		*ret_claims = slot->claims;
		return auth_claims_check(ret_claims, now);
	}
	result = auth_token_check(ring, token, now, ret_claims);
	if (result == AUTH_TOKEN_OK) {
		slot->used = true;
		slot->claims = *ret_claims;
		memcpy(slot->hash, hash, sizeof(hash));
	}
	return result;
}
