/* /api/account/sessions: where whoever asks is signed in. */
#include <stddef.h>

#include "common/err.h"
#include "gatewayd/account/account.h"
#include "proto/session.rpc.h"

struct wanted {
	char *name;
};
static const struct json_field name_fields[] = {
    {"name", JSON_STRING, true, offsetof(struct wanted, name), 0, 0}};

static void
session_json(struct buf *b, const Nx__SessionInfo *s)
{
	json_open(b, NULL, '{');
	json_string(b, "id", s->id);
	json_string(b, "name", s->name);
	json_string(b, "agent", s->agent);
	json_string(b, "address", s->address);
	json_uint(b, "created_at", s->created_at);
	json_uint(b, "seen_at", s->seen_at);
	json_uint(b, "expires_at", s->expires_at);
	json_bool(b, "current", s->current);
	json_close(b, '}');
}

static void
on_sessions(struct req *r, const struct nx_reply *reply)
{
	const Nx__SessionListReply *m = nx_as_session_list_reply(reply->body);
	char next[24] = "";

	for (size_t i = 0; i < m->n_sessions; i++)
		session_json(page_buf(r), m->sessions[i]);
	if (m->next != 0)
		(void)snprintf(
		    next, sizeof(next), "%llu", (unsigned long long)m->next);
	page_done(r, next);
}

static void
ask_sessions(struct req *r, const char *cursor)
{
	Nx__SessionListRequest m = NX__SESSION_LIST_REQUEST__INIT;
	struct req_call_opts opts = {.again = page_again};
	char token[TOKEN_MAX + 1];

	if (!req_token(r, token))
		return;
	m.token = token;
	m.after = strtoull(cursor, NULL, 10);
	req_call(r, nx_ask_session_list(&m), &opts, on_sessions);
}

static void
session_list(struct req *r)
{
	page_begin(r, ask_sessions);
}

static void
on_named(struct req *r, const struct nx_reply *reply)
{
	(void)reply;
	account_message(r, "The session has this name now.");
}

static void
session_rename(struct req *r)
{
	Nx__SessionRenameRequest m = NX__SESSION_RENAME_REQUEST__INIT;
	struct wanted w = {0};
	char token[TOKEN_MAX + 1];

	if (!req_take(r, name_fields, NX_ARRAY_SIZE(name_fields), &w) ||
	    !req_token(r, token))
		return;
	m.token = token;
	m.id = (char *)(uintptr_t)r->param;
	m.name = w.name;
	req_call(r, nx_ask_session_rename(&m), NULL, on_named);
}

static void
on_ended(struct req *r, const struct nx_reply *reply)
{
	(void)reply;
	account_message(r, "Signed out there.");
}

/* Of one, or of all others where the route names none. */
static void
session_end(struct req *r)
{
	Nx__SessionEndRequest m = NX__SESSION_END_REQUEST__INIT;
	char token[TOKEN_MAX + 1];

	if (!req_token(r, token))
		return;
	m.token = token;
	m.client = r->x.peer;
	if (r->param)
		m.id = (char *)(uintptr_t)r->param;
	req_call(r, nx_ask_session_end(&m), NULL, on_ended);
}

static const struct route rows[] = {
    {HTTP_M_GET, "/api/account/sessions", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, session_list, NULL},
    {HTTP_M_DELETE, "/api/account/sessions", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, session_end, NULL},
    {HTTP_M_PUT, "/api/account/sessions/:id", ROUTE_JSON, ROUTE_SMALL,
	ROUTE_TOKEN, session_rename, NULL},
    {HTTP_M_DELETE, "/api/account/sessions/:id", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, session_end, NULL},
};
const struct route_table session_routes = {rows, NX_ARRAY_SIZE(rows)};
