/*
 * The door of what authd does for others: register, login, verify, tokens and
 * tickets, administration (the handlers, declared by the build from proto/), and
 * what goes on beside them.
 */
#ifndef AUTHD_FLOWS_H
#define AUTHD_FLOWS_H

#include "authd/flows/mail.h"
#include "authd/flows/notice.h"
#include "authd/flows/signing.h"
#include "authd/flows/throttle.h"

/* A daemon that goes takes its ticket key along. */
void auth_on_peer(struct nx_peer *peer, bool up, void *ctx);

#endif
