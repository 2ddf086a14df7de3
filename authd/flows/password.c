/*
 * Who is signed in shows their password once more: to choose another one, or to
 * prove before a change that it is still they. It is paid for as at a login, from
 * the same budgets, so that a stolen token is no way to guess.
 *
 *	begin		who asks, out of which budget
 *	on_verified	the password was compared in a worker
 *	on_hashed	the new one, where there is one
 *	write		nothing has changed since; then it is
 *	answer		those who gave the ended sessions tickets know
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/audit.h"
#include "authd/flows/caller.h"
#include "authd/flows/flow.h"
#include "authd/flows/flows.h"
#include "authd/flows/limits.h"
#include "authd/flows/revoke.h"
#include "common/err.h"
#include "common/log.h"
#include "proto/serve_authd.h"

struct proof {
	struct authd *a;
	struct nx_request *r;
	struct auth_caller caller;
	struct auth_charges charges;
	struct auth_pw pw, new;
	char *new_password; /* NULL: only proved */
	char client[AUTH_ADDRESS_MAX + 1];
	int64_t notice;
};

static void
proof_free(struct proof *p)
{
	if (p->new_password)
		sodium_memzero(p->new_password, strlen(p->new_password));
	free(p->new_password);
	sodium_memzero(p, sizeof(*p));
	free(p);
}

static void
refuse(struct proof *p, Nx__Status status, const char *sentence)
{
	nx_refuse(p->r, status, "%s", sentence);
	proof_free(p);
}

/* --- inside the transaction -------------------------------------------------*/

static int
tell(struct nx_db *db, struct proof *p, const char *event, const char *result)
{
	struct auth_event e = {.event = event,
	    .actor = "user",
	    .user_id = p->caller.user.id,
	    .username = p->caller.user.username,
	    .client = p->client,
	    .session = p->caller.session.id,
	    .result = result};

	return auth_audit(p->a, db, &e);
}

/* 1: the account or the password is not what it was. */
static int
still_there(struct nx_db *db, const struct proof *p)
{
	struct auth_user now;
	int r = auth_user_by_id(db, p->caller.user.id, &now);

	if (r < 0)
		return r;
	return r == 0 || now.disabled ||
	    strcmp(now.password, p->caller.user.password) != 0;
}

static int
write_again(struct nx_db *db, struct proof *p)
{
	int r = auth_session_again(db, p->caller.session.id,
	    p->caller.session.factors, auth_now(p->a));

	return r < 0 ? r : tell(db, p, "signed-in-again", NULL);
}

static int
write_new(struct nx_db *db, struct proof *p)
{
	const struct auth_user *user = &p->caller.user;
	int r =
	    auth_user_set_password(db, user->id, p->new.hash, auth_now(p->a));

	/* Neither a code nor a session of who knew the old one. */
	if (r == 0)
		r = auth_code_drop(db, AUTH_CODE_LOGIN, user->email);
	if (r == 0)
		r = auth_code_drop(db, AUTH_CODE_RESET, user->email);
	if (r == 0)
		r = auth_sessions_end(
		    p->a, db, user->id, p->caller.session.id, &p->notice);
	return r < 0 ? r : tell(db, p, "password-changed", NULL);
}

static int
write_proof(struct nx_db *db, void *arg)
{
	struct proof *p = arg;
	int r = still_there(db, p);

	p->notice = 0;
	if (r != 0)
		return r;
	return p->new_password ? write_new(db, p) : write_again(db, p);
}

/* --- after it ---------------------------------------------------------------*/

static void
on_written(int result, void *arg)
{
	struct proof *p = arg;

	if (result == 1) {
		refuse(p, NX__STATUS__CONFLICT,
		    "The account was changed meanwhile: sign in again.");
		return;
	}
	if (result < 0) {
		nx_refuse_errno(p->r, result, "It could not be stored");
		proof_free(p);
		return;
	}
	if (p->new_password) {
		nx_info(
		    "event=password-changed user=%" PRIu64, p->caller.user.id);
		(void)auth_mail_send(p->a, AUTH_MAIL_PASSWORD,
		    p->caller.user.email, "", NULL, NULL);
	}
	auth_notice_pump(p->a);
	if (p->notice)
		auth_notice_answer(p->a, p->r, p->notice, NULL);
	else
		nx_answer_account_reauth(p->r);
	proof_free(p);
}

static void
on_hashed(struct auth_pw *pw)
{
	struct proof *p = pw->arg;

	if (pw->result != 1)
		refuse(p, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
	else
		nx_db_write(p->a->db, write_proof, on_written, p);
}

static void
wrong(struct proof *p)
{
	struct auth_event e = {.event = "password-tried",
	    .actor = "user",
	    .user_id = p->caller.user.id,
	    .username = p->caller.user.username,
	    .client = p->client,
	    .session = p->caller.session.id,
	    .result = "refused"};

	auth_audit_alone(p->a, &e);
	refuse(p, NX__STATUS__DENIED, AUTH_NOT_YOURS);
}

static void
on_verified(struct auth_pw *pw)
{
	struct proof *p = pw->arg;

	if (pw->result != 0)
		auth_limit_refund(p->a, &p->charges);
	if (pw->result < 0)
		refuse(p, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
	else if (pw->result == 0)
		wrong(p);
	else if (!p->new_password)
		nx_db_write(p->a->db, write_proof, on_written, p);
	else if (auth_pw_hash(p->a->workers, &p->new, p->new_password) < 0)
		refuse(p, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
}

/* --- asking -----------------------------------------------------------------*/

/* 0, or the seconds to wait. As at a login. */
static uint64_t
pay(struct proof *p, const char *client, const char *device)
{
	const struct auth_user *user = &p->caller.user;
	uint8_t id[AUTH_DEVICE_ID_LEN], hash[AUTH_CLIENT_HASH_LEN];

	if (auth_device_check(p->a->keys.pepper, user->id, device, id))
		return auth_limit_device(p->a, &p->charges, id);
	auth_client_hash(p->a, client, hash);
	return auth_limit_login(p->a, &p->charges, client, user->username,
	    auth_known_has(p->a->db, user->id, hash) == 1);
}

static struct proof *
proof_new(struct authd *a, struct nx_request *r, const char *token,
    const char *client, const char *device)
{
	struct proof *p = calloc(1, sizeof(*p));
	uint64_t wait;

	if (!p) {
		nx_refuse(r, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
		return NULL;
	}
	p->a = a;
	p->r = r;
	p->pw.done = on_verified;
	p->new.done = on_hashed;
	p->pw.arg = p->new.arg = p;
	(void)snprintf(p->client, sizeof(p->client), "%s", client);
	if (!auth_caller(a, r, token, 0, &p->caller)) {
		proof_free(p);
		return NULL;
	}
	wait = pay(p, client, device);
	if (wait == 0)
		return p;
	auth_refuse_wait(r, wait);
	proof_free(p);
	return NULL;
}

static void
begin(struct proof *p, const char *password)
{
	memcpy(p->pw.hash, p->caller.user.password, sizeof(p->pw.hash));
	if (auth_pw_verify(p->a->workers, &p->pw, password) == 0)
		return;
	auth_limit_refund(p->a, &p->charges);
	refuse(p, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
}

/* Safe to grant: it takes the token and the password both, and ends every session
 * but the one it was asked in. */
void
serve_account_change_password(
    struct nx_request *r, const Nx__ChangePasswordRequest *q, struct authd *a)
{
	struct proof *p = proof_new(a, r, q->token, q->client, q->device);
	const char *bad;

	if (!p)
		return;
	bad = auth_rule_password(
	    q->new_password, p->caller.user.username, p->caller.user.email);
	if (!bad && strcmp(q->old_password, q->new_password) == 0)
		bad = "The new password is the old one: choose another.";
	p->new_password = strdup(q->new_password);
	if (!bad && p->new_password) {
		begin(p, q->old_password);
		return;
	}
	auth_limit_refund(a, &p->charges);
	if (bad)
		refuse(p, NX__STATUS__INVALID, bad);
	else
		refuse(p, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
}

/* Safe to grant: it takes the token and the password both. */
void
serve_account_reauth(
    struct nx_request *r, const Nx__ReauthRequest *q, struct authd *a)
{
	struct proof *p = proof_new(a, r, q->token, q->client, q->device);

	if (p)
		begin(p, q->password);
}
