/* What registering and signing in with a passkey have in common. */
#ifndef AUTHD_PASSKEY_H
#define AUTHD_PASSKEY_H

#include "authd/credentials/credentials.h"
#include "authd/state.h"

/*
 * Takes the challenge of @transaction, which is then used up, and looks whether
 * clientDataJSON answers it: the same challenge, purpose and user, from a page of
 * ours. False: it does not, for whatever reason.
 */
bool auth_passkey_answers(struct authd *a, const char *transaction,
    enum auth_purpose purpose, uint64_t user_id, const uint8_t *client_data,
    size_t len);

#define AUTH_PASSKEY_WRONG                                                  \
	"The passkey did not prove who you are. Begin anew; if it says so " \
	"again, sign in with your password and look at your passkeys."

#endif
