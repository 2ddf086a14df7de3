/* See caller.h. */
#include <inttypes.h>
#include <string.h>

#include "authd/flows/caller.h"
#include "common/err.h"

static const char *const sentences[AUTH_TOKEN_RESULTS] = {
    [AUTH_TOKEN_MALFORMED] = "This is not a token of this server; log in.",
    [AUTH_TOKEN_FORGED] = "The token is not valid here; log in again.",
    [AUTH_TOKEN_FOREIGN] = "The token is not meant for this; log in again.",
    [AUTH_TOKEN_EXPIRED] = "The token has expired; log in again.",
    [AUTH_TOKEN_EARLY] = "The token is not valid yet: the server's clock was "
			 "set back. Log in again.",
};

static bool
find(struct authd *a, struct nx_request *r, const char *token,
    struct auth_caller *c)
{
	struct auth_claims claims;
	enum auth_token_result result = auth_token_cache_check(
	    a->tokens, &a->keys.ring, token, auth_now(a), &claims);
	int known;

	if (result != AUTH_TOKEN_OK) {
		nx_refuse(
		    r, NX__STATUS__UNAUTHENTICATED, "%s", sentences[result]);
		return false;
	}
	known = auth_session_check(a->db, claims.session, claims.user_id,
	    auth_now(a), &c->user, &c->session);
	if (known < 0)
		nx_refuse_errno(r, known, "The session could not be read");
	else if (known == 0)
		nx_refuse(r, NX__STATUS__UNAUTHENTICATED,
		    "The session has ended; log in again.");
	if (known == 1 && claims.expires < c->session.expires_at)
		c->session.expires_at = claims.expires;
	return known == 1;
}

/* A clock that went back makes nobody fresh for longer. */
static bool
is_fresh(const struct authd *a, const struct auth_caller *c)
{
	int64_t since = auth_now(a) - c->session.auth_at;

	return since >= 0 && since <= (int64_t)a->conf->reauth_minutes * 60;
}

static bool
has_what_is_needed(const struct authd *a, struct nx_request *r, unsigned needs,
    const struct auth_caller *c)
{
	if ((needs & AUTH_NEED_ADMIN) && c->user.role != AUTH_ROLE_ADMIN) {
		nx_refuse(r, NX__STATUS__NOT_FOUND, "There is nothing here.");
		return false;
	}
	if ((needs & AUTH_NEED_FRESH) && !is_fresh(a, c)) {
		nx_refuse(r, NX__STATUS__REAUTH,
		    "You signed in more than %" PRIu64 " minutes ago: prove "
		    "again who you are (/auth/reauth), then ask again.",
		    a->conf->reauth_minutes);
		return false;
	}
	return true;
}

bool
auth_caller(struct authd *a, struct nx_request *r, const char *token,
    unsigned needs, struct auth_caller *ret_caller)
{
	*ret_caller = (struct auth_caller){0};
	if (r->role == NX_ROLE_ADMIN && *token == '\0') {
		ret_caller->operator= true;
		return true;
	}
	if (strncmp(token, AUTH_KEY_BEGINS, strlen(AUTH_KEY_BEGINS)) == 0) {
		nx_refuse(r, NX__STATUS__DENIED,
		    "An access key cannot do this: sign in with your "
		    "password.");
		return false;
	}
	return find(a, r, token, ret_caller) &&
	    has_what_is_needed(a, r, needs, ret_caller);
}

const char *
auth_caller_actor(const struct auth_caller *c)
{
	return c->operator|| c->user.role == AUTH_ROLE_ADMIN ? "admin" : "user";
}

bool
auth_caller_owner(struct authd *a, struct nx_request *r,
    const struct auth_caller *c, const char *username,
    struct auth_user *ret_user)
{
	int found;

	if (*username == '\0' && !c->operator) {
		*ret_user = c->user;
		return true;
	}
	if (!c->operator&& c->user.role != AUTH_ROLE_ADMIN) {
		nx_refuse(r, NX__STATUS__NOT_FOUND, "There is nothing here.");
		return false;
	}
	found = auth_user_by_name(a->db, username, ret_user);
	if (found < 0)
		nx_refuse_errno(r, found, "The users could not be read");
	else if (found == 0)
		nx_refuse(
		    r, NX__STATUS__NOT_FOUND, "There is no user of this name.");
	return found == 1;
}
