/* Tokens: the next one, of who is signed in. */
#include <stddef.h>

#include "common/err.h"
#include "gatewayd/account/account.h"
#include "proto/auth.rpc.h"

struct shown {
	char *refresh_token;
};
static const struct json_field refresh_fields[] = {{"refresh_token",
    JSON_STRING, true, offsetof(struct shown, refresh_token), 0, 0}};

static void
refresh(struct req *r)
{
	Nx__RefreshRequest m = NX__REFRESH_REQUEST__INIT;
	struct shown s = {0};

	if (!req_take(r, refresh_fields, NX_ARRAY_SIZE(refresh_fields), &s))
		return;
	m.refresh_token = s.refresh_token;
	m.client = r->x.peer;
	req_call(r, nx_ask_auth_refresh(&m), NULL, account_signed_in);
}

static const struct route rows[] = {
    {HTTP_M_POST, "/auth/refresh", ROUTE_JSON, ROUTE_LOGIN, 0, refresh, NULL},
};
const struct route_table token_routes = {rows, NX_ARRAY_SIZE(rows)};
