/*
 * /api/account/passkeys and /auth/passkey: what a page hands to and gets from
 * navigator.credentials. Bytes are base64url without padding, as in a credential's
 * own toJSON().
 */
#include <sodium.h>
#include <stddef.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/account/account.h"
#include "gatewayd/account/client.h"
#include "proto/factor.rpc.h"

#define BYTES_MAX 4096
#define TIMEOUT   300000 /* ms; as long as a challenge is good */

struct ceremony {
	char *transaction, *name, *id, *client_data, *auth_data, *signature;
	char *handle;
};
#define TEXT(n, member, must)                                                 \
	{                                                                     \
		n, JSON_STRING, must, offsetof(struct ceremony, member), 0, 0 \
	}
static const struct json_field register_fields[] = {
    TEXT("transaction", transaction, true), TEXT("name", name, true),
    TEXT("clientDataJSON", client_data, true),
    TEXT("authenticatorData", auth_data, true)};
static const struct json_field login_fields[] = {
    TEXT("transaction", transaction, true), TEXT("id", id, true),
    TEXT("clientDataJSON", client_data, true),
    TEXT("authenticatorData", auth_data, true),
    TEXT("signature", signature, true), TEXT("userHandle", handle, false),
    TEXT("client_name", name, false)};
static const struct json_field name_fields[] = {TEXT("name", name, true)};

/* --- bytes ------------------------------------------------------------------*/

static void
bytes_json(struct buf *b, const char *name, ProtobufCBinaryData data)
{
	char text[2 * BYTES_MAX];

	nx_assert(data.len <= BYTES_MAX);
	json_string(b, name,
	    sodium_bin2base64(text, sizeof(text), data.data, data.len,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING));
}

/* Into its own place: bytes are shorter than their text. What is no base64url is
 * no bytes, which nothing takes for anything. */
static ProtobufCBinaryData
bytes_of(char *text)
{
	ProtobufCBinaryData data = {0, (uint8_t *)text};

	if (!text ||
	    sodium_base642bin((uint8_t *)text, strlen(text), text, strlen(text),
		NULL, &data.len, NULL,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
		data.len = 0;
	return data;
}

/* --- beginning --------------------------------------------------------------*/

static void
keys_json(struct buf *b, const char *name, const Nx__PasskeyBeginReply *m)
{
	json_open(b, name, '[');
	for (size_t i = 0; i < m->n_had; i++) {
		json_open(b, NULL, '{');
		json_string(b, "type", "public-key");
		bytes_json(b, "id", m->had[i]);
		json_close(b, '}');
	}
	json_close(b, ']');
}

static void
user_json(struct buf *b, const Nx__PasskeyBeginReply *m)
{
	static const int algorithms[] = {-7, -8, -257};

	json_open(b, "rp", '{');
	json_string(b, "id", m->rp_id);
	json_string(b, "name", "Nexus");
	json_close(b, '}');
	json_open(b, "user", '{');
	bytes_json(b, "id", m->handle);
	json_string(b, "name", m->username);
	json_string(b, "displayName", m->username);
	json_close(b, '}');
	json_open(b, "pubKeyCredParams", '[');
	for (size_t i = 0; i < NX_ARRAY_SIZE(algorithms); i++) {
		json_open(b, NULL, '{');
		json_string(b, "type", "public-key");
		json_int(b, "alg", algorithms[i]);
		json_close(b, '}');
	}
	json_close(b, ']');
	json_string(b, "attestation", "none");
	json_open(b, "authenticatorSelection", '{');
	json_string(b, "residentKey", "required");
	json_string(b, "userVerification", "required");
	json_close(b, '}');
	keys_json(b, "excludeCredentials", m);
}

static void
on_begun(struct req *r, const struct nx_reply *reply)
{
	const Nx__PasskeyBeginReply *m = nx_as_passkey_begin_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_string(&b, "transaction", m->transaction);
	json_open(&b, "publicKey", '{');
	bytes_json(&b, "challenge", m->challenge);
	json_uint(&b, "timeout", TIMEOUT);
	if (m->handle.len > 0) {
		user_json(&b, m);
	} else {
		json_string(&b, "rpId", m->rp_id);
		json_string(&b, "userVerification", "required");
		keys_json(&b, "allowCredentials", m);
	}
	json_close(&b, '}');
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
begin_login(struct req *r)
{
	Nx__PasskeyBeginRequest m = NX__PASSKEY_BEGIN_REQUEST__INIT;

	m.client = r->x.peer;
	req_call(r, nx_ask_passkey_begin(&m), NULL, on_begun);
}

static void
begin_register(struct req *r)
{
	Nx__PasskeyBeginRequest m = NX__PASSKEY_BEGIN_REQUEST__INIT;
	char token[TOKEN_MAX + 1];

	if (!req_token(r, token))
		return;
	m.registers = true;
	m.token = token;
	m.client = r->x.peer;
	req_call(r, nx_ask_passkey_begin(&m), NULL, on_begun);
}

/* --- finishing --------------------------------------------------------------*/

static void
passkey_json(struct buf *b, const char *name, const Nx__PasskeyInfo *m)
{
	json_open(b, name, '{');
	json_string(b, "id", m->id);
	json_string(b, "name", m->name);
	json_uint(b, "created_at", m->created_at);
	if (m->used_at != 0)
		json_uint(b, "used_at", m->used_at);
	json_bool(b, "synced", m->synced);
	json_close(b, '}');
}

static void
on_registered(struct req *r, const struct nx_reply *reply)
{
	struct buf b = {0};

	passkey_json(&b, NULL, nx_as_passkey_info(reply->body));
	reply_json(r, 201, &b);
}

static void
passkey_register(struct req *r)
{
	Nx__PasskeyRegisterRequest m = NX__PASSKEY_REGISTER_REQUEST__INIT;
	struct ceremony c = {0};
	char token[TOKEN_MAX + 1];

	if (!req_take(r, register_fields, NX_ARRAY_SIZE(register_fields), &c) ||
	    !req_token(r, token))
		return;
	m.token = token;
	m.client = r->x.peer;
	m.transaction = c.transaction;
	m.name = c.name;
	m.client_data = bytes_of(c.client_data);
	m.auth_data = bytes_of(c.auth_data);
	req_call(r, nx_ask_passkey_register(&m), NULL, on_registered);
}

static void
passkey_login(struct req *r)
{
	Nx__PasskeyLoginRequest m = NX__PASSKEY_LOGIN_REQUEST__INIT;
	struct ceremony c = {0};
	char agent[AGENT_MAX + 1];

	if (!req_take(r, login_fields, NX_ARRAY_SIZE(login_fields), &c))
		return;
	client_agent(r, agent);
	m.agent = agent;
	m.client = r->x.peer;
	m.transaction = c.transaction;
	if (c.name)
		m.name = c.name;
	m.id = bytes_of(c.id);
	m.client_data = bytes_of(c.client_data);
	m.auth_data = bytes_of(c.auth_data);
	m.signature = bytes_of(c.signature);
	m.handle = bytes_of(c.handle);
	req_call(r, nx_ask_passkey_login(&m), NULL, account_signed_in);
}

/* --- those there are --------------------------------------------------------*/

static void
on_passkeys(struct req *r, const struct nx_reply *reply)
{
	const Nx__PasskeyListReply *m = nx_as_passkey_list_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '[');
	for (size_t i = 0; i < m->n_passkeys; i++)
		passkey_json(&b, NULL, m->passkeys[i]);
	json_close(&b, ']');
	reply_json(r, 200, &b);
}

static void
passkey_list(struct req *r)
{
	Nx__FactorCall m = NX__FACTOR_CALL__INIT;
	char token[TOKEN_MAX + 1];

	if (!req_token(r, token))
		return;
	m.token = token;
	m.client = r->x.peer;
	req_call(r, nx_ask_passkey_list(&m), NULL, on_passkeys);
}

static void
on_changed(struct req *r, const struct nx_reply *reply)
{
	(void)reply;
	account_message(r, "The passkey was changed.");
}

static void
change(
    struct req *r, struct nx_ask (*ask)(const Nx__PasskeyRequest *), char *name)
{
	Nx__PasskeyRequest m = NX__PASSKEY_REQUEST__INIT;
	char token[TOKEN_MAX + 1];

	if (!req_token(r, token))
		return;
	m.token = token;
	m.client = r->x.peer;
	m.id = (char *)(uintptr_t)r->param;
	if (name)
		m.name = name;
	req_call(r, ask(&m), NULL, on_changed);
}

static void
passkey_rename(struct req *r)
{
	struct ceremony c = {0};

	if (req_take(r, name_fields, NX_ARRAY_SIZE(name_fields), &c))
		change(r, nx_ask_passkey_rename, c.name);
}

static void
passkey_remove(struct req *r)
{
	change(r, nx_ask_passkey_remove, NULL);
}

static const struct route rows[] = {
    {HTTP_M_POST, "/auth/passkey/begin", ROUTE_NO_BODY, ROUTE_LOGIN, 0,
	begin_login, NULL},
    {HTTP_M_POST, "/auth/passkey/login", ROUTE_JSON, ROUTE_LOGIN, 0,
	passkey_login, NULL},
    {HTTP_M_GET, "/api/account/passkeys", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, passkey_list, NULL},
    {HTTP_M_POST, "/api/account/passkeys/begin", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, begin_register, NULL},
    {HTTP_M_POST, "/api/account/passkeys", ROUTE_JSON, ROUTE_SMALL, ROUTE_TOKEN,
	passkey_register, NULL},
    {HTTP_M_PUT, "/api/account/passkeys/:id", ROUTE_JSON, ROUTE_SMALL,
	ROUTE_TOKEN, passkey_rename, NULL},
    {HTTP_M_DELETE, "/api/account/passkeys/:id", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, passkey_remove, NULL},
};
const struct route_table passkey_routes = {rows, NX_ARRAY_SIZE(rows)};
