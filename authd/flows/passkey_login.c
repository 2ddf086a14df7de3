/*
 * A whole login with a passkey: its authenticator has verified the user, by finger
 * or PIN, so neither password nor code is asked for. Who it is, the passkey says.
 *
 * A passkey that nobody has is verified against a key that nobody has, so that it
 * takes as long and is refused in the same words as one that signed wrongly. There
 * is nothing to guess, so no budget that others could use up is in its way.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/audit.h"
#include "authd/flows/factor.h"
#include "authd/flows/flow.h"
#include "authd/flows/passkey.h"
#include "authd/flows/signin.h"
#include "common/err.h"
#include "common/log.h"
#include "proto/serve_authd.h"

enum { WRONG = 1, DISABLED }; /* outcomes beside 0 and -errno */

struct passkey_login {
	struct authd *a;
	struct nx_request *r;
	struct auth_passkey passkey; /* with the counter and flags it showed */
	struct auth_signin how;
	struct auth_user user;
	struct auth_session session;
	bool copied;
};

/* The generator of P-256, whose private half, 1, signs nothing that is asked. */
static const struct auth_passkey_key nobodys = {
    .alg = -7,
    .len = 64,
    .public = {0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6,
	0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33,
	0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42,
	0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e,
	0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40,
	0x68, 0x37, 0xbf, 0x51, 0xf5},
};

/* A counter that does not grow: there are two of this passkey, and who knows which
 * one this is. It is refused, which is kept, and its user told. */
static int
note_copy(struct nx_db *db, struct passkey_login *l)
{
	const struct auth_event e = {.event = "passkey-copied",
	    .actor = "user",
	    .user_id = l->user.id,
	    .username = l->user.username,
	    .client = l->how.client,
	    .result = "refused",
	    .detail = l->passkey.mark};

	l->copied = true;
	return auth_audit(l->a, db, &e);
}

static int
write_login(struct nx_db *db, void *arg)
{
	struct passkey_login *l = arg;
	struct auth_passkey now;
	int r;

	l->copied = false;
	r = auth_passkey_find(
	    db, l->passkey.key.id, l->passkey.key.id_len, &now);

	if (r <= 0 || now.user_id != l->passkey.user_id)
		return r < 0 ? r : WRONG;
	r = auth_user_by_id(db, now.user_id, &l->user);
	if (r <= 0)
		return r < 0 ? r : WRONG;
	if (l->user.disabled)
		return DISABLED;
	if (auth_authdata_rolled_back(now.key.count, l->passkey.key.count))
		return note_copy(db, l);
	r = auth_passkey_used(db, &l->passkey, auth_now(l->a));
	return r < 0
	    ? r
	    : auth_signin_write(l->a, db, &l->user, &l->how, &l->session);
}

static void
on_written(int result, void *arg)
{
	struct passkey_login *l = arg;

	if (result == 0 && !l->copied) {
		nx_info("event=login by=passkey user=%" PRIu64, l->user.id);
		auth_signin_answer(l->a, l->r, &l->user, &l->session);
	} else if (result < 0) {
		nx_refuse_errno(l->r, result, "The login could not be stored");
	} else if (result == DISABLED) {
		nx_refuse(l->r, NX__STATUS__DENIED, "%s", AUTH_DISABLED);
	} else {
		nx_refuse(l->r, NX__STATUS__UNAUTHENTICATED, "%s",
		    AUTH_PASSKEY_WRONG);
	}
	if (result == 0 && l->copied)
		auth_factor_tell(l->a, AUTH_MAIL_COPIED, &l->user);
	sodium_memzero(l, sizeof(*l));
	free(l);
}

/* Whoever the passkey belongs to, it must be who it says. 1, 0 or -errno. */
static int
find(struct passkey_login *l, const Nx__PasskeyLoginRequest *q)
{
	int r = auth_passkey_find(l->a->db, q->id.data, q->id.len, &l->passkey);

	if (r <= 0)
		return r;
	r = auth_user_by_id(l->a->db, l->passkey.user_id, &l->user);
	if (r == 1 && q->handle.len != 0 &&
	    (q->handle.len != sizeof(l->user.handle) ||
		memcmp(q->handle.data, l->user.handle, q->handle.len) != 0))
		r = 0;
	return r;
}

/* 1: it is proved, 0: it is not, or -errno. */
static int
prove(struct passkey_login *l, const Nx__PasskeyLoginRequest *q)
{
	const struct auth_assertion assertion = {q->client_data.data,
	    q->auth_data.data, q->signature.data, q->client_data.len,
	    q->auth_data.len, q->signature.len};
	bool answers, is_signed;
	int known = find(l, q);

	answers = auth_passkey_answers(l->a, q->transaction, AUTH_PURPOSE_LOGIN,
	    0, q->client_data.data, q->client_data.len);
	is_signed = auth_authdata_assert(
	    known == 1 ? &l->passkey.key : &nobodys, &assertion,
	    l->a->conf->rp_id, &l->passkey.key.count, &l->passkey.key.flags);
	if (known < 0)
		return known;
	return known == 1 && answers && is_signed;
}

/* Safe to grant: it needs the signature of a key that only its user has. */
void
serve_passkey_login(
    struct nx_request *r, const Nx__PasskeyLoginRequest *q, struct authd *a)
{
	struct passkey_login *l = calloc(1, sizeof(*l));
	int proved;

	if (!l) {
		nx_refuse(r, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
		return;
	}
	l->a = a;
	l->r = r;
	l->how.event = "login";
	l->how.factors = AUTH_FACTOR_PASSKEY;
	auth_signin_fill(&l->how, q->client, q->name, q->agent);
	proved = prove(l, q);
	if (proved == 1) {
		nx_db_write(a->db, write_login, on_written, l);
		return;
	}
	if (proved < 0)
		nx_refuse_errno(r, proved, "The passkey could not be read");
	else
		nx_refuse(
		    r, NX__STATUS__UNAUTHENTICATED, "%s", AUTH_PASSKEY_WRONG);
	free(l);
}
