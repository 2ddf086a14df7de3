/*
 * The handlers of the four routes that end users know: register and login,
 * each with init (a password, answered by mail) and verify (a code, answered
 * with a token). All of them come from strangers by way of gatewayd.
 */
#ifndef AUTHD_FLOW_H
#define AUTHD_FLOW_H

#include <stdbool.h>

#include "common/hub.h"

struct authd;

/* False when the administrator has closed registration; then @r is refused. */
bool auth_registration_open(const struct authd *a, struct nx_request *r);

#define AUTH_CLOSED                                                            \
	"Registration is closed on this server. Ask the administrator for an " \
	"account."
#define AUTH_SENT                                                       \
	"A code is on its way to your mail address. It is valid for 5 " \
	"minutes."
#define AUTH_ASK_FACTOR                                                      \
	"Sign in with a code of your authenticator app, a recovery code or " \
	"a passkey, whichever your account asks for."
#define AUTH_RESET_SENT                                                    \
	"If an account has this address, a code for a new password is on " \
	"its way to it. It is valid for 5 minutes."
#define AUTH_NOT_YOURS      "The password is not this account's."
#define AUTH_BUSY           "Too many logins at once; try again in a few seconds."
#define AUTH_WRONG_PASSWORD "The user name or the password is wrong."
#define AUTH_WRONG_CODE \
	"The code is wrong or has expired. Check it, or ask for a new one."
#define AUTH_DISABLED "This account is disabled. Ask the administrator."
#define AUTH_TAKEN                                                         \
	"The user name or the address has been taken meanwhile. Register " \
	"again with another one."

#endif
