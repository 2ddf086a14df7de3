/* /api/account/factors, totp, recovery: what beside the password proves who one
 * is. */
#include <stddef.h>

#include "common/err.h"
#include "gatewayd/account/account.h"
#include "proto/factor.rpc.h"

/* --- which of them ----------------------------------------------------------*/

static void
on_factors(struct req *r, const struct nx_reply *reply)
{
	const Nx__FactorsReply *m = nx_as_factors_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_open(&b, "factors", '[');
	for (size_t i = 0; i < m->n_factors; i++)
		json_string(&b, NULL, m->factors[i]);
	json_close(&b, ']');
	json_bool(&b, "totp", m->totp);
	json_uint(&b, "passkeys", m->passkeys);
	json_uint(&b, "recovery_left", m->recovery_left);
	/* Whoever reads the mails needs no more than the password. */
	json_bool(&b, "second_factor", m->totp || m->passkeys > 0);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

struct wanted {
	struct json_strings factors;
	char *code;
};
static const struct json_field factors_fields[] = {
    {"factors", JSON_STRINGS, true, offsetof(struct wanted, factors), 0, 0}};
static const struct json_field confirm_fields[] = {
    {"code", JSON_STRING, true, offsetof(struct wanted, code), 0, 0}};

static void
factors_set(struct req *r)
{
	Nx__FactorsRequest m = NX__FACTORS_REQUEST__INIT;
	struct wanted w = {0};
	char token[TOKEN_MAX + 1];

	if (!req_take(r, factors_fields, NX_ARRAY_SIZE(factors_fields), &w) ||
	    !req_token(r, token))
		return;
	m.token = token;
	m.client = r->x.peer;
	m.factors = w.factors.item;
	m.n_factors = w.factors.n;
	req_call(r, nx_ask_account_set_factors(&m), NULL, on_factors);
}

/* Calls that say nothing but who asks. */
static void
call(struct req *r, struct nx_ask (*ask)(const Nx__FactorCall *),
    void (*on_reply)(struct req *, const struct nx_reply *))
{
	Nx__FactorCall m = NX__FACTOR_CALL__INIT;
	char token[TOKEN_MAX + 1];

	if (!req_token(r, token))
		return;
	m.token = token;
	m.client = r->x.peer;
	req_call(r, ask(&m), NULL, on_reply);
}

static void
factors_get(struct req *r)
{
	call(r, nx_ask_factor_state, on_factors);
}

/* --- an authenticator app ---------------------------------------------------*/

static void
on_begun(struct req *r, const struct nx_reply *reply)
{
	const Nx__TotpBeginReply *m = nx_as_totp_begin_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_string(&b, "secret", m->secret);
	json_string(&b, "uri", m->uri);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
totp_begin(struct req *r)
{
	call(r, nx_ask_totp_begin, on_begun);
}

static void
codes_json(struct buf *b, const Nx__RecoveryCodes *m)
{
	json_open(b, "recovery_codes", '[');
	for (size_t i = 0; i < m->n_codes; i++)
		json_string(b, NULL, m->codes[i]);
	json_close(b, ']');
}

static void
on_codes(struct req *r, const struct nx_reply *reply)
{
	const Nx__RecoveryCodes *m = nx_as_recovery_codes(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	codes_json(&b, m);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
totp_confirm(struct req *r)
{
	Nx__TotpConfirmRequest m = NX__TOTP_CONFIRM_REQUEST__INIT;
	struct wanted w = {0};
	char token[TOKEN_MAX + 1];

	if (!req_take(r, confirm_fields, NX_ARRAY_SIZE(confirm_fields), &w) ||
	    !req_token(r, token))
		return;
	m.token = token;
	m.client = r->x.peer;
	m.code = w.code;
	req_call(r, nx_ask_totp_confirm(&m), NULL, on_codes);
}

static void
on_removed(struct req *r, const struct nx_reply *reply)
{
	(void)reply;
	account_message(
	    r, "The authenticator app is removed; its codes no longer count.");
}

static void
totp_remove(struct req *r)
{
	call(r, nx_ask_totp_remove, on_removed);
}

static void
recovery_make(struct req *r)
{
	call(r, nx_ask_recovery_make, on_codes);
}

static const struct route rows[] = {
    {HTTP_M_GET, "/api/account/factors", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, factors_get, NULL},
    {HTTP_M_PUT, "/api/account/factors", ROUTE_JSON, ROUTE_SMALL, ROUTE_TOKEN,
	factors_set, NULL},
    {HTTP_M_POST, "/api/account/totp", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	totp_begin, NULL},
    {HTTP_M_POST, "/api/account/totp/confirm", ROUTE_JSON, ROUTE_SMALL,
	ROUTE_TOKEN, totp_confirm, NULL},
    {HTTP_M_DELETE, "/api/account/totp", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, totp_remove, NULL},
    {HTTP_M_POST, "/api/account/recovery", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, recovery_make, NULL},
};
const struct route_table factor_routes = {rows, NX_ARRAY_SIZE(rows)};
