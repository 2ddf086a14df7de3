/*
 * Tokens in, tickets out: what gatewayd asks per token and minute, and the
 * keys storaged and nodemgr hand over for it.
 */
#ifndef AUTHD_SESSION_H
#define AUTHD_SESSION_H

#include "common/hub.h"

void auth_check_token(struct nx_request *r, void *ctx);
void auth_logout(struct nx_request *r, void *ctx);
void auth_ticket_key(struct nx_request *r, void *ctx);

#endif
