/*
 * The keys that sign tokens: one signs, those before it still verify what they
 * signed, and one may be published that is to be next. A kid is looked up in this
 * table and nowhere else.
 *
 * Each key is a file beside the other secrets; which of them there are, and their
 * times, is the caller's to remember (store/signing.h). The first is called
 * es256.pem, the others es256-KID.pem.
 */
#ifndef AUTHD_KEYRING_H
#define AUTHD_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/types.h>

#include "authd/credentials/header.h"

#define AUTH_SIGNING_KEYS 8
#define AUTH_COORDINATE   43 /* 32 bytes in base64url */
#define AUTH_JWKS_MAX     4096

/* What is remembered of a key; times in unix seconds. */
struct auth_signing_row {
	char kid[AUTH_KID_LEN + 1]; /* of the public key's bytes */
	int64_t made_at;
	int64_t signs_at; /* from then on, until the next one does */
	int64_t drop_at;  /* then it verifies nothing; 0: it has no end yet */
};

struct auth_signing_key {
	struct auth_signing_row row;
	char *private_pem; /* PKCS#8, P-256 */
	char *public_pem;
	EVP_PKEY *public_key; /* the same, read once: reading takes 0.7 ms */
	char x[AUTH_COORDINATE + 1], y[AUTH_COORDINATE + 1];
};

struct auth_keyring {
	size_t n;
	struct auth_signing_key key[AUTH_SIGNING_KEYS]; /* as they came */
};

/* A new key in no file. 0 or -ENOMEM. */
int auth_signing_new(struct auth_signing_key *ret_key);
/* Writes it to its file in @dirfd, durable when this returns 0. */
int auth_signing_save(int dirfd, const struct auth_signing_key *key);
void auth_signing_fini(struct auth_signing_key *key);

/*
 * Adds the key of @row from its file, which is *ret_name (static storage). 0,
 * -ENOENT, -EPERM when others could have read it, -EBADMSG when it is damaged or
 * another than its name says.
 */
int auth_keyring_add(struct auth_keyring *ring, int dirfd,
    const struct auth_signing_row *row, const char **ret_name);
/* Adds the first key where there is none yet: that in the file, or a new one. */
int auth_keyring_first(
    struct auth_keyring *ring, int dirfd, int64_t now, const char **ret_name);
/* Takes @key over; it is empty after that. There has to be room. */
void auth_keyring_take(struct auth_keyring *ring, struct auth_signing_key *key);
/* Removes it from the ring, if it is there, and its file. */
void auth_keyring_drop(struct auth_keyring *ring, int dirfd, const char *kid);
/* At start: removes files of keys that are not in the ring; how many. */
size_t auth_keyring_tidy(const struct auth_keyring *ring, int dirfd);
void auth_keyring_fini(struct auth_keyring *ring);

/* The key of this name that verifies at @now, or NULL. */
const struct auth_signing_key *auth_keyring_find(
    const struct auth_keyring *ring, const char *kid, int64_t now);
/* The one that signs at @now: the ring is not empty. */
const struct auth_signing_key *
auth_keyring_signer(const struct auth_keyring *ring, int64_t now);
/* "next", "signs" or "verifies". */
const char *auth_keyring_state(const struct auth_keyring *ring,
    const struct auth_signing_key *key, int64_t now);
/* The public halves of those that verify at @now (RFC 7517); the length. */
size_t auth_keyring_jwks(
    const struct auth_keyring *ring, int64_t now, char ret_json[AUTH_JWKS_MAX]);

#endif
