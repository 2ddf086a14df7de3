/*
 * The second half of both: a code by mail becomes a session and a token. An
 * address without a code gets the same answer as a wrong code, after the same
 * work: a commit to disk takes milliseconds that could be seen, so there is one
 * in either case (auth_code_try). What is left of a difference, microseconds of
 * rows found or not, goes into the grid on which refusals leave.
 *
 *	new		the rules for what a code and an address look like
 *	admit		who tries, and out of which budget; refused here when
 *			that is empty, before any code is looked at
 *	write		one transaction: a try is spent, the code compared, and
 *			used up if it is right; the account and the session are
 *			made in it or not at all
 *	on_written	the outcome is on disk, or nothing is
 *	finish		the answer; for all that are not right it waits for the
 *			grid
 *
 * What follows a right code is its aim's (verification.h), of which two are
 * here: to open an account, and to sign in.
 *
 * The verification owns itself from auth_verification_write() to finish(); the request waits as
 * long, and may outlive the gateway that made it.
 */
#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/factor.h"
#include "authd/flows/flow.h"
#include "authd/flows/verification.h"
#include "common/err.h"
#include "common/id.h"
#include "common/log.h"
#include "proto/serve_authd.h"

/* A refusal leaves a multiple of this after its request came. */
#define GRID_US 10000

/* --- inside the transaction -------------------------------------------------*/

/* The code that @v knows, among those that wait: its index or -1. Every one is
 * compared, and one that nobody waits for too. */
static int
find_code(
    const struct auth_verification *v, const struct auth_code *codes, int n)
{
	static const struct auth_code none;
	const uint8_t *pepper = v->a->keys.pepper;
	int64_t now = auth_now(v->a);
	int i, found = -1;

	for (i = n - 1; i >= 0; i--)
		if (auth_otp_match(
			pepper, codes[i].txn, codes[i].mac, v->code) &&
		    auth_otp_live(
			codes[i].created_at, codes[i].expires_at, now))
			found = i;
	if (n == 0)
		(void)auth_otp_match(pepper, none.txn, none.mac, v->code);
	return found;
}

/* Where the code is not the mail's, it may be one of another factor: for those who
 * have begun the login, or come from where it was begun. Its row is then *ret_i,
 * else -1. 0 or -errno. */
static int
find_factor(struct nx_db *db, struct auth_verification *v,
    const struct auth_code *codes, int n, int *ret_i)
{
	int r = 0, i = 0;

	if (v->aim->kind != AUTH_CODE_LOGIN || v->who.standing == AUTH_STRANGER)
		return 0;
	for (; r == 0 && i < n; i++)
		if (auth_otp_live(codes[i].created_at, codes[i].expires_at,
			auth_now(v->a)))
			r = auth_factor_try(v->a, db, codes[i].user.id, v->code,
			    &v->how.factors);
	if (r == 1)
		*ret_i = i - 1;
	return r < 0 ? r : 0;
}

/* May run twice, when the commit failed with others: it sets all that it has
 * anything to do with, and only the last run counts. */
static int
write_verification(struct nx_db *db, void *arg)
{
	struct auth_code codes[AUTH_CODES_LIVE];
	struct auth_verification *v = arg;
	int n, i, r;

	v->outcome = AUTH_WRONG;
	v->notice = 0;
	n = auth_code_try(db, v->aim->kind, v->email, &v->who, codes);
	if (n < 0)
		return n;
	nx_assert(n <= AUTH_CODES_LIVE);
	v->how.factors = AUTH_FACTOR_MAIL;
	i = find_code(v, codes, n);
	if (i < 0) {
		r = find_factor(db, v, codes, n, &i);
		if (r < 0 || i < 0)
			return r;
	}
	/* Used up, whatever comes of it. */
	r = auth_code_drop(db, v->aim->kind, v->email);
	return r < 0 ? r : v->aim->accept(db, v, &codes[i]);
}

/* --- after it ---------------------------------------------------------------*/

static void
admitted(struct auth_verification *v)
{
	auth_limit_refund(v->a, &v->charges);
	v->aim->answer(v);
}

static void
refused(struct auth_verification *v)
{
	static const struct {
		Nx__Status status;
		const char *sentence;
	} refusals[] = {
	    [AUTH_WRONG] = {NX__STATUS__UNAUTHENTICATED, AUTH_WRONG_CODE},
	    [AUTH_NAME_TAKEN] = {NX__STATUS__EXISTS, AUTH_TAKEN},
	    [AUTH_IS_DISABLED] = {NX__STATUS__DENIED, AUTH_DISABLED},
	};

	nx_assert(v->result < 0 || v->outcome != AUTH_RIGHT);
	if (v->result < 0)
		nx_refuse_errno(
		    v->r, v->result, "The code could not be checked");
	else
		nx_refuse(v->r, refusals[v->outcome].status, "%s",
		    refusals[v->outcome].sentence);
}

static void
finish(evutil_socket_t fd, short what, void *arg)
{
	struct auth_verification *v = arg;

	(void)fd;
	(void)what;
	if (v->result == 0 && v->outcome == AUTH_RIGHT)
		admitted(v);
	else
		refused(v);
	sodium_memzero(v, sizeof(*v));
	free(v);
}

static void
on_written(int result, void *arg)
{
	struct auth_verification *v = arg;
	uint64_t took = nx_now_us() - v->came_us;
	struct timeval wait = {.tv_usec = (long)(GRID_US - took % GRID_US)};

	v->result = result;
	if ((result == 0 && v->outcome == AUTH_RIGHT) ||
	    event_base_once(v->a->base, -1, EV_TIMEOUT, finish, v, &wait) < 0)
		finish(-1, 0, v);
}

/*
 * Who is it that tries? Whoever began the login pays with its own few tries;
 * anybody else out of budgets, so that the owner's tries stay the owner's. 0, or
 * the answer has been given.
 */
static int
admit(struct auth_verification *v, const struct auth_try *q)
{
	uint64_t wait = 0;
	size_t len;
	int r;

	nx_assert(v->charges.n == 0);
	auth_client_hash(v->a, q->client, v->who.client);
	if (sodium_hex2bin(v->who.txn, sizeof(v->who.txn), q->transaction,
		strlen(q->transaction), NULL, &len, NULL) != 0 ||
	    len != sizeof(v->who.txn))
		memset(v->who.txn, 0, sizeof(v->who.txn));
	r = auth_code_standing(v->a->db, v->aim->kind, v->email, &v->who);
	if (r < 0) {
		nx_refuse_errno(v->r, r, "The code could not be checked");
		return r;
	}
	if (v->who.standing == AUTH_STRANGER)
		wait = auth_limit_guess(v->a, &v->charges, q->client, v->email);
	if (wait > 0)
		auth_refuse_wait(v->r, wait);
	return wait > 0 ? -EAGAIN : 0;
}

struct auth_verification *
auth_verification_new(struct authd *a, struct nx_request *r,
    const struct auth_aim *aim, const struct auth_try *q)
{
	const char *wrong = auth_rule_email(q->email);
	struct auth_verification *v;

	if (!wrong)
		wrong =
		    aim->kind == AUTH_CODE_LOGIN && auth_factor_form(q->code)
		    ? NULL
		    : auth_rule_code(q->code);
	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		return NULL;
	}
	v = calloc(1, sizeof(*v));
	if (!v) {
		nx_refuse(r, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
		return NULL;
	}
	v->a = a;
	v->r = r;
	v->aim = aim;
	v->came_us = nx_now_us();
	v->how.event = aim->event;
	v->how.factors = AUTH_FACTOR_MAIL;
	auth_signin_fill(&v->how, q->client, q->name, q->agent);
	snprintf(v->email, sizeof(v->email), "%s", q->email);
	snprintf(v->code, sizeof(v->code), "%s", q->code);
	if (admit(v, q) == 0)
		return v;
	free(v);
	return NULL;
}

void
auth_verification_write(struct auth_verification *v)
{
	nx_db_write(v->a->db, write_verification, on_written, v);
}

void
auth_verification_drop(struct auth_verification *v)
{
	auth_limit_refund(v->a, &v->charges);
	sodium_memzero(v, sizeof(*v));
	free(v);
}

/* --- two purposes -----------------------------------------------------------*/

static int
sign_in(struct nx_db *db, struct auth_verification *v)
{
	return v->outcome == AUTH_RIGHT
	    ? auth_signin_write(v->a, db, &v->user, &v->how, &v->session)
	    : 0;
}

/* A registration opens the account, now. */
static int
accept_registration(
    struct nx_db *db, struct auth_verification *v, const struct auth_code *code)
{
	int r;

	v->user = code->user;
	v->user.created_at = auth_now(v->a);
	r = auth_user_insert(db, &v->user);
	if (r == -EEXIST) {
		v->outcome = AUTH_NAME_TAKEN;
		return 0;
	}
	v->outcome = AUTH_RIGHT;
	return r < 0 ? r : sign_in(db, v);
}

/* Into an account that is there and may be used, as it is now. Deleted in the
 * meantime it is like a code that never was. */
static int
accept_login(
    struct nx_db *db, struct auth_verification *v, const struct auth_code *code)
{
	int r = auth_user_by_id(db, code->user.id, &v->user);

	if (r == 1)
		v->outcome = v->user.disabled ? AUTH_IS_DISABLED : AUTH_RIGHT;
	return r < 0 ? r : sign_in(db, v);
}

static void
signed_in(struct auth_verification *v)
{
	nx_info("event=%s user=%" PRIu64, v->how.event, v->user.id);
	if (v->how.factors & AUTH_FACTOR_RECOVERY)
		auth_factor_tell(v->a, AUTH_MAIL_RECOVERY, &v->user);
	auth_signin_answer(v->a, v->r, &v->user, &v->session);
}

static void
verify(struct authd *a, struct nx_request *r, const Nx__VerifyRequest *q,
    const struct auth_aim *aim)
{
	const struct auth_try t = {.email = q->email,
	    .code = q->code,
	    .client = q->client,
	    .transaction = q->transaction,
	    .name = q->name,
	    .agent = q->agent};
	struct auth_verification *v = auth_verification_new(a, r, aim, &t);

	if (v)
		auth_verification_write(v);
}

void
serve_auth_register_verify(
    struct nx_request *r, const Nx__VerifyRequest *q, struct authd *a)
{
	static const struct auth_aim aim = {
	    AUTH_CODE_REGISTER, "registered", accept_registration, signed_in};

	if (auth_registration_open(a, r))
		verify(a, r, q, &aim);
}

void
serve_auth_login_verify(
    struct nx_request *r, const Nx__VerifyRequest *q, struct authd *a)
{
	static const struct auth_aim aim = {
	    AUTH_CODE_LOGIN, "login", accept_login, signed_in};

	verify(a, r, q, &aim);
}
