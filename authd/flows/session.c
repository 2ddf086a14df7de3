/*
 * Tokens in, tickets out: what gatewayd asks per token and minute, and the
 * keys storaged and nodemgr hand over for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/audit.h"
#include "authd/flows/caller.h"
#include "authd/flows/flows.h"
#include "authd/flows/grant.h"
#include "authd/state.h"
#include "authd/flows/notice.h"
#include "authd/store/store.h"
#include "common/err.h"
#include "common/log.h"
#include "proto/serve_authd.h"

#define USED_EVERY 60 /* seconds between two notes that it is used */

struct use {
	struct authd *a;
	uint8_t id[NX_SESSION_LEN];
	char client[AUTH_ADDRESS_MAX + 1];
};

static int
write_use(struct nx_db *db, void *arg)
{
	struct use *u = arg;

	return auth_session_seen(db, u->id, u->client, auth_now(u->a));
}

static void
on_use(int result, void *arg)
{
	(void)result;
	free(arg);
}

/* For its user to see. Nobody waits for it, and it is no great loss. */
static void
note_use(struct authd *a, const struct auth_session *s, const char *client)
{
	int64_t since = auth_now(a) - s->seen_at;
	struct use *u;

	if (*client == '\0' || (since >= 0 && since < USED_EVERY))
		return;
	u = calloc(1, sizeof(*u));
	if (!u)
		return;
	u->a = a;
	memcpy(u->id, s->id, sizeof(u->id));
	(void)snprintf(u->client, sizeof(u->client), "%s", client);
	nx_db_write_behind(a->db, write_use, on_use, u);
}

/*
 * Gives the gateway what lets it act for this user for a minute. Safe to
 * grant: it needs a token signed here, of a session that has not ended, of a
 * user who is neither disabled nor deleted, and the gateway learns no key.
 */
void
serve_auth_check_token(
    struct nx_request *r, const Nx__TokenRequest *q, struct authd *a)
{
	struct auth_caller c;
	struct auth_grant g = {
	    .user = &c.user, .session = c.session.id, .rights = NX_RIGHT_ALL};

	if (!auth_caller(a, r, q->token, 0, &c))
		return;
	g.expires = c.session.expires_at;
	note_use(a, &c.session, q->client);
	auth_grant_answer(a, r, &g);
}

/* --- logout -----------------------------------------------------------------*/

struct logout {
	struct authd *a;
	struct nx_request *r;
	struct auth_caller caller;
	int64_t notice;
};

static int
write_logout(struct nx_db *db, void *arg)
{
	struct logout *l = arg;
	const struct auth_session *s = &l->caller.session;
	struct auth_event e = {.event = "logout",
	    .actor = "user",
	    .user_id = s->user_id,
	    .username = l->caller.user.username,
	    .session = s->id};
	int r = auth_session_delete(db, s->id, s->user_id);

	if (r >= 0)
		r = auth_audit(l->a, db, &e);
	return r < 0 ? r
		     : auth_notice_put(db, AUTH_NOTICE_REVOKE, s->user_id,
			   s->id, auth_now(l->a), &l->notice);
}

static void
on_logout(int result, void *arg)
{
	struct logout *l = arg;

	if (result < 0) {
		nx_refuse_errno(l->r, result, "The session could not be ended");
	} else {
		auth_notice_pump(l->a);
		auth_notice_answer(l->a, l->r, l->notice, NULL);
	}
	free(l);
}

/* Safe to grant: it ends only the session of the token it is given. */
void
serve_auth_logout(
    struct nx_request *r, const Nx__TokenRequest *q, struct authd *a)
{
	struct auth_caller caller;
	struct logout *l;

	if (!auth_caller(a, r, q->token, 0, &caller))
		return;
	l = calloc(1, sizeof(*l));
	if (!l) {
		nx_refuse(r, NX__STATUS__UNAVAILABLE,
		    "Memory is short; try again in a few seconds.");
		return;
	}
	*l = (struct logout){.a = a, .r = r, .caller = caller};
	nx_db_write(l->a->db, write_logout, on_logout, l);
}

/* --- keys -------------------------------------------------------------------*/

/*
 * From now on tickets for the caller are sealed with this key. Safe to grant:
 * the role is nexusd's word, and a key is only ever used for its giver, who
 * can lie to nobody but itself.
 */
void
serve_auth_ticket_key(
    struct nx_request *r, const Nx__TicketKey *q, struct authd *a)
{
	struct nx_ticket_key *key = &a->ticket_keys[r->role];

	/* No other role may call this: proto/auth.proto. */
	nx_assert(r->role == NX_ROLE_STORAGE || r->role == NX_ROLE_NODE);
	if (q->epoch == 0 || q->key.len != NX_TICKET_KEY_LEN) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "A ticket key has 32 bytes and an epoch above 0.");
		return;
	}
	key->epoch = q->epoch;
	memcpy(key->key, q->key.data, NX_TICKET_KEY_LEN);
	nx_answer_auth_ticket_key(r);
	/* Whoever gives a key has just come, or come back. */
	auth_notice_pump(a);
}

void
auth_on_peer(struct nx_peer *peer, bool up, void *ctx)
{
	struct authd *a = ctx;

	if (!up)
		sodium_memzero(&a->ticket_keys[peer->role],
		    sizeof(a->ticket_keys[peer->role]));
}
