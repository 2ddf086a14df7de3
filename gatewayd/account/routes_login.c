/* Signing up, in and out: with the client's address, for authd's limits. */
#include <stddef.h>

#include "common/err.h"
#include "gatewayd/account/account.h"
#include "gatewayd/account/client.h"
#include "proto/care.rpc.h"
#include "proto/auth.rpc.h"

struct credentials {
	char *username, *password, *email, *code;
	char *device, *transaction; /* optional: what an earlier answer gave */
	char *client_name; /* optional: what its user knows the client by */
};
#define TEXT(n)                                                              \
	{                                                                    \
#n, JSON_STRING, true, offsetof(struct credentials, n), 0, 0 \
	}
#define OPTIONAL(n)                                                           \
	{                                                                     \
#n, JSON_STRING, false, offsetof(struct credentials, n), 0, 0 \
	}
static const struct json_field register_fields[] = {
    TEXT(username), TEXT(password), TEXT(email)};
static const struct json_field login_fields[] = {
    OPTIONAL(username), OPTIONAL(email), TEXT(password), OPTIONAL(device)};
static const struct json_field verify_fields[] = {
    TEXT(email), TEXT(code), OPTIONAL(transaction), OPTIONAL(client_name)};

/* Argon2 may queue. */
static const struct req_call_opts slow = {.timeout_s = 20};

static void
on_message(struct req *r, const struct nx_reply *reply)
{
	const Nx__AuthMessageReply *m = nx_as_auth_message_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_string(&b, "message", m->message);
	json_string(&b, "transaction", m->transaction);
	if (m->n_factors > 0) {
		json_open(&b, "factors", '[');
		for (size_t i = 0; i < m->n_factors; i++)
			json_string(&b, NULL, m->factors[i]);
		json_close(&b, ']');
	}
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

void
account_message(struct req *r, const char *message)
{
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_string(&b, "message", message);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

void
account_signed_in(struct req *r, const struct nx_reply *reply)
{
	const Nx__VerifyReply *m = nx_as_verify_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_string(&b, "token", m->token);
	json_string(&b, "username", m->username);
	json_uint(&b, "expires_at", m->expires_at);
	if (m->device[0])
		json_string(&b, "device", m->device);
	json_string(&b, "refresh_token", m->refresh_token);
	json_uint(&b, "refresh_expires_at", m->refresh_expires_at);
	json_string(&b, "session", m->session);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
auth_register_init(struct req *r)
{
	Nx__RegisterInitRequest m = NX__REGISTER_INIT_REQUEST__INIT;
	struct credentials c = {0};

	if (!req_take(r, register_fields, NX_ARRAY_SIZE(register_fields), &c))
		return;
	m.username = c.username;
	m.password = c.password;
	m.email = c.email;
	m.client = r->x.peer;
	req_call(r, nx_ask_auth_register_init(&m), &slow, on_message);
}

static void
auth_login_init(struct req *r)
{
	Nx__LoginInitRequest m = NX__LOGIN_INIT_REQUEST__INIT;
	struct credentials c = {0};

	if (!req_take(r, login_fields, NX_ARRAY_SIZE(login_fields), &c))
		return;
	if (!c.username == !c.email) {
		req_fail(
		    r, 400, "invalid", "Say who signs in: username or email.");
		return;
	}
	m.username = c.username ? c.username : c.email;
	m.password = c.password;
	m.client = r->x.peer;
	if (c.device)
		m.device = c.device;
	req_call(r, nx_ask_auth_login_init(&m), &slow, on_message);
}

static void
verify(struct req *r, struct nx_ask (*ask)(const Nx__VerifyRequest *))
{
	Nx__VerifyRequest m = NX__VERIFY_REQUEST__INIT;
	struct credentials c = {0};
	char agent[AGENT_MAX + 1];

	if (!req_take(r, verify_fields, NX_ARRAY_SIZE(verify_fields), &c))
		return;
	m.email = c.email;
	m.code = c.code;
	m.client = r->x.peer;
	if (c.transaction)
		m.transaction = c.transaction;
	if (c.client_name)
		m.name = c.client_name;
	client_agent(r, agent);
	m.agent = agent;
	req_call(r, ask(&m), NULL, account_signed_in);
}

static void
auth_register_verify(struct req *r)
{
	verify(r, nx_ask_auth_register_verify);
}

static void
auth_login_verify(struct req *r)
{
	verify(r, nx_ask_auth_login_verify);
}

static void
on_logged_out(struct req *r, const struct nx_reply *reply)
{
	(void)reply;
	req_forget_token(r);
	account_message(r, "Signed out; the token is no longer valid.");
}

static void
auth_logout(struct req *r)
{
	Nx__TokenRequest m = NX__TOKEN_REQUEST__INIT;
	char token[TOKEN_MAX + 1];

	if (!req_token(r, token))
		return;
	m.token = token;
	req_call(r, nx_ask_auth_logout(&m), NULL, on_logged_out);
}

static void
on_usage(struct req *r, const struct nx_reply *reply)
{
	const Nx__UsageReply *m = nx_as_usage_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_uint(&b, "user_id", r->token->user_id);
	json_string(&b, "username", r->token->username);
	json_uint(&b, "used", m->used);
	json_uint(&b, "reserved", m->reserved);
	json_uint(&b, "history", m->history);
	json_uint(&b, "history_held", m->held);
	json_uint(&b, "quota", m->quota);
	json_uint(&b, "files", m->files);
	json_uint(&b, "folders", m->folders);
	json_uint(&b, "counted", m->counted);
	json_uint(&b, "entries", m->entries);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
account_get(struct req *r)
{
	req_call(r, nx_ask_storage_usage(), NULL, on_usage);
}

static const struct route rows[] = {
    {HTTP_M_POST, "/auth/register/init", ROUTE_JSON, ROUTE_LOGIN, 0,
	auth_register_init, NULL},
    {HTTP_M_POST, "/auth/register/verify", ROUTE_JSON, ROUTE_LOGIN, 0,
	auth_register_verify, NULL},
    {HTTP_M_POST, "/auth/login/init", ROUTE_JSON, ROUTE_LOGIN, 0,
	auth_login_init, NULL},
    {HTTP_M_POST, "/auth/login/verify", ROUTE_JSON, ROUTE_LOGIN, 0,
	auth_login_verify, NULL},
    {HTTP_M_POST, "/auth/logout", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	auth_logout, NULL},
    {HTTP_M_GET, "/api/account", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	account_get, NULL},
};
const struct route_table login_routes = {rows, NX_ARRAY_SIZE(rows)};
