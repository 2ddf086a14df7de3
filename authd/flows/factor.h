/*
 * What may follow the password, and how an account's user changes it. A user's
 * policy (auth_user.factors) says which of them complete a login: at first the
 * mail alone; what is set up is added to it, and what the user wants no more,
 * mail among it, taken out, as long as a way in is left.
 */
#ifndef AUTHD_FACTOR_H
#define AUTHD_FACTOR_H

#include "authd/flows/caller.h"
#include "authd/flows/mail.h"

/* Of an account, within five minutes, whoever sends them: more are not looked
 * at. Of a million codes three are right at a time. */
#define AUTH_TOTP_WRONG  20
#define AUTH_TOTP_WINDOW 300

#define AUTH_FACTORS_MAX 4

/*
 * In the transaction that has taken a try: is @code one of an app of @user_id, or
 * a recovery code, and does their policy take that? Then it is used up. 1 and
 * which it was, 0, or -errno.
 */
int auth_factor_try(struct authd *a, struct nx_db *db, uint64_t user_id,
    const char *code, uint32_t *ret_factor);
/* A mail that tells the user of it. One that cannot go is no reason to say that
 * nothing changed. */
void auth_factor_tell(
    struct authd *a, enum auth_mail_kind kind, const struct auth_user *user);
/* Could @code be one that auth_factor_try knows? */
bool auth_factor_form(const char *code);
/* Their words; the number of them. */
size_t
auth_factor_words(uint32_t factors, const char *ret_words[AUTH_FACTORS_MAX]);
bool
auth_factor_read(const char *const *words, size_t n, uint32_t *ret_factors);

/* --- changes ----------------------------------------------------------------*/

enum auth_change_outcome {
	AUTH_CHANGED = 0,
	AUTH_CHANGE_LAST,    /* no way in would be left */
	AUTH_CHANGE_NOT_SET, /* what is not set up cannot be asked for */
	AUTH_CHANGE_IN_USE,
	AUTH_CHANGE_NONE, /* nothing was begun, or is there */
	AUTH_CHANGE_WRONG,
	AUTH_CHANGE_MANY,
	AUTH_CHANGE_THERE,
	AUTH_CHANGE_NAME,
	AUTH_CHANGE_UNPROVEN,
};

/* One change to what proves who somebody is: the row, the audit and the policy in
 * one transaction, a mail after it. */
struct auth_change {
	struct authd *a;
	struct nx_request *r;
	const struct auth_change_kind *kind;
	struct auth_caller caller; /* user: as it is now, inside write */
	char client[AUTH_ADDRESS_MAX + 1];
	char detail[AUTH_SESSION_NAME + 1]; /* for the audit */
	union {
		struct {
			uint8_t secret[AUTH_TOTP_SECRET];
			struct auth_totp row;
			char code[AUTH_CODE_LEN + 1];
		} totp;
		uint32_t factors;
		struct {
			char mark[AUTH_PASSKEY_MARK + 1];
			char name[AUTH_PASSKEY_NAME + 1];
		} passkey;
		void *other; /* freed with the change */
	};
	/* recovery codes that were made with it */
	bool made_codes;
	char codes[AUTH_RECOVERY_COUNT][AUTH_RECOVERY_TEXT + 1];
	uint8_t hashes[AUTH_RECOVERY_COUNT][AUTH_SECRET_HASH_LEN];
};

struct auth_change_kind {
	const char *event; /* NULL: nothing to tell of yet */
	/* AUTH_CHANGED, another outcome, or -errno; may run twice. */
	int (*write)(struct nx_db *db, struct auth_change *c);
	void (*answer)(struct auth_change *c);
	void (*free)(struct auth_change *c); /* or NULL */
};

/* A change by who shows @token and has just proved who they are; NULL: refused. */
struct auth_change *auth_change_new(struct authd *a, struct nx_request *r,
    const char *token, const char *client, const struct auth_change_kind *kind);
/* Consumes it: writes, answers, tells. */
void auth_change_write(struct auth_change *c);
/* Consumes it and refuses. */
void auth_change_refuse(struct auth_change *c, enum auth_change_outcome why);
/* Makes recovery codes with it, to be put where there are none. */
void auth_change_make_codes(struct auth_change *c);
/* Answers with those that were put. */
void auth_change_answer_codes(struct auth_change *c);
/* Inside write: the policy becomes @factors, unless no way in would be left. */
int
auth_change_policy(struct nx_db *db, struct auth_change *c, uint32_t factors);

#endif
