/* See signin.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "authd/flows/audit.h"
#include "authd/flows/limits.h"
#include "authd/flows/signin.h"
#include "common/err.h"
#include "common/fd.h"
#include "common/limits.h"
#include "common/log.h"
#include "proto/serve_authd.h"

static void
fill(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : "");
	nx_text_repair(to);
}

void
auth_signin_fill(struct auth_signin *how, const char *client, const char *name,
    const char *agent)
{
	fill(how->client, sizeof(how->client), client);
	fill(how->name, sizeof(how->name), name);
	fill(how->agent, sizeof(how->agent), agent);
}

static void
describe(struct auth_session *s, const struct auth_signin *how)
{
	memcpy(s->name, how->name, sizeof(s->name));
	memcpy(s->agent, how->agent, sizeof(s->agent));
	memcpy(s->address, how->client, sizeof(s->address));
}

int
auth_signin_write(struct authd *a, struct nx_db *db,
    const struct auth_user *user, const struct auth_signin *how,
    struct auth_session *ret_session)
{
	int64_t now = auth_now(a);
	struct auth_session s = {.user_id = user->id,
	    .created_at = now,
	    .expires_at = now + (int64_t)(a->conf->session_days * 86400),
	    .auth_at = now,
	    .seen_at = now,
	    .factors = how->factors};
	struct auth_event e = {.event = how->event,
	    .actor = "user",
	    .user_id = user->id,
	    .username = user->username,
	    .client = how->client,
	    .session = s.id};
	uint8_t client[AUTH_CLIENT_HASH_LEN];
	int r;

	nx_assert(user->id != 0 && how->event);
	randombytes_buf(s.id, sizeof(s.id));
	describe(&s, how);
	auth_client_hash(a, how->client, client);
	r = auth_session_insert(db, &s);
	if (r == 0)
		r = auth_known_put(db, user->id, client, now);
	if (r == 0)
		r = auth_user_signed_in(db, user->id, now);
	if (r == 0)
		r = auth_audit(a, db, &e);
	if (r == 0)
		r = auth_signin_carry_on(a, db, &s);
	*ret_session = s;
	return r;
}

int
auth_signin_carry_on(
    struct authd *a, struct nx_db *db, struct auth_session *session)
{
	struct auth_refresh_id id;

	auth_refresh_new(a->keys.pepper, session->id, &id, session->refresh);
	return auth_refresh_put(db, &id, a->clock.wall_us());
}

int64_t
auth_token_life(const struct authd *a)
{
	return (int64_t)(a->conf->token_minutes ? a->conf->token_minutes * 60
						: a->conf->token_hours * 3600);
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* No token outlives its session, nor the key that it is verified with. */
static int64_t
end_of(const struct authd *a, const struct auth_session *session,
    const struct auth_signing_key *key)
{
	int64_t end =
	    sooner(auth_now(a) + auth_token_life(a), session->expires_at);

	return key->row.drop_at ? sooner(end, key->row.drop_at) : end;
}

/* The session is on disk, so the token is good from its first use; if it cannot
 * be made, the session is one that nobody has and ends by itself. */
static void
answer(struct authd *a, struct nx_request *r, const struct auth_user *user,
    const struct auth_session *session, char *device)
{
	Nx__VerifyReply reply = NX__VERIFY_REPLY__INIT;
	nx_cleanup_free char *token = NULL;
	const struct auth_signing_key *key =
	    auth_keyring_signer(&a->keys.ring, auth_now(a));
	struct auth_claims claims = {.user_id = user->id,
	    .issued = auth_now(a),
	    .expires = end_of(a, session, key)};
	char id[2 * NX_SESSION_LEN + 1];

	nx_assert(user->id != 0 && session->user_id == user->id);
	memcpy(claims.session, session->id, sizeof(claims.session));
	if (auth_token_sign(key, &claims, &token) < 0) {
		nx_refuse(r, NX__STATUS__UNAVAILABLE,
		    "The token could not be made; log in again.");
		return;
	}
	reply.token = token;
	reply.username = (char *)(uintptr_t)user->username;
	reply.expires_at = (uint64_t)claims.expires;
	reply.device = device;
	reply.refresh_token = (char *)(uintptr_t)session->refresh;
	reply.refresh_expires_at = (uint64_t)session->expires_at;
	reply.session =
	    sodium_bin2hex(id, sizeof(id), session->id, sizeof(session->id));
	nx_answer(r, &reply.base, NULL, 0);
	sodium_memzero(token, strlen(token));
}

void
auth_signin_answer(struct authd *a, struct nx_request *r,
    const struct auth_user *user, const struct auth_session *session)
{
	char device[AUTH_DEVICE_LEN + 1];

	auth_device_new(a->keys.pepper, user->id, device);
	answer(a, r, user, session, device);
}

void
auth_signin_answer_again(struct authd *a, struct nx_request *r,
    const struct auth_user *user, const struct auth_session *session)
{
	char none[] = "";

	answer(a, r, user, session, none);
}
