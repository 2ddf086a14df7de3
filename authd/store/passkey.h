/* Passkeys in the database; see flows/passkey.c. */
#ifndef AUTHD_STORE_PASSKEY_H
#define AUTHD_STORE_PASSKEY_H

#include <stdint.h>

#include "authd/credentials/credentials.h"
#include "common/db.h"

#define AUTH_PASSKEYS_MAX 20 /* of a user */
#define AUTH_PASSKEY_MARK 16
#define AUTH_PASSKEY_NAME 64

struct auth_passkey {
	struct auth_passkey_key key;
	char mark[AUTH_PASSKEY_MARK + 1]; /* derived from the id */
	uint64_t user_id;
	char name[AUTH_PASSKEY_NAME + 1];
	int64_t created_at, used_at;
};

/* Fills in the mark. 0, -EEXIST when somebody has it already, or -errno. */
int auth_passkey_insert(struct nx_db *db, struct auth_passkey *p);
/* 1, 0 or -errno. */
int auth_passkey_find(
    struct nx_db *db, const uint8_t *id, size_t len, struct auth_passkey *ret);
/* A user's; their number or -errno. */
int auth_passkey_list(
    struct nx_db *db, uint64_t user_id, struct auth_passkey *ret, size_t max);
int auth_passkey_count(struct nx_db *db, uint64_t user_id);
/* It was used: its counter and flags from now on. */
int
auth_passkey_used(struct nx_db *db, const struct auth_passkey *p, int64_t now);
/* Each 1 when the user has it, 0 or -errno. */
int auth_passkey_rename(
    struct nx_db *db, uint64_t user_id, const char *mark, const char *name);
int auth_passkey_delete(struct nx_db *db, uint64_t user_id, const char *mark);

#endif
