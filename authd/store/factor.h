/* Authenticator apps and recovery codes in the database; see flows/factor.h. */
#ifndef AUTHD_STORE_FACTOR_H
#define AUTHD_STORE_FACTOR_H

#include <stdint.h>

#include "authd/credentials/credentials.h"
#include "common/db.h"

#define AUTH_TOTP_SEALED (AUTH_TOTP_SECRET + AUTH_SEAL_EXTRA)

struct auth_totp {
	uint8_t sealed[AUTH_TOTP_SEALED];
	int64_t confirmed_at; /* 0: nobody has shown a code of it yet */
	int64_t step;         /* the last one used */
	int64_t wrong, wrong_since;
	int64_t created_at;
};

/* 1, 0 or -errno. */
int auth_totp_get(struct nx_db *db, uint64_t user_id, struct auth_totp *ret);
/* In place of the one there was. */
int
auth_totp_put(struct nx_db *db, uint64_t user_id, const struct auth_totp *t);
int auth_totp_delete(struct nx_db *db, uint64_t user_id);

/* These, and no others any more. */
int auth_recovery_put(struct nx_db *db, uint64_t user_id,
    uint8_t (*hashes)[AUTH_SECRET_HASH_LEN], size_t n);
/* 1 when it was there; it is no more. */
int auth_recovery_use(struct nx_db *db, uint64_t user_id,
    const uint8_t hash[AUTH_SECRET_HASH_LEN]);
/* How many are left. */
int auth_recovery_count(struct nx_db *db, uint64_t user_id);

#endif
