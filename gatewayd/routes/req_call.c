/*
 * Asking the other daemons on a request's behalf: tokens to authd, everything
 * else with the ticket authd gave for it. The gateway decides nothing about
 * rights; it only carries what it was given.
 *
 * A request has one call under way at most (r->call). Its answer goes to the
 * function that asked, or ends the request; in between stands one case: a daemon
 * that does not take the ticket, for which authd is asked once more (recheck())
 * and then the same question again (r->again). Only once in a row, so that a
 * daemon that refuses for ever is no loop.
 */
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/limits.h"
#include "gatewayd/routes/credential.h"
#include "gatewayd/routes/req.h"
#include "gatewayd/routes/route.h"
#include "proto/auth.rpc.h"
#include "proto/key.rpc.h"

#define TIMEOUT_S 10U
#define SECOND    1000000ULL

/* --- who asks --------------------------------------------------------------*/

/* Who asks is known: from now on it is that user's share that is used. */
static bool
known(struct req *r)
{
	if (!r->token)
		return false;
	if (!r->user)
		r->user =
		    shares_get(r->gw->shares, SHARE_USER, r->token->user_id);
	exchange_charge(&r->x, r->user);
	return r->user != NULL;
}

static void
on_checked(struct req *r, const struct nx_reply *reply)
{
	struct credential c;

	if (credential_of(&r->x.head, &c) == NULL)
		r->token = tokens_add(r->gw->tokens, c.whole, c.whole_len,
		    nx_as_check_token_reply(reply->body));
	if (known(r))
		r->again(r);
	else
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
}

bool
req_token(struct req *r, char ret_token[TOKEN_MAX + 1])
{
	struct credential c;
	const struct http_error *error = credential_of(&r->x.head, &c);

	if (error) {
		req_fail_http(r, error);
		return false;
	}
	memcpy(ret_token, c.text, sizeof(c.text));
	return true;
}

static void
ask_for_token(struct req *r, struct credential *c, req_fn *then)
{
	Nx__TokenRequest m = NX__TOKEN_REQUEST__INIT;
	struct req_call_opts opts = {.again = then};

	m.token = c->text;
	m.client = r->x.peer;
	req_call(r, nx_ask_auth_check_token(&m), &opts, on_checked);
}

static void
ask_for_key(struct req *r, struct credential *c, req_fn *then)
{
	Nx__CheckKeyRequest m = NX__CHECK_KEY_REQUEST__INIT;
	struct req_call_opts opts = {.again = then};

	m.key = c->text;
	m.named = c->named;
	m.username = c->user;
	m.client = r->x.peer;
	req_call(r, nx_ask_auth_check_key(&m), &opts, on_checked);
}

static void
ask_authd(struct req *r, req_fn *then)
{
	struct credential c;
	const struct http_error *error = credential_of(&r->x.head, &c);

	if (error)
		req_fail_http(r, error);
	else if (c.key)
		ask_for_key(r, &c, then);
	else
		ask_for_token(r, &c, then);
}

void
req_authenticate(struct req *r, req_fn *then)
{
	struct credential c;
	const struct http_error *error = credential_of(&r->x.head, &c);

	if (error) {
		req_fail_http(r, error);
		return;
	}
	r->token = tokens_find(r->gw->tokens, c.whole, c.whole_len);
	if (r->token && known(r))
		then(r);
	else
		ask_authd(r, then);
}

void
req_forget_token(struct req *r)
{
	struct credential c;

	if (credential_of(&r->x.head, &c) == NULL)
		tokens_forget(r->gw->tokens, c.whole, c.whole_len);
}

/*
 * A daemon did not take the ticket: revoked meanwhile, or the daemon has
 * restarted with a new key. authd knows which, so it is asked once more.
 */
static void
recheck(struct req *r, req_fn *again)
{
	nx_assert(r->token && !r->rechecked);
	r->rechecked = true;
	req_forget_token(r);
	token_unref(r->gw->tokens, nx_take_ptr(r->token));
	ask_authd(r, again ? again : r->route->fn);
}

/* --- calls -----------------------------------------------------------------*/

static void
on_reply(const struct nx_reply *reply, void *arg)
{
	struct req *r = arg;

	nx_assert(!r->x.ended && r->call);
	r->call = NULL;
	r->retry_s = reply->retry_s;
	if (reply->status == NX__STATUS__UNAUTHENTICATED &&
	    r->callee != NX_ROLE_AUTH && r->token) {
		if (!r->rechecked && (r->again || r->x.status == 0))
			recheck(r, r->again);
		else
			req_fail_status(r, NX__STATUS__UNAVAILABLE,
			    "The platform is just restarting a part of itself; "
			    "try again.");
		return;
	}
	if (r->callee != NX_ROLE_AUTH)
		r->rechecked = false;
	if (reply->status != NX__STATUS__OK && !r->wants_errors)
		req_fail_status(r, reply->status, reply->error);
	else
		r->on_reply(r, reply);
}

static bool
ticket_for(const struct req *r, enum nx_role role, const uint8_t **ret_ticket)
{
	*ret_ticket = NULL;
	if (role == NX_ROLE_AUTH)
		return true;
	if (!r->token)
		return false;
	if (role == NX_ROLE_STORAGE && r->token->has_storage)
		*ret_ticket = r->token->storage;
	else if (role == NX_ROLE_NODE && r->token->has_node)
		*ret_ticket = r->token->node;
	return *ret_ticket != NULL;
}

void
req_call(struct req *r, struct nx_ask ask, const struct req_call_opts *opts,
    req_reply_fn *fn)
{
	static const struct req_call_opts none;
	struct nx_call_opts o = {0};
	const char *field = NULL;

	nx_assert(!r->call);
	opts = opts ? opts : &none;
	/* The receiver would cut the edge over a message beyond its limits. */
	if (nx_message_check(ask.body, &field) < 0) {
		req_fail(r, 400, "invalid",
		    "%s%s is too long, or contains control characters.",
		    field ? "The field " : "The request", field ? field : "");
		return;
	}
	/* Long transfers outlive their tickets. */
	if (ask.to != NX_ROLE_AUTH && r->token && opts->again &&
	    !r->rechecked && r->token->valid_until <= nx_now_us()) {
		recheck(r, opts->again);
		return;
	}
	if (!ticket_for(r, ask.to, &o.ticket)) {
		/* authd had no key of that daemon: it is not there, or has
		 * just come. Ask again next time. */
		req_forget_token(r);
		req_fail_status(r, NX__STATUS__UNAVAILABLE,
		    ask.to == NX_ROLE_NODE
			? "The node service is not running; try again."
			: "The storage service is not running; try again.");
		return;
	}
	o.timeout_us = (opts->timeout_s ? opts->timeout_s : TIMEOUT_S) * SECOND;
	o.fds = opts->fds;
	o.n_fds = opts->n_fds;
	r->callee = ask.to;
	r->on_reply = fn;
	r->again = opts->again;
	r->wants_errors = opts->errors;
	r->call = nx_call(r->gw->hub, ask, &o, on_reply, r);
	if (!r->call)
		req_fail_status(
		    r, NX__STATUS__UNAVAILABLE, "Out of memory; try again.");
}
