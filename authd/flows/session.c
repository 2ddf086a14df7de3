/*
 * Tokens in, tickets out: what gatewayd asks per token and minute, and the
 * keys storaged and nodemgr hand over for it.
 */
#include <stdlib.h>
#include <string.h>

#include "authd/flows/flows.h"
#include "authd/state.h"
#include "authd/flows/notice.h"
#include "authd/store/store.h"
#include "common/err.h"
#include "common/log.h"
#include "proto/serve_authd.h"

static const char *const sentences[AUTH_TOKEN_RESULTS] = {
    [AUTH_TOKEN_MALFORMED] = "This is not a token of this server; log in.",
    [AUTH_TOKEN_FORGED] = "The token is not valid here; log in again.",
    [AUTH_TOKEN_FOREIGN] = "The token is not meant for this; log in again.",
    [AUTH_TOKEN_EXPIRED] = "The token has expired; log in again.",
    [AUTH_TOKEN_EARLY] = "The token is not valid yet: the server's clock was "
			 "set back. Log in again.",
};

/* Refuses what is not a token of a living session; else the user and claims. */
static bool
admit(struct authd *a, struct nx_request *r, const Nx__TokenRequest *q,
    struct auth_claims *ret_claims, struct auth_user *ret_user)
{
	enum auth_token_result result;
	int known;

	result = auth_token_cache_check(
	    a->tokens, &a->keys, q->token, auth_now(a), ret_claims);
	if (result != AUTH_TOKEN_OK) {
		nx_refuse(
		    r, NX__STATUS__UNAUTHENTICATED, "%s", sentences[result]);
		return false;
	}
	known = auth_session_check(a->db, ret_claims->session,
	    ret_claims->user_id, auth_now(a), ret_user);
	if (known < 0)
		nx_refuse_errno(r, known, "The session could not be read");
	else if (known == 0)
		nx_refuse(r, NX__STATUS__UNAUTHENTICATED,
		    "The session has ended; log in again.");
	return known == 1;
}

/* A daemon that is away has no key, and its users no ticket for it. */
static void
seal(struct authd *a, enum nx_role audience, const struct auth_claims *claims,
    uint64_t expiry_us, struct nx_ticket *t, ProtobufCBinaryData *ret_data)
{
	nx_assert(audience == NX_ROLE_STORAGE || audience == NX_ROLE_NODE);
	if (a->ticket_keys[audience].epoch == 0)
		return;
	*t = (struct nx_ticket){.audience = (uint32_t)audience,
	    .user_id = claims->user_id,
	    .expiry_us = expiry_us,
	    .rights = NX_RIGHT_ALL};
	memcpy(t->session, claims->session, sizeof(t->session));
	nx_ticket_seal(&a->ticket_keys[audience], t);
	*ret_data =
	    (ProtobufCBinaryData){nx_ticket_len((uint8_t *)t), (uint8_t *)t};
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
	Nx__CheckTokenReply reply = NX__CHECK_TOKEN_REPLY__INIT;
	struct nx_ticket storage, node;
	struct auth_claims claims;
	struct auth_user user;
	uint64_t left_us, expiry_us;

	if (!admit(a, r, q, &claims, &user))
		return;
	left_us = (uint64_t)(claims.expires - auth_now(a)) * 1000000;
	if (left_us > NX_TICKET_LIFE_US)
		left_us = NX_TICKET_LIFE_US;
	expiry_us = a->clock.mono_us() + left_us;
	reply.user_id = user.id;
	reply.username = user.username;
	reply.valid_until = expiry_us;
	seal(a, NX_ROLE_STORAGE, &claims, expiry_us, &storage,
	    &reply.storage_ticket);
	seal(a, NX_ROLE_NODE, &claims, expiry_us, &node, &reply.node_ticket);
	nx_answer_auth_check_token(r, &reply);
	sodium_memzero(&storage, sizeof(storage));
	sodium_memzero(&node, sizeof(node));
}

/* --- logout -----------------------------------------------------------------*/

struct logout {
	struct authd *a;
	struct nx_request *r;
	struct auth_claims claims;
	int64_t notice;
};

static int
write_logout(struct nx_db *db, void *arg)
{
	struct logout *l = arg;
	int r = auth_session_delete(db, l->claims.session, l->claims.user_id);

	return r < 0
	    ? r
	    : auth_notice_put(db, AUTH_NOTICE_REVOKE, l->claims.user_id,
		  l->claims.session, auth_now(l->a), &l->notice);
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
	struct auth_claims claims;
	struct auth_user user;
	struct logout *l;

	if (!admit(a, r, q, &claims, &user))
		return;
	l = calloc(1, sizeof(*l));
	if (!l) {
		nx_refuse(r, NX__STATUS__UNAVAILABLE,
		    "Memory is short; try again in a few seconds.");
		return;
	}
	*l = (struct logout){.a = a, .r = r, .claims = claims};
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
