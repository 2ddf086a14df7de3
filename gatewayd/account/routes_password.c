/* Passwords: chosen anew, forgotten, shown once more before a change. */
#include <stddef.h>

#include "common/err.h"
#include "gatewayd/account/account.h"
#include "proto/account.rpc.h"

struct passwords {
	char *email, *code, *transaction, *password, *old_password,
	    *new_password, *device;
};
#define FIELD(n, required)                                                     \
	{                                                                      \
#n, JSON_STRING, required, offsetof(struct passwords, n), 0, 0 \
	}
static const struct json_field change_fields[] = {
    FIELD(old_password, true), FIELD(new_password, true), FIELD(device, false)};
static const struct json_field again_fields[] = {
    FIELD(password, true), FIELD(device, false)};
static const struct json_field ask_fields[] = {FIELD(email, true)};
static const struct json_field reset_fields[] = {FIELD(email, true),
    FIELD(code, true), FIELD(password, true), FIELD(transaction, false)};

/* Argon2 may queue. */
static const struct req_call_opts slow = {.timeout_s = 20};

/* --- who is signed in -------------------------------------------------------*/

static void
on_changed(struct req *r, const struct nx_reply *reply)
{
	(void)reply;
	account_message(r,
	    "Your password is changed; whoever was signed in elsewhere is "
	    "signed out.");
}

static void
password_change(struct req *r)
{
	Nx__ChangePasswordRequest m = NX__CHANGE_PASSWORD_REQUEST__INIT;
	struct passwords p = {0};
	char token[TOKEN_MAX + 1];

	if (!req_take(r, change_fields, NX_ARRAY_SIZE(change_fields), &p) ||
	    !req_token(r, token))
		return;
	m.token = token;
	m.client = r->x.peer;
	m.old_password = p.old_password;
	m.new_password = p.new_password;
	if (p.device)
		m.device = p.device;
	req_call(r, nx_ask_account_change_password(&m), &slow, on_changed);
}

static void
on_again(struct req *r, const struct nx_reply *reply)
{
	(void)reply;
	account_message(
	    r, "Thank you. You can change your account for a while.");
}

static void
again(struct req *r)
{
	Nx__ReauthRequest m = NX__REAUTH_REQUEST__INIT;
	struct passwords p = {0};
	char token[TOKEN_MAX + 1];

	if (!req_take(r, again_fields, NX_ARRAY_SIZE(again_fields), &p) ||
	    !req_token(r, token))
		return;
	m.token = token;
	m.client = r->x.peer;
	m.password = p.password;
	if (p.device)
		m.device = p.device;
	req_call(r, nx_ask_account_reauth(&m), &slow, on_again);
}

/* --- who has forgotten it ---------------------------------------------------*/

static void
on_sent(struct req *r, const struct nx_reply *reply)
{
	const Nx__AuthMessageReply *m = nx_as_auth_message_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_string(&b, "message", m->message);
	json_string(&b, "transaction", m->transaction);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
reset_init(struct req *r)
{
	Nx__ResetInitRequest m = NX__RESET_INIT_REQUEST__INIT;
	struct passwords p = {0};

	if (!req_take(r, ask_fields, NX_ARRAY_SIZE(ask_fields), &p))
		return;
	m.email = p.email;
	m.client = r->x.peer;
	req_call(r, nx_ask_account_reset_init(&m), NULL, on_sent);
}

static void
on_reset(struct req *r, const struct nx_reply *reply)
{
	(void)reply;
	account_message(r,
	    "Your password is changed, and everybody is signed out: sign in "
	    "with the new one.");
}

static void
reset_verify(struct req *r)
{
	Nx__ResetVerifyRequest m = NX__RESET_VERIFY_REQUEST__INIT;
	struct passwords p = {0};

	if (!req_take(r, reset_fields, NX_ARRAY_SIZE(reset_fields), &p))
		return;
	m.email = p.email;
	m.code = p.code;
	m.password = p.password;
	m.client = r->x.peer;
	if (p.transaction)
		m.transaction = p.transaction;
	req_call(r, nx_ask_account_reset_verify(&m), &slow, on_reset);
}

static const struct route rows[] = {
    {HTTP_M_POST, "/api/account/password", ROUTE_JSON, ROUTE_LOGIN, ROUTE_TOKEN,
	password_change, NULL},
    {HTTP_M_POST, "/auth/reauth", ROUTE_JSON, ROUTE_LOGIN, ROUTE_TOKEN, again,
	NULL},
    {HTTP_M_POST, "/auth/reset/init", ROUTE_JSON, ROUTE_LOGIN, 0, reset_init,
	NULL},
    {HTTP_M_POST, "/auth/reset/verify", ROUTE_JSON, ROUTE_LOGIN, 0,
	reset_verify, NULL},
};
const struct route_table password_routes = {rows, NX_ARRAY_SIZE(rows)};
