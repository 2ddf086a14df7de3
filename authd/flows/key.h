/* Access keys: made and revoked in key.c, shown in key_check.c. */
#ifndef AUTHD_KEY_H
#define AUTHD_KEY_H

#include "authd/state.h"
#include "authd/store/store.h"

/* What tickets of this key carry as their session, and what revokes them. */
void auth_key_session(const char *id, uint8_t ret_session[NX_SESSION_LEN]);

#endif
