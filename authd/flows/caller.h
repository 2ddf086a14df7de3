/*
 * Who asks for something about their own account, or as an administrator. The
 * gateway passes on the token its client showed; authd looks at it itself, so that
 * a captured gateway acts only for those who come by, and needs no ticket here.
 */
#ifndef AUTHD_CALLER_H
#define AUTHD_CALLER_H

#include <stdbool.h>

#include "authd/state.h"
#include "authd/store/store.h"

enum auth_need {
	AUTH_NEED_FRESH = 1 << 0, /* signed in a few minutes ago */
	AUTH_NEED_ADMIN = 1 << 1, /* an administrator's account, or nexusctl */
};

struct auth_caller {
	bool operator; /* nexusctl, for whom the kernel vouched: no account */
	struct auth_user user;
	struct auth_session session;
};

/*
 * Takes @token for one of a session that lives; an access key is none. False:
 * @r has been refused: UNAUTHENTICATED, REAUTH where @needs freshness, NOT_FOUND
 * where it needs an administrator, for nobody else is told what there is.
 */
bool auth_caller(struct authd *a, struct nx_request *r, const char *token,
    unsigned needs, struct auth_caller *ret_caller);
/* Whose keys or sessions it is about: the caller's own, or whom an administrator
 * names. False: refused. */
bool auth_caller_owner(struct authd *a, struct nx_request *r,
    const struct auth_caller *c, const char *username,
    struct auth_user *ret_user);
/* "admin", or "user": who did it, for the audit. */
const char *auth_caller_actor(const struct auth_caller *c);

#endif
