/* Access keys in the database; see flows/key.h. */
#ifndef AUTHD_STORE_KEY_H
#define AUTHD_STORE_KEY_H

#include <stdint.h>

#include "common/db.h"
#include "common/ticket.h"

#define AUTH_KEY_ID_MAX   20
#define AUTH_KEY_NAME_MAX 64
#define AUTH_KEY_KEPT_MAX 128 /* bytes that are kept of a secret */
#define AUTH_KEY_FROM_MAX 64

enum auth_key_kind { AUTH_KEY_BEARER = 1, AUTH_KEY_S3 = 2 };

struct auth_key {
	char id[AUTH_KEY_ID_MAX + 1];
	uint64_t user_id;
	char name[AUTH_KEY_NAME_MAX + 1];
	enum auth_key_kind kind;
	uint8_t kept[AUTH_KEY_KEPT_MAX]; /* hash, or sealed */
	size_t kept_len;
	uint32_t rights; /* enum nx_right */
	char place[NX_PLACE_MAX + 1];
	int64_t created_at, expires_at; /* expires_at 0: never */
	int64_t used_at;
	char used_from[AUTH_KEY_FROM_MAX + 1];
};

/* 0, -EEXIST when the user has one of this name, or -errno. */
int auth_key_insert(struct nx_db *db, const struct auth_key *key);
/* 1, 0 or -errno. */
int auth_key_find(struct nx_db *db, const char *id, struct auth_key *ret_key);
/* One of the user's, by id or name. 1, 0 or -errno. */
int auth_key_of(struct nx_db *db, uint64_t user_id, const char *text,
    struct auth_key *ret_key);
/* Those with names after @after, in order; their number or -errno. */
int auth_key_list(struct nx_db *db, uint64_t user_id, const char *after,
    struct auth_key *ret_keys, size_t max);
int auth_key_count(struct nx_db *db, uint64_t user_id);
int auth_key_delete(struct nx_db *db, const char *id);
int
auth_key_used(struct nx_db *db, const char *id, const char *from, int64_t now);

#endif
