/* Tokens: the next one, of who is signed in, and the keys they are verified with. */
#include <stddef.h>

#include "common/err.h"
#include "gatewayd/account/account.h"
#include "proto/auth.rpc.h"
#include "proto/signing.rpc.h"

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

/* For half as long as a key is published before it signs. */
static void
on_keys(struct req *r, const struct nx_reply *reply)
{
	const Nx__JwksReply *m = nx_as_jwks_reply(reply->body);

	exchange_answer(&r->x, 200, "application/json",
	    "Cache-Control: public, max-age=300\r\n",
	    (const char *)m->json.data, m->json.len);
}

static void
keys(struct req *r)
{
	req_call(r, nx_ask_auth_jwks(), NULL, on_keys);
}

static const struct route rows[] = {
    {HTTP_M_POST, "/auth/refresh", ROUTE_JSON, ROUTE_LOGIN, 0, refresh, NULL},
    {HTTP_M_GET, "/.well-known/jwks.json", ROUTE_NO_BODY, ROUTE_SMALL, 0, keys,
	NULL},
};
const struct route_table token_routes = {rows, NX_ARRAY_SIZE(rows)};
