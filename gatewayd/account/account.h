/*
 * The door of account/: signing in, and what people see and change of their own
 * account. All of it is handed to authd as it comes; nothing about passwords,
 * codes or keys is decided or kept here.
 */
#ifndef GW_ACCOUNT_H
#define GW_ACCOUNT_H

#include "gatewayd/routes/routes.h"

extern const struct route_table login_routes, password_routes, session_routes,
    key_routes, factor_routes, passkey_routes, token_routes;

/* Answers with what a login gave. */
void account_signed_in(struct req *r, const struct nx_reply *reply);
/* Answers 200 with a sentence alone. */
void account_message(struct req *r, const char *message);

#endif
