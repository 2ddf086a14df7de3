/*
 * What authd tells, and who comes and goes. Requests about nodes are answered in
 * nodes/, those about functions in calls/.
 */
#include "common/err.h"
#include "common/log.h"
#include "nodemgr/calls/calls.h"
#include "nodemgr/nodes/nodes.h"
#include "proto/serve_nodemgr.h"

/* --- from authd ---------------------------------------------------------------- */

static void
key_told(const struct nx_reply *reply, void *arg)
{
	(void)arg;
	if (reply->status != NX__STATUS__OK)
		nx_warn("event=ticket-key-refused why=%s",
		    nx_log_safe(reply->error));
}

static void
tell_key(struct nodemgr *m)
{
	const struct nx_ticket_key *key = nx_tickets_key(m->tickets);
	const struct nx_call_opts opts = {0};
	Nx__TicketKey body = NX__TICKET_KEY__INIT;

	body.epoch = key->epoch;
	body.key.data = (uint8_t *)(uintptr_t)key->key;
	body.key.len = sizeof(key->key);
	(void)nx_call(
	    m->hub, nx_ask_auth_ticket_key(&body), &opts, key_told, NULL);
}

void
serve_auth_revoke(struct nx_request *r, const Nx__Revoke *q, struct nodemgr *m)
{
	if (q->session.len != 0 && q->session.len != NX_SESSION_LEN) {
		nx_refuse(r, NX__STATUS__INVALID, "not a session");
		return;
	}
	if (nx_tickets_revoke(m->tickets, q->user_id,
		q->session.len ? q->session.data : NULL))
		tell_key(m);
	nx_answer_auth_revoke(r);
}

void
serve_auth_user_deleted(
    struct nx_request *r, const Nx__UserDeleted *q, struct nodemgr *m)
{
	/* what is the operator's (0) nobody takes along */
	int error = q->user_id ? nodes_delete_of(m, q->user_id) : 0;

	if (error < 0)
		nx_refuse_errno(r, error, "cannot write the list of nodes");
	else
		nx_answer_auth_user_deleted(r);
}

/* --- peers --------------------------------------------------------------------- */

void
nodemgr_on_peer(struct nx_peer *peer, bool up, void *ctx)
{
	struct nodemgr *m = ctx;

	if (!up) {
		nodes_peer_gone(m, peer);
		call_peer_gone(m, peer);
		return;
	}
	if (peer->role == NX_ROLE_AUTH)
		tell_key(m);
	else
		nodes_peer_came(m, peer);
}
