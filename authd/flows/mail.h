/*
 * What authd writes to people, by way of maild. Delivery is maild's business:
 * a mail that fails is counted and logged, and changes no answer to anybody.
 */
#ifndef AUTHD_MAIL_H
#define AUTHD_MAIL_H

#include "authd/state.h"

/* None of the texts contains anything a stranger chose: a registration can be
 * started with anybody's address, and must not become a way to send them words
 * and links. Only the codes have six digits. */
enum auth_mail_kind {
	AUTH_MAIL_REGISTER,     /* @code */
	AUTH_MAIL_LOGIN,        /* @code */
	AUTH_MAIL_HAVE_ACCOUNT, /* somebody registers with a user's address */
	AUTH_MAIL_NAME_TAKEN,   /* registers with a name that is taken */
	AUTH_MAIL_FACTORS,      /* how one signs in was changed */
	AUTH_MAIL_RECOVERY,     /* a recovery code was used */
	AUTH_MAIL_COPIED,       /* a passkey that there are two of */
	AUTH_MAIL_REUSED,       /* a refresh token that was used twice */
	AUTH_MAIL_RESET,        /* @code: for a new password */
	AUTH_MAIL_NO_ACCOUNT,   /* somebody wants a new password without one */
	AUTH_MAIL_PASSWORD,     /* it was changed */
	AUTH_MAIL_CREATED,      /* an administrator made an account */
	AUTH_MAIL_KEY,          /* an access key was made */
	AUTH_MAIL_MAX
};

/*
 * Sends it, trying again while maild is away for a moment. @done (NULL: nobody
 * waits) is called once: when maild has it, has refused it, or after two seconds at the latest
 * (the mail goes on trying). It is never called from within auth_mail_send.
 * 0, or -ENOMEM: then @done is not called.
 */
int auth_mail_send(struct authd *a, enum auth_mail_kind kind, const char *to,
    const char *code, void (*done)(void *arg), void *arg);
/* Lets go of everything on its way; calls every @done that is still owed. */
void auth_mail_stop(struct authd *a);

#endif
