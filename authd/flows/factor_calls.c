/*
 * Authenticator apps, recovery codes, and the policy: each handler reads what it
 * is given and names the change (factor.h). All are safe to grant: they act for
 * the account of the token alone, and change nothing unless its user has just
 * proved who they are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/factor.h"
#include "common/err.h"
#include "proto/serve_authd.h"

static void
answer_empty(struct auth_change *c)
{
	nx_answer(c->r, &nx_empty.base, NULL, 0);
}

/* --- an app -----------------------------------------------------------------*/

static int
write_begin(struct nx_db *db, struct auth_change *c)
{
	struct auth_totp old;
	int r = auth_totp_get(db, c->caller.user.id, &old);

	if (r < 0)
		return r;
	if (r == 1 && old.confirmed_at != 0)
		return AUTH_CHANGE_IN_USE;
	return auth_totp_put(db, c->caller.user.id, &c->totp.row);
}

static void
answer_begin(struct auth_change *c)
{
	Nx__TotpBeginReply reply = NX__TOTP_BEGIN_REPLY__INIT;
	char text[AUTH_TOTP_TEXT + 1], uri[AUTH_TOTP_URI];

	auth_totp_text(c->totp.secret, text);
	auth_totp_uri(c->totp.secret, c->caller.user.username, uri);
	reply.secret = text;
	reply.uri = uri;
	nx_answer_totp_begin(c->r, &reply);
	sodium_memzero(text, sizeof(text));
	sodium_memzero(uri, sizeof(uri));
}

/* Nothing is in use before a code of it was shown, so nothing is told yet. */
void
serve_totp_begin(struct nx_request *r, const Nx__FactorCall *q, struct authd *a)
{
	static const struct auth_change_kind kind = {
	    NULL, write_begin, answer_begin, NULL};
	struct auth_change *c =
	    auth_change_new(a, r, q->token, q->client, &kind);
	struct auth_seal_place place = {"totp", 0, NULL};

	if (!c)
		return;
	place.user_id = c->caller.user.id;
	randombytes_buf(c->totp.secret, sizeof(c->totp.secret));
	auth_seal(a->keys.seal, &place, c->totp.secret, sizeof(c->totp.secret),
	    c->totp.row.sealed);
	c->totp.row.created_at = auth_now(a);
	auth_change_write(c);
}

/* The step of a code that the user's secret makes around now; 0: none. */
static int64_t
step_of(struct auth_change *c, const struct auth_totp *t)
{
	const struct auth_seal_place place = {"totp", c->caller.user.id, NULL};
	int64_t step = 0;

	if (auth_unseal(c->a->keys.seal, &place, t->sealed, sizeof(t->sealed),
		c->totp.secret) < 0 ||
	    !auth_totp_match(
		c->totp.secret, c->totp.code, auth_now(c->a), 0, &step))
		step = 0;
	return step;
}

/* Recovery codes come with the first factor, or the loss of a phone would be the
 * loss of the account. */
static int
write_codes_if_none(struct nx_db *db, struct auth_change *c)
{
	int r = auth_recovery_count(db, c->caller.user.id);

	if (r != 0)
		return r < 0 ? r : 0;
	c->made_codes = true;
	return auth_recovery_put(
	    db, c->caller.user.id, c->hashes, AUTH_RECOVERY_COUNT);
}

static int
write_confirm(struct nx_db *db, struct auth_change *c)
{
	struct auth_totp t;
	int r = auth_totp_get(db, c->caller.user.id, &t);

	if (r <= 0)
		return r < 0 ? r : AUTH_CHANGE_NONE;
	if (t.confirmed_at != 0)
		return AUTH_CHANGE_IN_USE;
	t.step = step_of(c, &t);
	if (t.step == 0)
		return AUTH_CHANGE_WRONG;
	t.confirmed_at = auth_now(c->a);
	r = auth_totp_put(db, c->caller.user.id, &t);
	if (r == 0)
		r = write_codes_if_none(db, c);
	return r < 0 ? r
		     : auth_change_policy(db, c,
			   c->caller.user.factors | AUTH_FACTOR_TOTP |
			       AUTH_FACTOR_RECOVERY);
}

void
serve_totp_confirm(
    struct nx_request *r, const Nx__TotpConfirmRequest *q, struct authd *a)
{
	static const struct auth_change_kind kind = {
	    "totp-added", write_confirm, auth_change_answer_codes, NULL};
	struct auth_change *c =
	    auth_change_new(a, r, q->token, q->client, &kind);

	if (!c)
		return;
	if (auth_rule_code(q->code)) {
		auth_change_refuse(c, AUTH_CHANGE_WRONG);
		return;
	}
	(void)snprintf(c->totp.code, sizeof(c->totp.code), "%s", q->code);
	auth_change_make_codes(c);
	auth_change_write(c);
}

static int
write_remove(struct nx_db *db, struct auth_change *c)
{
	struct auth_totp t;
	int r = auth_totp_get(db, c->caller.user.id, &t);

	if (r <= 0)
		return r < 0 ? r : AUTH_CHANGE_NONE;
	r = auth_change_policy(
	    db, c, c->caller.user.factors & ~(uint32_t)AUTH_FACTOR_TOTP);
	return r ? r : auth_totp_delete(db, c->caller.user.id);
}

void
serve_totp_remove(
    struct nx_request *r, const Nx__FactorCall *q, struct authd *a)
{
	static const struct auth_change_kind kind = {
	    "totp-removed", write_remove, answer_empty, NULL};
	struct auth_change *c =
	    auth_change_new(a, r, q->token, q->client, &kind);

	if (c)
		auth_change_write(c);
}

/* --- recovery codes ---------------------------------------------------------*/

static int
write_recovery(struct nx_db *db, struct auth_change *c)
{
	int r = auth_recovery_put(
	    db, c->caller.user.id, c->hashes, AUTH_RECOVERY_COUNT);

	c->made_codes = true;
	return r < 0 ? r
		     : auth_change_policy(db, c,
			   c->caller.user.factors | AUTH_FACTOR_RECOVERY);
}

void
serve_recovery_make(
    struct nx_request *r, const Nx__FactorCall *q, struct authd *a)
{
	static const struct auth_change_kind kind = {
	    "recovery-made", write_recovery, auth_change_answer_codes, NULL};
	struct auth_change *c =
	    auth_change_new(a, r, q->token, q->client, &kind);

	if (!c)
		return;
	auth_change_make_codes(c);
	auth_change_write(c);
}

/* --- the policy -------------------------------------------------------------*/

/* What there is of each: whether an app, how many recovery codes. 0 or -errno. */
static int
read_state(struct nx_db *db, uint64_t user_id, Nx__FactorsReply *ret)
{
	struct auth_totp t = {0};
	int r = auth_totp_get(db, user_id, &t);

	if (r < 0)
		return r;
	ret->totp = r == 1 && t.confirmed_at != 0;
	r = auth_recovery_count(db, user_id);
	if (r < 0)
		return r;
	ret->recovery_left = (uint32_t)r;
	r = auth_passkey_count(db, user_id);
	if (r < 0)
		return r;
	ret->passkeys = (uint32_t)r;
	return 0;
}

static uint32_t
set_up(const Nx__FactorsReply *state)
{
	return AUTH_FACTOR_MAIL | (state->totp ? AUTH_FACTOR_TOTP : 0u) |
	    (state->passkeys > 0 ? AUTH_FACTOR_PASSKEY : 0u) |
	    (state->recovery_left > 0 ? AUTH_FACTOR_RECOVERY : 0u);
}

static void
answer_state(struct authd *a, struct nx_request *r, const struct auth_user *u)
{
	Nx__FactorsReply reply = NX__FACTORS_REPLY__INIT;
	const char *words[AUTH_FACTORS_MAX];
	int error = read_state(a->db, u->id, &reply);

	if (error < 0) {
		nx_refuse_errno(r, error, "The factors could not be read");
		return;
	}
	reply.n_factors = auth_factor_words(u->factors, words);
	reply.factors = (char **)(uintptr_t)words;
	nx_answer(r, &reply.base, NULL, 0);
}

static int
write_factors(struct nx_db *db, struct auth_change *c)
{
	Nx__FactorsReply state = NX__FACTORS_REPLY__INIT;
	int r = read_state(db, c->caller.user.id, &state);

	if (r < 0)
		return r;
	return (c->factors & ~set_up(&state))
	    ? AUTH_CHANGE_NOT_SET
	    : auth_change_policy(db, c, c->factors);
}

static void
answer_factors(struct auth_change *c)
{
	answer_state(c->a, c->r, &c->caller.user);
}

void
serve_account_set_factors(
    struct nx_request *r, const Nx__FactorsRequest *q, struct authd *a)
{
	static const struct auth_change_kind kind = {
	    "factors-changed", write_factors, answer_factors, NULL};
	struct auth_change *c =
	    auth_change_new(a, r, q->token, q->client, &kind);

	if (!c)
		return;
	if (auth_factor_read(
		(const char *const *)q->factors, q->n_factors, &c->factors)) {
		auth_change_write(c);
		return;
	}
	nx_refuse(r, NX__STATUS__INVALID,
	    "factors are a list of: mail, totp, passkey, recovery.");
	free(c);
}

void
serve_factor_state(
    struct nx_request *r, const Nx__FactorCall *q, struct authd *a)
{
	struct auth_caller caller;

	if (auth_caller(a, r, q->token, 0, &caller))
		answer_state(a, r, &caller.user);
}
