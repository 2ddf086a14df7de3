/*
 * A session is carried on: its refresh token is taken, and another one given with
 * a token. Each is good once. Who did not hear the answer, or asks twice at the
 * same time, may show it again for some seconds (refresh_window); after that it
 * is in two hands, and nobody can say whose the session is: it ends, and its user
 * is told.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/audit.h"
#include "authd/flows/factor.h"
#include "authd/flows/flow.h"
#include "authd/flows/flows.h"
#include "authd/flows/signin.h"
#include "common/err.h"
#include "common/log.h"
#include "proto/serve_authd.h"

#define ENDED "The session has ended; log in again."
#define REUSED                                                           \
	"This refresh token was used before, so that somebody else may " \
	"have it: the session was ended. Log in again."

enum outcome { CARRIED_ON, GONE, TWICE };

struct refresh {
	struct authd *a;
	struct nx_request *r;
	struct auth_refresh_id id;
	char client[AUTH_ADDRESS_MAX + 1];
	enum outcome outcome;
	struct auth_user user;
	struct auth_session session;
	int64_t notice;
};

/* Whoever shows it, the other hand has what the session is worth. */
static int
end_family(struct nx_db *db, struct refresh *f)
{
	const struct auth_event e = {.event = "refresh-token-reused",
	    .actor = "user",
	    .user_id = f->user.id,
	    .username = f->user.username,
	    .client = f->client,
	    .session = f->session.id,
	    .result = "refused",
	    .detail = "the session was ended"};
	int r = auth_session_delete(db, f->session.id, f->user.id);

	f->outcome = TWICE;
	if (r >= 0)
		r = auth_notice_put(db, AUTH_NOTICE_REVOKE, f->user.id,
		    f->session.id, auth_now(f->a), &f->notice);
	return r < 0 ? r : auth_audit(f->a, db, &e);
}

static int
write_refresh(struct nx_db *db, void *arg)
{
	struct refresh *f = arg;
	uint64_t window = f->a->conf->refresh_window * 1000000;
	int r = auth_session_find(
	    db, f->id.session, auth_now(f->a), &f->user, &f->session);

	f->outcome = GONE;
	if (r <= 0)
		return r;
	r = auth_refresh_use(db, &f->id, f->a->clock.wall_us(), window);
	if (r <= 0)
		return r < 0 ? r : end_family(db, f);
	f->outcome = CARRIED_ON;
	r = auth_signin_carry_on(f->a, db, &f->session);
	if (r == 0 && f->client[0])
		r = auth_session_seen(
		    db, f->session.id, f->client, auth_now(f->a));
	return r;
}

static void
refuse(struct refresh *f)
{
	if (f->outcome == TWICE) {
		nx_warn("event=refresh-token-reused user=%" PRIu64, f->user.id);
		auth_notice_pump(f->a);
		auth_factor_tell(f->a, AUTH_MAIL_REUSED, &f->user);
	}
	nx_refuse(f->r, NX__STATUS__UNAUTHENTICATED, "%s",
	    f->outcome == TWICE ? REUSED : ENDED);
}

static void
on_written(int result, void *arg)
{
	struct refresh *f = arg;

	if (result < 0)
		nx_refuse_errno(
		    f->r, result, "The session could not be carried on");
	else if (f->outcome == CARRIED_ON)
		auth_signin_answer_again(f->a, f->r, &f->user, &f->session);
	else
		refuse(f);
	sodium_memzero(f, sizeof(*f));
	free(f);
}

static void
refuse_form(struct nx_request *r, const char *text)
{
	if (strncmp(text, AUTH_KEY_BEGINS, strlen(AUTH_KEY_BEGINS)) == 0)
		nx_refuse(r, NX__STATUS__DENIED,
		    "An access key opens no session: it is shown with each "
		    "request, as it is.");
	else
		nx_refuse(r, NX__STATUS__UNAUTHENTICATED,
		    "This is not a refresh token of this server: send the "
		    "refresh_token that the login gave, or log in.");
}

/* Safe to grant to strangers: it needs a token that was made here for a session
 * that lives, and without one the database is not asked. */
void
serve_auth_refresh(
    struct nx_request *r, const Nx__RefreshRequest *q, struct authd *a)
{
	struct auth_refresh_id id;
	struct refresh *f;

	if (!auth_refresh_read(a->keys.pepper, q->refresh_token, &id)) {
		refuse_form(r, q->refresh_token);
		return;
	}
	f = calloc(1, sizeof(*f));
	if (!f) {
		nx_refuse(r, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
		return;
	}
	f->a = a;
	f->r = r;
	f->id = id;
	(void)snprintf(f->client, sizeof(f->client), "%s", q->client);
	nx_db_write(a->db, write_refresh, on_written, f);
}
