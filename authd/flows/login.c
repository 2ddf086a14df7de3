/*
 * The first half of a login. A name that does not exist costs the same Argon2
 * as one that does and gets the same answer as a wrong password; throttling
 * looks at the name as given, so it tells nothing either. Only the right
 * password leads on: to a code by mail, out of the account's own budget.
 *
 *	serve		the account or a dummy is looked up, the attempt is paid
 *			for beforehand (limits.h)
 *	on_verified	in a worker the password was compared; right: what was
 *			paid is given back, and a code's budget is drawn on
 *	write_login	the account has not changed since; the code is stored
 *	on_written	the code is on disk: the mail goes out
 *	answer		maild has it, or two seconds have passed
 *
 * A login owns itself until it has been answered or refused; each of its steps
 * is called once, by the one before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/factor.h"
#include "authd/flows/audit.h"
#include "authd/flows/flow.h"
#include "authd/flows/limits.h"
#include "authd/flows/mail.h"
#include "authd/store/store.h"
#include "common/err.h"
#include "common/log.h"
#include "proto/serve_authd.h"

struct login {
	struct authd *a;
	struct nx_request *r;
	struct auth_pw pw;
	struct auth_charges charges;
	struct auth_user user; /* id 0: there is no such user */
	struct auth_code code;
	char digits[AUTH_CODE_LEN + 1];
	char client[AUTH_ADDRESS_MAX + 1];
};

/* The end of every way: nothing of a password or a code stays in memory. */
static void
finish(struct login *l)
{
	sodium_memzero(l, sizeof(*l));
	free(l);
}

static void
refuse(struct login *l, Nx__Status status, const char *sentence)
{
	nx_refuse(l->r, status, "%s", sentence);
	finish(l);
}

/* Whether a code by mail may follow the password. */
static bool
wants_mail(const struct login *l)
{
	return (l->user.factors & AUTH_FACTOR_MAIL) != 0;
}

static void
answer(void *arg)
{
	Nx__AuthMessageReply reply = NX__AUTH_MESSAGE_REPLY__INIT;
	struct login *l = arg;
	char sent[] = AUTH_SENT, ask[] = AUTH_ASK_FACTOR;
	char txn[2 * AUTH_TXN_LEN + 1];
	const char *words[AUTH_FACTORS_MAX];

	nx_assert(l->user.id != 0 && l->code.user.id == l->user.id);
	reply.message = wants_mail(l) ? sent : ask;
	reply.n_factors = auth_factor_words(l->user.factors, words);
	reply.factors = (char **)(uintptr_t)words;
	reply.transaction =
	    sodium_bin2hex(txn, sizeof(txn), l->code.txn, sizeof(l->code.txn));
	nx_answer_auth_login_init(l->r, &reply);
	finish(l);
}

/* The account as it is now, not as it was before the hash. 1: it is not there or
 * has another password, 2: it is disabled. */
static int
write_login(struct nx_db *db, void *arg)
{
	struct login *l = arg;
	struct auth_user now;
	int r = auth_user_by_id(db, l->user.id, &now);

	if (r < 0)
		return r;
	if (r == 0 || strcmp(now.password, l->user.password) != 0)
		return 1;
	if (now.disabled)
		return 2;
	if (l->pw.fresh[0] != '\0')
		r = auth_user_rehash(db, now.id, l->pw.fresh);
	if (r < 0)
		return r;
	l->code.user = now;
	/* The row of a login needs no copy of the hash. */
	l->code.user.password[0] = '\0';
	return auth_code_put(db, &l->code);
}

static void
on_written(int result, void *arg)
{
	struct login *l = arg;
	int r = result;

	if (r == 1) {
		refuse(l, NX__STATUS__UNAUTHENTICATED, AUTH_WRONG_PASSWORD);
		return;
	}
	if (r == 2) {
		refuse(l, NX__STATUS__DENIED, AUTH_DISABLED);
		return;
	}
	if (r == 0 && !wants_mail(l)) {
		answer(l);
		return;
	}
	if (r == 0)
		r = auth_mail_send(
		    l->a, AUTH_MAIL_LOGIN, l->user.email, l->digits, answer, l);
	if (r == 0)
		return;
	nx_refuse_errno(l->r, r, "The login could not be stored");
	finish(l);
}

/* Only its MAC is stored; the digits are in the mail and nowhere else. */
static void
make_code(struct login *l)
{
	struct auth_otp otp;

	nx_assert(l->user.id != 0 && l->charges.n == 0);
	auth_otp_new(l->a->keys.pepper, &otp);
	memcpy(l->code.txn, otp.txn, sizeof(otp.txn));
	memcpy(l->code.mac, otp.mac, sizeof(otp.mac));
	memcpy(l->digits, otp.code, sizeof(otp.code));
	/* The login waits all the same, but for another factor. */
	if (!wants_mail(l))
		randombytes_buf(l->code.mac, sizeof(l->code.mac));
	sodium_memzero(&otp, sizeof(otp));
	l->code.kind = AUTH_CODE_LOGIN;
	l->code.tries = AUTH_CODE_TRIES;
	l->code.created_at = auth_now(l->a);
	l->code.expires_at = l->code.created_at + AUTH_CODE_LIFE;
	nx_db_write(l->a->db, write_login, on_written, l);
}

/* Of an account alone: a name that is nobody's may be a password. */
static void
tell_refused(struct login *l)
{
	struct auth_event e = {.event = "login",
	    .user_id = l->user.id,
	    .username = l->user.username,
	    .client = l->client,
	    .result = "refused"};

	auth_audit_alone(l->a, &e);
}

static void
on_verified(struct auth_pw *pw)
{
	struct login *l = pw->arg;
	uint64_t wait;

	nx_assert(pw == &l->pw && l->charges.n > 0);
	if (pw->result < 0) {
		auth_limit_refund(l->a, &l->charges);
		refuse(l, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
		return;
	}
	if (pw->result == 0 && l->user.id != 0)
		tell_refused(l);
	if (pw->result == 0 || l->user.id == 0) {
		refuse(l, NX__STATUS__UNAUTHENTICATED, AUTH_WRONG_PASSWORD);
		return;
	}
	auth_limit_refund(l->a, &l->charges);
	wait = auth_limit_code(l->a, l->user.id);
	if (wait > 0) {
		auth_refuse_wait(l->r, wait);
		finish(l);
		return;
	}
	make_code(l);
}

/* The user, or a hash nobody has the password of. No name has an '@', and every
 * address one. 0 or -errno. */
static int
look_up(struct login *l, const char *name, const char *client, bool *ret_known)
{
	struct auth_user user;
	int r = strchr(name, '@') ? auth_user_by_email(l->a->db, name, &user)
				  : auth_user_by_name(l->a->db, name, &user);

	*ret_known = false;
	if (r < 0)
		return r;
	memcpy(l->pw.hash, r ? user.password : l->a->dummy_hash,
	    sizeof(l->pw.hash));
	if (r == 1)
		l->user = user;
	auth_client_hash(l->a, client, l->code.client);
	r = auth_known_has(l->a->db, l->user.id, l->code.client);
	*ret_known = r == 1;
	return r < 0 ? r : 0;
}

/* A device of the user has a budget of its own, and needs no other. */
static uint64_t
limit(struct login *l, const Nx__LoginInitRequest *q, bool known)
{
	uint8_t id[AUTH_DEVICE_ID_LEN];

	/* By name or by address, an account has one budget. */
	return l->user.id != 0 &&
		auth_device_check(l->a->keys.pepper, l->user.id, q->device, id)
	    ? auth_limit_device(l->a, &l->charges, id)
	    : auth_limit_login(l->a, &l->charges, q->client,
		  l->user.id != 0 ? l->user.username : q->username, known);
}

void
serve_auth_login_init(
    struct nx_request *r, const Nx__LoginInitRequest *q, struct authd *a)
{
	struct login *l = calloc(1, sizeof(*l));
	uint64_t wait;
	bool known;
	int error;

	if (!l) {
		nx_refuse(r, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
		return;
	}
	l->a = a;
	l->r = r;
	l->pw.done = on_verified;
	l->pw.arg = l;
	(void)snprintf(l->client, sizeof(l->client), "%s", q->client);
	error = look_up(l, q->username, q->client, &known);
	if (error < 0) {
		nx_refuse_errno(r, error, "The users could not be read");
		finish(l);
		return;
	}
	wait = limit(l, q, known);
	if (wait > 0) {
		auth_refuse_wait(r, wait);
		finish(l);
		return;
	}
	if (auth_pw_verify(l->a->workers, &l->pw, q->password) < 0) {
		auth_limit_refund(l->a, &l->charges);
		refuse(l, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
	}
}
