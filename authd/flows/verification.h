/*
 * A code is tried, and something follows when it is the right one: an account, a
 * session, another password. How it is tried is the same for all (verify.c); what
 * follows is an aim.
 */
#ifndef AUTHD_VERIFICATION_H
#define AUTHD_VERIFICATION_H

#include "authd/flows/limits.h"
#include "authd/flows/signin.h"
#include "authd/state.h"
#include "authd/store/store.h"

enum auth_outcome { AUTH_WRONG, AUTH_RIGHT, AUTH_NAME_TAKEN, AUTH_IS_DISABLED };

struct auth_verification;

struct auth_aim {
	enum auth_code_kind kind;
	const char *event; /* for the audit */
	/*
	 * In the transaction, with the right @code, which is used up by then: 0
	 * and v->outcome, or -errno. May run twice.
	 */
	int (*accept)(struct nx_db *db, struct auth_verification *v,
	    const struct auth_code *code);
	/* It is on disk, and outcome was AUTH_RIGHT. */
	void (*answer)(struct auth_verification *v);
};

struct auth_verification {
	const struct auth_aim *aim;
	struct authd *a;
	struct nx_request *r;
	uint64_t came_us; /* CLOCK_MONOTONIC */
	struct auth_charges charges;
	char email[256];
	char code[AUTH_RECOVERY_TEXT + 8]; /* of any factor */
	struct auth_trier who;
	struct auth_signin how;
	int result; /* of the transaction: 0 or -errno; then */
	enum auth_outcome outcome;
	struct auth_user user;
	struct auth_session session;
	int64_t notice;    /* of sessions that ended with it; 0: none */
	struct auth_pw pw; /* a new password, where one is set */
};

struct auth_try {
	const char *email, *code, *client, *transaction;
	const char *name, *agent; /* of a session; NULL: none */
};

/*
 * Somebody tries a code: NULL when it has been refused, for its form or for want
 * of a try; else go on with auth_verification_write().
 */
struct auth_verification *auth_verification_new(struct authd *a,
    struct nx_request *r, const struct auth_aim *aim, const struct auth_try *q);
/* Compares it, and answers. @v is no longer the caller's. */
void auth_verification_write(struct auth_verification *v);
/* Gives it up, unanswered; what was paid is given back. */
void auth_verification_drop(struct auth_verification *v);

#endif
