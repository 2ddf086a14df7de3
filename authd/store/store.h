/*
 * The database of authd: what is in it and every statement on it. The rest of
 * authd speaks of users, codes, sessions and notices. Functions that write are
 * called inside nx_db_write(); times are unix seconds.
 */
#ifndef AUTHD_STORE_H
#define AUTHD_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "authd/credentials/credentials.h"
#include "common/db.h"
#include "common/ticket.h"

#define AUTH_CLIENT_HASH_LEN 16

extern const char *const auth_schema[];
extern const size_t auth_schema_count;

struct auth_user {
	uint64_t id;
	char username[AUTH_USERNAME_MAX + 1];
	char email[256];
	char password[AUTH_HASH_LEN];
	bool disabled;
	int64_t created_at;
};

/* 1 and *ret_user, 0 when there is none, or -errno. */
int auth_user_by_name(
    struct nx_db *db, const char *name, struct auth_user *ret_user);
int auth_user_by_email(
    struct nx_db *db, const char *email, struct auth_user *ret_user);
int auth_user_by_id(struct nx_db *db, uint64_t id, struct auth_user *ret_user);
/* At most @max users with ids above @after, in order. Their number or -errno. */
int auth_user_list(
    struct nx_db *db, uint64_t after, struct auth_user *ret_users, size_t max);
/* 0 and user->id, -EEXIST when name or address is taken, or -errno. */
int auth_user_insert(struct nx_db *db, struct auth_user *user);
int auth_user_set_disabled(struct nx_db *db, uint64_t id, bool disabled);
/* With everything that is the user's here: codes, sessions, known clients. */
int auth_user_delete(struct nx_db *db, uint64_t id);

enum auth_code_kind { AUTH_CODE_REGISTER = 1, AUTH_CODE_LOGIN = 2 };

/* A code that waits; of a registration with what will be the user. */
struct auth_code {
	uint8_t txn[AUTH_TXN_LEN];
	uint8_t mac[AUTH_MAC_LEN];
	enum auth_code_kind kind;
	struct auth_user user;                /* id 0: a registration */
	uint8_t client[AUTH_CLIENT_HASH_LEN]; /* where it was asked for */
	int64_t tries, created_at, expires_at;
};

/* What somebody who tries a code has to do with it. */
enum auth_standing {
	AUTH_STRANGER, /* nothing: pays from budgets, takes no try */
	AUTH_NEAR,     /* comes from where it was asked for */
	AUTH_BEGAN,    /* knows the transaction: it is theirs */
};
struct auth_trier {
	enum auth_standing standing;
	uint8_t client[AUTH_CLIENT_HASH_LEN];
	uint8_t txn[AUTH_TXN_LEN]; /* all zeros when none was shown */
};
#define AUTH_CODES_LIVE 3 /* registrations that wait on one address at most */

/* Stores it in place of what it replaces: the user's login code, or the
 * registration of this name and address; beyond AUTH_CODES_LIVE the oldest
 * registration on the address goes. 0 or -errno. */
int auth_code_put(struct nx_db *db, const struct auth_code *code);
/* Sets @who->standing to the best one they have with any code of this kind on
 * @email that still has a try for it. 0 or -errno. */
int auth_code_standing(struct nx_db *db, enum auth_code_kind kind,
    const char *email, struct auth_trier *who);
/*
 * Takes one try from every code of this kind on @email that @who, standing as
 * they do, may try (a stranger's tries are paid elsewhere), and gives those,
 * newest first. Their number (at most AUTH_CODES_LIVE) or -errno. Where none
 * pays, a code that nobody has does in their place, which takes the same
 * statements and the same write to disk.
 */
int auth_code_try(struct nx_db *db, enum auth_code_kind kind, const char *email,
    const struct auth_trier *who, struct auth_code ret_codes[AUTH_CODES_LIVE]);
/* Makes @code one that nobody can ever try, but stored like any other. */
void auth_code_decoy(struct auth_code *code);
/* All codes of this kind on @email. */
int
auth_code_drop(struct nx_db *db, enum auth_code_kind kind, const char *email);

struct auth_session {
	uint8_t id[NX_SESSION_LEN];
	uint64_t user_id;
	int64_t created_at, expires_at;
};
int auth_session_insert(struct nx_db *db, const struct auth_session *s);
/* 1 when the session of this user is there, unexpired, and the user too and not
 * disabled; 0 if not; or -errno. */
int auth_session_check(struct nx_db *db, const uint8_t id[NX_SESSION_LEN],
    uint64_t user_id, int64_t now, struct auth_user *ret_user);
/* 1 when it was there. */
int auth_session_delete(
    struct nx_db *db, const uint8_t id[NX_SESSION_LEN], uint64_t user_id);
int auth_session_delete_all(struct nx_db *db, uint64_t user_id);
/* At most @max sessions of the user. Their number or -errno. */
int auth_session_list(struct nx_db *db, uint64_t user_id,
    uint8_t (*ret_ids)[NX_SESSION_LEN], size_t max);

/* Clients a user has logged in from, by a keyed hash of their prefix. */
int auth_known_put(struct nx_db *db, uint64_t user_id,
    const uint8_t client[AUTH_CLIENT_HASH_LEN], int64_t now);
int auth_known_has(struct nx_db *db, uint64_t user_id,
    const uint8_t client[AUTH_CLIENT_HASH_LEN]);

/* What storaged and nodemgr have yet to confirm. */
enum auth_notice_kind { AUTH_NOTICE_REVOKE = 0, AUTH_NOTICE_DELETED = 1 };
struct auth_notice {
	int64_t id;
	enum nx_role role;
	enum auth_notice_kind kind;
	uint64_t user_id;
	bool has_session; /* of a revocation; without one: all of them */
	uint8_t session[NX_SESSION_LEN];
	int64_t created_at;
};
/* One for each of the two roles; *ret_id is the higher id. @session may be
 * NULL. */
int auth_notice_put(struct nx_db *db, enum auth_notice_kind kind,
    uint64_t user_id, const uint8_t *session, int64_t now, int64_t *ret_id);
/* The oldest one: 1, 0 or -errno. */
int auth_notice_next(struct nx_db *db, enum nx_role role,
    enum auth_notice_kind kind, struct auth_notice *ret_notice);
int auth_notice_delete(struct nx_db *db, int64_t id);
/* How many revocations with ids up to @id this role owes, or -errno. */
int auth_notice_pending(struct nx_db *db, enum nx_role role, int64_t id);

/* What time has made worthless. */
int auth_store_purge(struct nx_db *db, int64_t now);
int auth_store_count(
    struct nx_db *db, int64_t now, uint64_t *ret_users, uint64_t *ret_sessions);
/* The newest time on record: a clock before it went backwards. 0: none. */
int auth_store_newest(struct nx_db *db, int64_t *ret_time);

#endif
