/*
 * Mails on their way to maild. Each lives by itself until maild has it, however
 * soon whoever asked was answered.
 *
 * A mail is in a->mails from auth_mail_send() to mail_free(), and always either
 * waiting for its timer @again or for the reply to @call, never both. Beside
 * that runs the patience of whoever asked: @done is owed until it has been called
 * or patience ends, and it is called once. So what decides when an answer leaves
 * is never how many tries a mail took.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/credentials/credentials.h"
#include "authd/flows/mail.h"
#include "common/err.h"
#include "common/log.h"
#include "common/status.h"
#include "proto/mail.rpc.h"

#define TRIES      20 /* a second apart: maild restarts in less */
#define ANSWER_SEC 2
#define TEXT_MAX   1024

static const struct {
	const char *subject, *text; /* %s: the code */
	uint64_t life; /* seconds it is of use; 0: as long as maild likes */
} texts[AUTH_MAIL_MAX] = {
    [AUTH_MAIL_REGISTER] = {"Your Nexus registration code",
	"Your code to finish the registration with Nexus:\n\n"
	"%s\n\n"
	"It is valid for 5 minutes and works once.\n"
	"If you did not ask for it, ignore this message: without the\n"
	"code no account is opened.\n",
	AUTH_CODE_LIFE},
    [AUTH_MAIL_LOGIN] = {"Your Nexus login code",
	"Your code to log in to Nexus:\n\n"
	"%s\n\n"
	"It is valid for 5 minutes and works once.\n"
	"If you did not ask for it, somebody knows your password: choose\n"
	"another one, at /auth/reset with this address. Nobody gets in\n"
	"without the code above.\n",
	AUTH_CODE_LIFE},
    [AUTH_MAIL_HAVE_ACCOUNT] = {"You already have a Nexus account",
	"Somebody tried to register with this address at Nexus. There\n"
	"is an account for it already: log in instead of registering.\n"
	"If it was not you, ignore this message; nothing has changed.\n",
	0},
    [AUTH_MAIL_NAME_TAKEN] = {"Choose another Nexus user name",
	"The user name you asked for at Nexus is taken. Register again\n"
	"with another one. If it was not you, ignore this message;\n"
	"nothing has changed.\n",
	0},
    [AUTH_MAIL_FACTORS] = {"How you sign in to Nexus was changed",
	"What proves who you are when you sign in to Nexus was changed\n"
	"just now: an authenticator app, a passkey or recovery codes\n"
	"were added or removed, or what a login asks for.\n"
	"If it was not you, choose another password at once and look at\n"
	"what is set up (/api/account/factors).\n",
	0},
    [AUTH_MAIL_RECOVERY] = {"A recovery code of yours was used",
	"Somebody signed in to your Nexus account just now, with your\n"
	"password and one of your recovery codes.\n"
	"If it was not you, choose another password at once and make new\n"
	"recovery codes (/api/account/recovery).\n",
	0},
    [AUTH_MAIL_COPIED] = {"A passkey of yours may have been copied",
	"Somebody tried to sign in to your Nexus account just now with a\n"
	"passkey that has been used elsewhere since: there may be a copy\n"
	"of it. They were not let in. Remove that passkey and register it\n"
	"anew (/api/account/passkeys).\n",
	0},
    [AUTH_MAIL_REUSED] = {"You were signed out of Nexus somewhere",
	"What keeps you signed in to Nexus somewhere was used twice: a\n"
	"program may have a fault, or somebody may have copied it. Nobody\n"
	"is signed in there any more. Look at where else you are\n"
	"(/api/account/sessions), and if you know nothing of it choose\n"
	"another password.\n",
	0},
    [AUTH_MAIL_RESET] = {"Your code for a new Nexus password",
	"Your code to choose a new password for Nexus:\n\n"
	"%s\n\n"
	"It is valid for 5 minutes and works once.\n"
	"If you did not ask for it, ignore this message: without the\n"
	"code your password stays as it is.\n",
	AUTH_CODE_LIFE},
    [AUTH_MAIL_NO_ACCOUNT] = {"There is no Nexus account of yours",
	"Somebody asked Nexus for a new password with this address, but\n"
	"no account has it. If it was you, try another address, or\n"
	"register. If it was not, ignore this message.\n",
	0},
    [AUTH_MAIL_PASSWORD] = {"Your Nexus password was changed",
	"The password of your Nexus account was changed just now, and\n"
	"whoever was signed in elsewhere was signed out.\n"
	"If it was not you, choose another one at once, at /auth/reset\n"
	"with this address, and look at your access keys.\n",
	0},
    [AUTH_MAIL_CREATED] = {"You have a Nexus account",
	"An administrator has made an account for you at Nexus, with this\n"
	"address. Choose a password for it, at /auth/reset with this\n"
	"address, and sign in.\n",
	0},
    [AUTH_MAIL_KEY] = {"A Nexus access key was made",
	"An access key was made for your Nexus account just now: a\n"
	"program that has it can act for you, as far as the key goes.\n"
	"If it was not you, revoke it (/api/account/keys) and choose\n"
	"another password.\n",
	0},
};

struct auth_mail {
	LIST_ENTRY(auth_mail) entry;
	struct authd *a;
	enum auth_mail_kind kind;
	char to[256];
	char text[TEXT_MAX];
	uint64_t expires_at; /* unix seconds; 0: see life */
	unsigned tries;
	struct nx_call *call;
	struct event *again, *patience;
	void (*done)(void *arg);
	void *arg;
};

/* What is owed, if it still is. */
static void
tell(struct auth_mail *m)
{
	void (*done)(void *arg) = m->done;

	m->done = NULL;
	if (done)
		done(m->arg);
}

/* Whoever waits is told first: nothing of @m is used by @done. */
static void
mail_free(struct auth_mail *m)
{
	tell(m);
	nx_assert(!m->done);
	LIST_REMOVE(m, entry);
	nx_call_cancel(m->call);
	if (m->again)
		event_free(m->again);
	if (m->patience)
		event_free(m->patience);
	sodium_memzero(m->text, sizeof(m->text));
	free(m);
}

/* Counted and logged, and that is all: whoever asked hears the same as when it
 * arrived, or failing mails would tell whose address is one. */
static void
failed(struct auth_mail *m, const char *why)
{
	m->a->mails_failed++;
	nx_warn("event=mail-failed kind=%d reason=\"%s\"", (int)m->kind, why);
	mail_free(m);
}

/* A maild that is away comes back; whatever else it says it would say again. */
static void
on_reply(const struct nx_reply *reply, void *arg)
{
	static const struct timeval second = {.tv_sec = 1};
	struct auth_mail *m = arg;

	nx_assert(m->call && m->tries < TRIES);
	m->call = NULL;
	if (reply->status == NX__STATUS__OK)
		mail_free(m);
	else if (reply->status != NX__STATUS__UNAVAILABLE ||
	    ++m->tries == TRIES)
		failed(m, nx_status_name(reply->status));
	else
		evtimer_add(m->again, &second);
}

static void
try_now(evutil_socket_t fd, short what, void *arg)
{
	Nx__MailSendRequest q = NX__MAIL_SEND_REQUEST__INIT;
	struct auth_mail *m = arg;
	char subject[64];

	(void)fd;
	(void)what;
	nx_assert(!m->call);
	snprintf(subject, sizeof(subject), "%s", texts[m->kind].subject);
	q.to = m->to;
	q.subject = subject;
	q.text = m->text;
	q.expires_at = m->expires_at;
	m->call = nx_call(m->a->hub, nx_ask_mail_send(&q), NULL, on_reply, m);
	if (!m->call)
		failed(m, "out of memory");
}

/* The mail goes on; who asked has waited long enough. */
static void
on_patience(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	tell(arg);
}

static void
compose(struct auth_mail *m, const char *code)
{
	/* The one place where a text of the table is a format. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
	snprintf(m->text, sizeof(m->text), texts[m->kind].text, code);
#pragma GCC diagnostic pop
}

int
auth_mail_send(struct authd *a, enum auth_mail_kind kind, const char *to,
    const char *code, void (*done)(void *arg), void *arg)
{
	static const struct timeval at_once, patience = {.tv_sec = ANSWER_SEC};
	struct auth_mail *m = calloc(1, sizeof(*m));

	nx_assert(kind < AUTH_MAIL_MAX);
	if (!m)
		return -ENOMEM;
	LIST_INSERT_HEAD(&a->mails, m, entry);
	m->a = a;
	m->kind = kind;
	snprintf(m->to, sizeof(m->to), "%s", to);
	compose(m, code);
	if (texts[kind].life)
		m->expires_at = (uint64_t)auth_now(a) + texts[kind].life;
	m->again = evtimer_new(a->base, try_now, m);
	m->patience = evtimer_new(a->base, on_patience, m);
	if (!m->again || !m->patience || evtimer_add(m->again, &at_once) < 0 ||
	    evtimer_add(m->patience, &patience) < 0) {
		mail_free(m);
		return -ENOMEM;
	}
	/* Owed from here on, and not before: what failed above is returned. */
	m->done = done;
	m->arg = arg;
	return 0;
}

void
auth_mail_stop(struct authd *a)
{
	struct auth_mail *m;

	while ((m = LIST_FIRST(&a->mails)))
		mail_free(m);
}
