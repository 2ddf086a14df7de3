/*
 * Changes to what proves who somebody is; see factor.h. A change owns itself from
 * auth_change_write() to its answer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/audit.h"
#include "authd/flows/factor.h"
#include "common/err.h"
#include "common/log.h"
#include "proto/serve_authd.h"

static const struct {
	Nx__Status status;
	const char *sentence;
} refusals[] = {
    [AUTH_CHANGE_LAST] = {NX__STATUS__CONFLICT,
	"Nothing would be left to sign in with: add mail, an authenticator "
	"app or a passkey first."},
    [AUTH_CHANGE_NOT_SET] = {NX__STATUS__CONFLICT,
	"A factor must be set up before a login can ask for it: see "
	"/api/account/totp, /api/account/passkeys and "
	"/api/account/recovery."},
    [AUTH_CHANGE_IN_USE] = {NX__STATUS__CONFLICT,
	"An authenticator app is in use already: remove it first."},
    [AUTH_CHANGE_NONE] = {NX__STATUS__NOT_FOUND,
	"There is none: begin by setting one up."},
    [AUTH_CHANGE_WRONG] = {NX__STATUS__INVALID,
	"The code is not the app's. Look at its clock and at the server's, "
	"then type the code that it shows now."},
    [AUTH_CHANGE_MANY] = {NX__STATUS__CONFLICT,
	"There are 20 passkeys, the most there can be: remove one first."},
    [AUTH_CHANGE_THERE] = {NX__STATUS__CONFLICT,
	"This passkey is there already."},
    [AUTH_CHANGE_NAME] = {NX__STATUS__INVALID,
	"A passkey needs a name of 1 to 64 bytes, to know it by."},
    [AUTH_CHANGE_UNPROVEN] = {NX__STATUS__INVALID,
	"The passkey was not registered: begin anew, on a page of this "
	"server, with an authenticator that verifies you (PIN or finger)."},
};

static void
change_free(struct auth_change *c)
{
	if (c->kind->free)
		c->kind->free(c);
	sodium_memzero(c, sizeof(*c));
	free(c);
}

struct auth_change *
auth_change_new(struct authd *a, struct nx_request *r, const char *token,
    const char *client, const struct auth_change_kind *kind)
{
	struct auth_change *c = calloc(1, sizeof(*c));

	if (!c) {
		nx_refuse_errno(r, -ENOMEM, "changing how you sign in");
		return NULL;
	}
	c->a = a;
	c->r = r;
	c->kind = kind;
	(void)snprintf(c->client, sizeof(c->client), "%s", client);
	if (!auth_caller(a, r, token, AUTH_NEED_FRESH, &c->caller)) {
		free(c);
		return NULL;
	}
	return c;
}

void
auth_change_refuse(struct auth_change *c, enum auth_change_outcome why)
{
	nx_refuse(c->r, refusals[why].status, "%s", refusals[why].sentence);
	change_free(c);
}

int
auth_change_policy(struct nx_db *db, struct auth_change *c, uint32_t factors)
{
	const uint32_t ways =
	    AUTH_FACTOR_MAIL | AUTH_FACTOR_TOTP | AUTH_FACTOR_PASSKEY;
	int r;

	if (!(factors & ways))
		return AUTH_CHANGE_LAST;
	r = auth_user_set_factors(db, c->caller.user.id, factors);
	if (r == 0)
		c->caller.user.factors = factors;
	return r;
}

static int
write_change(struct nx_db *db, void *arg)
{
	struct auth_change *c = arg;
	struct auth_event e = {.event = c->kind->event,
	    .actor = "user",
	    .client = c->client,
	    .session = c->caller.session.id,
	    .detail = c->detail};
	int r = auth_user_by_id(db, c->caller.user.id, &c->caller.user);

	if (r <= 0)
		return r < 0 ? r : AUTH_CHANGE_NONE;
	c->made_codes = false;
	r = c->kind->write(db, c);
	if (r != AUTH_CHANGED || !c->kind->event)
		return r;
	e.user_id = c->caller.user.id;
	e.username = c->caller.user.username;
	return auth_audit(c->a, db, &e);
}

static void
nobody_waits(void *arg)
{
	(void)arg;
}

void
auth_factor_tell(
    struct authd *a, enum auth_mail_kind kind, const struct auth_user *user)
{
	if (auth_mail_send(a, kind, user->email, NULL, nobody_waits, NULL) < 0)
		nx_warn("event=mail-failed kind=%d", (int)kind);
}

static void
on_changed(int result, void *arg)
{
	struct auth_change *c = arg;

	if (result > 0) {
		auth_change_refuse(c, (enum auth_change_outcome)result);
		return;
	}
	if (result < 0) {
		nx_refuse_errno(c->r, result, "Nothing was changed");
	} else {
		c->kind->answer(c);
		if (c->kind->event)
			auth_factor_tell(
			    c->a, AUTH_MAIL_FACTORS, &c->caller.user);
	}
	change_free(c);
}

void
auth_change_write(struct auth_change *c)
{
	nx_db_write(c->a->db, write_change, on_changed, c);
}

void
auth_change_answer_codes(struct auth_change *c)
{
	Nx__RecoveryCodes reply = NX__RECOVERY_CODES__INIT;
	char *codes[AUTH_RECOVERY_COUNT];

	for (size_t i = 0; i < AUTH_RECOVERY_COUNT; i++)
		codes[i] = c->codes[i];
	reply.codes = codes;
	reply.n_codes = c->made_codes ? AUTH_RECOVERY_COUNT : 0;
	nx_answer(c->r, &reply.base, NULL, 0);
}
