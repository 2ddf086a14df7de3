/*
 * A new password for who has forgotten theirs, by a code to their address. As at
 * registration a stranger learns nothing: a row is written and a mail is sent in
 * every case; whose address is no account's is told so by mail. The code is tried
 * as any other (verify.c); the new password is hashed before that, whether it
 * will be set or not, so that the time tells nothing either.
 *
 * It ends all sessions, and it replaces the password alone: whoever wants other
 * factors beside it still needs them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/audit.h"
#include "authd/flows/flow.h"
#include "authd/flows/flows.h"
#include "authd/flows/revoke.h"
#include "authd/flows/verification.h"
#include "common/err.h"
#include "common/log.h"
#include "proto/serve_authd.h"

/* --- asking for a code ------------------------------------------------------*/

struct reset {
	struct authd *a;
	struct nx_request *r;
	struct auth_code code;
	char to[256];
	char digits[AUTH_CODE_LEN + 1];
	enum auth_mail_kind mail;
};

static void
reset_free(struct reset *s)
{
	sodium_memzero(s, sizeof(*s));
	free(s);
}

static void
answer(void *arg)
{
	Nx__AuthMessageReply reply = NX__AUTH_MESSAGE_REPLY__INIT;
	struct reset *s = arg;
	char message[] = AUTH_RESET_SENT, txn[2 * AUTH_TXN_LEN + 1];

	reply.message = message;
	reply.transaction =
	    sodium_bin2hex(txn, sizeof(txn), s->code.txn, sizeof(s->code.txn));
	nx_answer_account_reset_init(s->r, &reply);
	reset_free(s);
}

static int
write_reset(struct nx_db *db, void *arg)
{
	struct reset *s = arg;
	struct auth_code code = s->code;
	struct auth_user user;
	int r = auth_user_by_email(db, s->to, &user);

	if (r < 0)
		return r;
	if (r == 1 && !user.disabled) {
		s->mail = AUTH_MAIL_RESET;
		code.user = user;
		/* The row needs no copy of the hash. */
		code.user.password[0] = '\0';
	} else {
		s->mail = AUTH_MAIL_NO_ACCOUNT;
		(void)snprintf(
		    code.user.username, sizeof(code.user.username), "-");
		auth_code_decoy(&code);
	}
	r = auth_code_put(db, &code);
	sodium_memzero(&code, sizeof(code));
	return r;
}

static void
on_written(int result, void *arg)
{
	struct reset *s = arg;
	int r = result;

	if (r == 0)
		r = auth_mail_send(s->a, s->mail, s->to, s->digits, answer, s);
	if (r == 0)
		return;
	nx_refuse_errno(s->r, r, "The code could not be stored");
	reset_free(s);
}

static void
make_code(struct reset *s)
{
	struct auth_otp otp;

	auth_otp_new(s->a->keys.pepper, &otp);
	memcpy(s->code.txn, otp.txn, sizeof(otp.txn));
	memcpy(s->code.mac, otp.mac, sizeof(otp.mac));
	memcpy(s->digits, otp.code, sizeof(otp.code));
	sodium_memzero(&otp, sizeof(otp));
	s->code.kind = AUTH_CODE_RESET;
	s->code.tries = AUTH_CODE_TRIES;
	s->code.created_at = auth_now(s->a);
	s->code.expires_at = s->code.created_at + AUTH_CODE_LIFE;
}

/* Safe to grant to strangers: mails to one address are bounded, whoever asks for
 * them, and contain nothing a stranger chose. */
void
serve_account_reset_init(
    struct nx_request *r, const Nx__ResetInitRequest *q, struct authd *a)
{
	const char *wrong = auth_rule_email(q->email);
	struct auth_charges charges;
	struct reset *s;
	uint64_t wait;

	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		return;
	}
	wait = auth_limit_register(a, &charges, q->client, q->email);
	if (wait > 0) {
		auth_refuse_wait(r, wait);
		return;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		auth_limit_refund(a, &charges);
		nx_refuse(r, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
		return;
	}
	s->a = a;
	s->r = r;
	(void)snprintf(s->to, sizeof(s->to), "%s", q->email);
	auth_client_hash(a, q->client, s->code.client);
	make_code(s);
	nx_db_write(a->db, write_reset, on_written, s);
}

/* --- trying it --------------------------------------------------------------*/

static int
write_password(struct nx_db *db, struct auth_verification *v)
{
	struct auth_event e = {.event = v->aim->event,
	    .actor = "user",
	    .user_id = v->user.id,
	    .username = v->user.username,
	    .client = v->how.client};
	int r =
	    auth_user_set_password(db, v->user.id, v->pw.hash, auth_now(v->a));

	if (r == 0)
		r = auth_code_drop(db, AUTH_CODE_LOGIN, v->user.email);
	if (r == 0)
		r = auth_sessions_end(v->a, db, v->user.id, NULL, &v->notice);
	return r < 0 ? r : auth_audit(v->a, db, &e);
}

static int
accept_reset(
    struct nx_db *db, struct auth_verification *v, const struct auth_code *code)
{
	int r = auth_user_by_id(db, code->user.id, &v->user);

	if (r <= 0)
		return r;
	v->outcome = v->user.disabled ? AUTH_IS_DISABLED : AUTH_RIGHT;
	return v->user.disabled ? 0 : write_password(db, v);
}

static void
accepted(struct auth_verification *v)
{
	nx_info("event=password-reset user=%" PRIu64, v->user.id);
	(void)auth_mail_send(
	    v->a, AUTH_MAIL_PASSWORD, v->user.email, "", NULL, NULL);
	auth_notice_pump(v->a);
	if (v->notice)
		auth_notice_answer(v->a, v->r, v->notice, NULL);
	else
		nx_answer_account_reset_verify(v->r);
}

static void
on_hashed(struct auth_pw *pw)
{
	struct auth_verification *v = pw->arg;

	if (pw->result == 1) {
		auth_verification_write(v);
		return;
	}
	nx_refuse(v->r, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
	auth_verification_drop(v);
}

void
serve_account_reset_verify(
    struct nx_request *r, const Nx__ResetVerifyRequest *q, struct authd *a)
{
	static const struct auth_aim aim = {
	    AUTH_CODE_RESET, "password-reset", accept_reset, accepted};
	const struct auth_try t = {.email = q->email,
	    .code = q->code,
	    .client = q->client,
	    .transaction = q->transaction};
	const char *wrong = auth_rule_password(q->password, NULL, q->email);
	struct auth_verification *v;

	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		return;
	}
	v = auth_verification_new(a, r, &aim, &t);
	if (!v)
		return;
	v->pw.done = on_hashed;
	v->pw.arg = v;
	if (auth_pw_hash(a->workers, &v->pw, q->password) < 0) {
		nx_refuse(r, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
		auth_verification_drop(v);
	}
}
