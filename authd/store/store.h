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
#include "authd/store/audit.h"
#include "authd/store/factor.h"
#include "authd/store/key.h"
#include "authd/store/passkey.h"
#include "authd/store/refresh.h"
#include "authd/store/signing.h"
#include "common/db.h"
#include "common/ticket.h"

#define AUTH_CLIENT_HASH_LEN 16

extern const char *const auth_schema[];
extern const size_t auth_schema_count;
extern const char auth_schema_identity[], auth_schema_keys[],
    auth_schema_factors[], auth_schema_passkeys[], auth_schema_refresh[],
    auth_schema_signing[];

enum auth_role { AUTH_ROLE_USER = 0, AUTH_ROLE_ADMIN = 1 };
/* Ways to prove who one is, beside the password; a mask in users and sessions. */
enum auth_factor {
	AUTH_FACTOR_MAIL = 1 << 0,
	AUTH_FACTOR_TOTP = 1 << 1,
	AUTH_FACTOR_PASSKEY = 1 << 2,
	AUTH_FACTOR_RECOVERY = 1 << 3,
};
#define AUTH_HANDLE_LEN 16
/* Instead of a hash: no password is the right one. */
#define AUTH_NO_PASSWORD "*"

struct auth_user {
	uint64_t id;
	char username[AUTH_USERNAME_MAX + 1];
	char email[256];
	char password[AUTH_HASH_LEN];
	bool disabled;
	int64_t created_at;
	enum auth_role role;
	uint32_t factors; /* that may follow the password, enum auth_factor */
	int64_t password_at, login_at;
	uint8_t handle[AUTH_HANDLE_LEN]; /* made when it is inserted */
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
int auth_user_set_role(struct nx_db *db, uint64_t id, enum auth_role role);
int auth_user_set_password(
    struct nx_db *db, uint64_t id, const char *hash, int64_t now);
/* The same password under other parameters. */
int auth_user_rehash(struct nx_db *db, uint64_t id, const char *hash);
int auth_user_set_factors(struct nx_db *db, uint64_t id, uint32_t factors);
int auth_user_set_email(struct nx_db *db, uint64_t id, const char *email);
int auth_user_signed_in(struct nx_db *db, uint64_t id, int64_t now);
/* Administrators who are not disabled; their number or -errno. */
int auth_user_admins(struct nx_db *db);
/* With everything that is the user's here, in each table that has a user_id: one
 * statement each, the last is NULL. */
extern const char *const auth_user_deletes[];
int auth_user_delete(struct nx_db *db, uint64_t id);

enum auth_code_kind {
	AUTH_CODE_REGISTER = 1,
	AUTH_CODE_LOGIN = 2,
	AUTH_CODE_RESET = 3,   /* of the password */
	AUTH_CODE_ADDRESS = 4, /* a new one of the account */
	AUTH_CODE_AGAIN = 5,   /* signing in again before a change */
};

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

#define AUTH_SESSION_NAME  64
#define AUTH_AGENT_MAX     128
#define AUTH_ADDRESS_MAX   64
#define AUTH_SESSIONS_LIVE 256 /* of a user; the one unused longest goes */

struct auth_session {
	uint8_t id[NX_SESSION_LEN];
	uint64_t user_id;
	int64_t created_at;
	int64_t expires_at; /* no token of it is good for longer */
	int64_t auth_at;    /* when they last proved who they are */
	uint32_t factors;   /* with what, enum auth_factor */
	int64_t seen_at;
	char name[AUTH_SESSION_NAME + 1]; /* what the client calls itself */
	char agent[AUTH_AGENT_MAX + 1];
	char address[AUTH_ADDRESS_MAX + 1];
	/* Told with the answer to what has just made it; not in the database. */
	char refresh[AUTH_REFRESH_TEXT + 1];
};
/* The user's one that was unused longest makes room where there are
 * AUTH_SESSIONS_LIVE. */
int auth_session_insert(struct nx_db *db, const struct auth_session *s);
/* 1 when the session is there, unexpired, and its user too and not disabled; 0 if
 * not; or -errno. */
int auth_session_find(struct nx_db *db, const uint8_t id[NX_SESSION_LEN],
    int64_t now, struct auth_user *ret_user, struct auth_session *ret_session);
/* 1 when the session of this user is there, unexpired, and the user too and not
 * disabled; 0 if not; or -errno. *ret_session may be NULL. */
int auth_session_check(struct nx_db *db, const uint8_t id[NX_SESSION_LEN],
    uint64_t user_id, int64_t now, struct auth_user *ret_user,
    struct auth_session *ret_session);
/* Those that live, the newest first, from the @after-th on. Number or -errno. */
int auth_session_rows(struct nx_db *db, uint64_t user_id, int64_t now,
    uint64_t after, struct auth_session *ret_sessions, size_t max);
/* 1 when it was there. */
int auth_session_rename(struct nx_db *db, const uint8_t id[NX_SESSION_LEN],
    uint64_t user_id, const char *name);
int auth_session_seen(struct nx_db *db, const uint8_t id[NX_SESSION_LEN],
    const char *address, int64_t now);
/* They have proved again who they are. */
int auth_session_again(struct nx_db *db, const uint8_t id[NX_SESSION_LEN],
    uint32_t factors, int64_t now);
/* 1 when it was there. */
int auth_session_delete(
    struct nx_db *db, const uint8_t id[NX_SESSION_LEN], uint64_t user_id);
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
