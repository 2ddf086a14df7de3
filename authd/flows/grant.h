/* What the gateway gets for whoever has proved who they are: tickets, a minute. */
#ifndef AUTHD_GRANT_H
#define AUTHD_GRANT_H

#include "authd/state.h"
#include "authd/store/store.h"

struct auth_grant {
	const struct auth_user *user;
	const uint8_t *session; /* what revokes it, NX_SESSION_LEN bytes */
	uint32_t rights;        /* enum nx_right */
	const char *place;      /* where alone in storage; NULL: anywhere */
	int64_t expires;        /* unix seconds; no ticket outlives it */
};

/* Answers @r with a CheckTokenReply. A daemon that is away has no key, and nobody
 * a ticket for it. */
void auth_grant_answer(
    struct authd *a, struct nx_request *r, const struct auth_grant *g);

#endif
