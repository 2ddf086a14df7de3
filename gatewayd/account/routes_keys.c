/* /api/account/keys: access keys of whoever asks. */
#include <stddef.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/account/account.h"
#include "proto/key.rpc.h"

struct key_wanted {
	char *name, *kind, *place;
	struct json_strings rights;
	uint64_t expires_at;
};
static const struct json_field key_fields[] = {
    {"name", JSON_STRING, true, offsetof(struct key_wanted, name), 0, 0},
    {"rights", JSON_STRINGS, true, offsetof(struct key_wanted, rights), 0, 0},
    {"place", JSON_STRING, false, offsetof(struct key_wanted, place), 0, 0},
    {"kind", JSON_STRING, false, offsetof(struct key_wanted, kind), 0, 0},
    {"expires_at", JSON_UINT, false, offsetof(struct key_wanted, expires_at), 1,
	INT64_MAX},
};

static void
rights_json(struct buf *b, const Nx__KeyInfo *k)
{
	json_open(b, "rights", '[');
	for (size_t i = 0; i < k->n_rights; i++)
		json_string(b, NULL, k->rights[i]);
	json_close(b, ']');
}

/* What is never or nowhere is left out. */
static void
key_members(struct buf *b, const Nx__KeyInfo *k)
{
	json_string(b, "id", k->id);
	json_string(b, "name", k->name);
	json_string(b, "kind", k->kind);
	rights_json(b, k);
	if (k->place[0] != '\0')
		json_string(b, "place", k->place);
	json_uint(b, "created_at", k->created_at);
	if (k->expires_at != 0)
		json_uint(b, "expires_at", k->expires_at);
	if (k->used_at != 0) {
		json_uint(b, "used_at", k->used_at);
		json_string(b, "used_from", k->used_from);
	}
}

/* --- making one -------------------------------------------------------------*/

static void
on_made(struct req *r, const struct nx_reply *reply)
{
	const Nx__KeyMakeReply *m = nx_as_key_make_reply(reply->body);
	bool signs = strcmp(m->key->kind, "s3") == 0;
	struct buf b = {0};

	json_open(&b, NULL, '{');
	key_members(&b, m->key);
	if (signs)
		json_string(&b, "access_key_id", m->key->id);
	json_string(&b, signs ? "secret_access_key" : "key", m->secret);
	json_close(&b, '}');
	reply_json(r, 201, &b);
}

static void
key_make(struct req *r)
{
	Nx__KeyMakeRequest m = NX__KEY_MAKE_REQUEST__INIT;
	struct key_wanted w = {0};
	char token[TOKEN_MAX + 1];

	if (!req_take(r, key_fields, NX_ARRAY_SIZE(key_fields), &w) ||
	    !req_token(r, token))
		return;
	m.token = token;
	m.client = r->x.peer;
	m.name = w.name;
	m.rights = w.rights.item;
	m.n_rights = w.rights.n;
	if (w.kind)
		m.kind = w.kind;
	if (w.place)
		m.place = w.place;
	m.expires_at = w.expires_at;
	req_call(r, nx_ask_key_make(&m), NULL, on_made);
}

/* --- all there are ----------------------------------------------------------*/

static void
on_keys(struct req *r, const struct nx_reply *reply)
{
	const Nx__KeyListReply *m = nx_as_key_list_reply(reply->body);
	struct buf *b = page_buf(r);

	for (size_t i = 0; i < m->n_keys; i++) {
		json_open(b, NULL, '{');
		key_members(b, m->keys[i]);
		json_close(b, '}');
	}
	page_done(r, m->next);
}

static void
ask_keys(struct req *r, const char *cursor)
{
	Nx__KeyListRequest m = NX__KEY_LIST_REQUEST__INIT;
	struct req_call_opts opts = {.again = page_again};
	char token[TOKEN_MAX + 1];

	if (!req_token(r, token))
		return;
	m.token = token;
	m.after = (char *)(uintptr_t)cursor;
	req_call(r, nx_ask_key_list(&m), &opts, on_keys);
}

static void
key_list(struct req *r)
{
	page_begin(r, ask_keys);
}

/* --- revoking one -----------------------------------------------------------*/

static void
on_revoked(struct req *r, const struct nx_reply *reply)
{
	(void)reply;
	account_message(r, "The key is revoked; nobody can use it now.");
}

static void
key_revoke(struct req *r)
{
	Nx__KeyRequest m = NX__KEY_REQUEST__INIT;
	char token[TOKEN_MAX + 1];

	if (!req_token(r, token))
		return;
	m.token = token;
	m.client = r->x.peer;
	m.id = (char *)(uintptr_t)r->param;
	req_call(r, nx_ask_key_revoke(&m), NULL, on_revoked);
}

static const struct route rows[] = {
    {HTTP_M_POST, "/api/account/keys", ROUTE_JSON, ROUTE_SMALL, ROUTE_TOKEN,
	key_make, NULL},
    {HTTP_M_GET, "/api/account/keys", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	key_list, NULL},
    {HTTP_M_DELETE, "/api/account/keys/:id", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, key_revoke, NULL},
};
const struct route_table key_routes = {rows, NX_ARRAY_SIZE(rows)};
