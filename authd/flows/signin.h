/*
 * The end of every way to sign in: a session, a token, another to carry the
 * session on with, a mark for the device. By a code, a passkey, another provider, an invitation.
 */
#ifndef AUTHD_SIGNIN_H
#define AUTHD_SIGNIN_H

#include "authd/state.h"
#include "authd/store/store.h"

/* What is known of who signs in, beside the account. */
struct auth_signin {
	const char *event; /* "login", "registered"... for the audit */
	uint32_t factors;  /* proved, enum auth_factor */
	char client[AUTH_ADDRESS_MAX + 1];
	char name[AUTH_SESSION_NAME + 1]; /* what the client calls itself */
	char agent[AUTH_AGENT_MAX + 1];
};

/* Fills in texts, cut where they are too long; NULL: none. */
void auth_signin_fill(struct auth_signin *how, const char *client,
    const char *name, const char *agent);
/*
 * In a transaction that has proved who it is: opens the session. From then on the
 * client is known to the account and draws on other budgets. 0 or -errno.
 */
int auth_signin_write(struct authd *a, struct nx_db *db,
    const struct auth_user *user, const struct auth_signin *how,
    struct auth_session *ret_session);
/* In a transaction: another refresh token of it. 0 or -errno. */
int auth_signin_carry_on(
    struct authd *a, struct nx_db *db, struct auth_session *session);
/* After its commit: answers @r, of a method that gives a VerifyReply. */
void auth_signin_answer(struct authd *a, struct nx_request *r,
    const struct auth_user *user, const struct auth_session *session);
/* The same for a session that was there: without another mark for the device, for
 * each has a budget of its own. */
void auth_signin_answer_again(struct authd *a, struct nx_request *r,
    const struct auth_user *user, const struct auth_session *session);
/* Seconds a token is good, if its session is. */
int64_t auth_token_life(const struct authd *a);

#endif
