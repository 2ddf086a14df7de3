/*
 * What authd tells, and who comes and goes. Requests about nodes are answered in
 * nodes/, those about functions in calls/.
 */
#include "common/ticket_edge.h"
#include "nodemgr/calls/calls.h"
#include "nodemgr/nodes/nodes.h"
#include "proto/serve_nodemgr.h"

/* --- from authd ---------------------------------------------------------------- */

void
serve_auth_revoke(struct nx_request *r, const Nx__Revoke *q, struct nodemgr *m)
{
	nx_tickets_serve_revoke(r, q, m->tickets);
}

void
serve_auth_user_deleted(
    struct nx_request *r, const Nx__UserDeleted *q, struct nodemgr *m)
{
	int error = 0;

	/* what is the operator's (0) nobody takes along */
	if (q->user_id) {
		nx_tickets_drop_user(m->hub, m->tickets, q->user_id);
		error = nodes_delete_of(m, q->user_id);
	}
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
		nx_tickets_give(m->hub, m->tickets);
	else
		nodes_peer_came(m, peer);
}
