/*
 * The first half of a registration. Whoever asks gets the same answer, in the
 * same time, whether the name or the address is taken or not: a password is
 * hashed, a code is written, a mail is sent and waited for in every case.
 * What is the matter is said in the mail, to the owner of the address. The
 * interface forces one leak: who owns the address they give learns whether a
 * name is taken, at the price of a mail from their budget per try.
 *
 *	serve		rules, then budgets: who is over them pays nothing more
 *	on_hashed	in a worker the password was hashed; the code is made
 *	write		who is there already decides which mail it will be; a
 *			row is written in every case, if need be a decoy
 *	on_written	the mail goes out
 *	answer		maild has it, or two seconds have passed
 *
 * No account is opened here: that takes the code (verify.c), and until then the
 * name and the address are anybody's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/flows/flow.h"
#include "authd/flows/limits.h"
#include "authd/flows/mail.h"
#include "authd/store/store.h"
#include "common/err.h"
#include "common/log.h"
#include "proto/serve_authd.h"

struct registration {
	struct authd *a;
	struct nx_request *r;
	struct auth_pw pw;
	struct auth_code code;
	char to[256];
	char digits[AUTH_CODE_LEN + 1];
	enum auth_mail_kind mail;
};

/* The end of every way: nothing of a password or a code stays in memory. */
static void
finish(struct registration *g)
{
	sodium_memzero(g, sizeof(*g));
	free(g);
}

static void
answer(void *arg)
{
	Nx__AuthMessageReply reply = NX__AUTH_MESSAGE_REPLY__INIT;
	struct registration *g = arg;
	char message[] = AUTH_SENT, txn[2 * AUTH_TXN_LEN + 1];

	reply.message = message;
	reply.transaction =
	    sodium_bin2hex(txn, sizeof(txn), g->code.txn, sizeof(g->code.txn));
	nx_answer_auth_register_init(g->r, &reply);
	finish(g);
}

/* May run twice, as every write. What becomes of it depends on who is there already. */
static int
write_registration(struct nx_db *db, void *arg)
{
	struct registration *g = arg;
	struct auth_user taken;
	struct auth_code decoy;
	int by_email, by_name, r;

	nx_assert(g->code.kind == AUTH_CODE_REGISTER && g->code.user.id == 0);
	by_email = auth_user_by_email(db, g->code.user.email, &taken);
	by_name = auth_user_by_name(db, g->code.user.username, &taken);
	if (by_email < 0 || by_name < 0)
		return by_email < 0 ? by_email : by_name;
	if (by_email == 0 && by_name == 0) {
		g->mail = AUTH_MAIL_REGISTER;
		return auth_code_put(db, &g->code);
	}
	g->mail = by_email ? AUTH_MAIL_HAVE_ACCOUNT : AUTH_MAIL_NAME_TAKEN;
	/* Of a copy: this may run once more. */
	decoy = g->code;
	auth_code_decoy(&decoy);
	r = auth_code_put(db, &decoy);
	sodium_memzero(&decoy, sizeof(decoy));
	return r;
}

static void
on_written(int result, void *arg)
{
	struct registration *g = arg;
	int r = result;

	nx_assert(r <= 0);
	if (r == 0)
		r = auth_mail_send(g->a, g->mail, g->to, g->digits, answer, g);
	if (r == 0)
		return;
	nx_refuse_errno(g->r, r, "The registration could not be stored");
	finish(g);
}

static void
on_hashed(struct auth_pw *pw)
{
	struct registration *g = pw->arg;
	struct auth_otp otp;

	nx_assert(pw == &g->pw);
	if (pw->result < 0) {
		nx_refuse(g->r, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
		finish(g);
		return;
	}
	auth_otp_new(g->a->keys.pepper, &otp);
	memcpy(g->code.txn, otp.txn, sizeof(otp.txn));
	memcpy(g->code.mac, otp.mac, sizeof(otp.mac));
	memcpy(g->digits, otp.code, sizeof(otp.code));
	sodium_memzero(&otp, sizeof(otp));
	memcpy(g->code.user.password, pw->hash, sizeof(pw->hash));
	g->code.kind = AUTH_CODE_REGISTER;
	g->code.tries = AUTH_CODE_TRIES;
	g->code.created_at = auth_now(g->a);
	g->code.expires_at = g->code.created_at + AUTH_CODE_LIFE;
	nx_db_write(g->a->db, write_registration, on_written, g);
}

bool
auth_registration_open(const struct authd *a, struct nx_request *r)
{
	if (strcmp(a->conf->registration, "closed") != 0)
		return true;
	nx_refuse(r, NX__STATUS__DENIED, "%s", AUTH_CLOSED);
	return false;
}

static const char *
check(const Nx__RegisterInitRequest *q)
{
	const char *wrong = auth_rule_username(q->username);

	if (!wrong)
		wrong = auth_rule_password(q->password, q->username, q->email);
	if (!wrong)
		wrong = auth_rule_email(q->email);
	return wrong;
}

void
serve_auth_register_init(
    struct nx_request *r, const Nx__RegisterInitRequest *q, struct authd *a)
{
	const char *wrong = check(q);
	struct auth_charges charges;
	struct registration *g;
	uint64_t wait;

	if (!auth_registration_open(a, r))
		return;
	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		return;
	}
	wait = auth_limit_register(a, &charges, q->client, q->email);
	if (wait > 0) {
		auth_refuse_wait(r, wait);
		return;
	}
	g = calloc(1, sizeof(*g));
	if (g) {
		g->a = a;
		g->r = r;
		g->pw.done = on_hashed;
		g->pw.arg = g;
		snprintf(g->code.user.username, sizeof(g->code.user.username),
		    "%s", q->username);
		snprintf(g->code.user.email, sizeof(g->code.user.email), "%s",
		    q->email);
		auth_client_hash(a, q->client, g->code.client);
		snprintf(g->to, sizeof(g->to), "%s", q->email);
	}
	if (!g || auth_pw_hash(a->workers, &g->pw, q->password) < 0) {
		auth_limit_refund(a, &charges);
		nx_refuse(r, NX__STATUS__UNAVAILABLE, AUTH_BUSY);
		free(g);
	}
}
