/*
 * What authd tells, and who comes and goes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/log.h"
#include "common/ticket_edge.h"
#include "storaged/care/care.h"
#include "storaged/catalog/catalog.h"
#include "storaged/downloads/downloads.h"
#include "storaged/storaged.h"
#include "storaged/trees/trees.h"
#include "storaged/uploads/uploads.h"
#include "proto/serve_storaged.h"

void
storaged_on_peer(struct nx_peer *peer, bool up, void *ctx)
{
	struct storaged *s = ctx;

	if (!up) {
		uploads_peer_gone(s->uploads, peer);
		downloads_peer_gone(s->downloads, peer);
	} else if (peer->role == NX_ROLE_AUTH)
		nx_tickets_give(s->hub, s->tickets);
}

void
serve_auth_revoke(struct nx_request *r, const Nx__Revoke *q, struct storaged *s)
{
	nx_tickets_serve_revoke(r, q, s->tickets);
}

struct drop_op {
	struct catalog_drop_user drop;
	struct storaged *s;
	struct nx_request *request;
};

static void
dropped(int result, void *arg)
{
	struct drop_op *op = arg;

	if (result != 0)
		refuse_catalog(op->request, result, "the user's files");
	else {
		nx_info("event=user-dropped user=%" PRIu64, op->drop.user);
		nx_answer_auth_user_deleted(op->request);
		collector_kick(op->s->collector);
	}
	free(op);
}

/*
 * Safe to grant: ids are never used again, so what is dropped can be nobody
 * else's. authd repeats it until we have answered. User 0 is the operator and
 * cannot be deleted.
 */
void
serve_auth_user_deleted(
    struct nx_request *r, const Nx__UserDeleted *q, struct storaged *s)
{
	struct drop_op *op;

	if (q->user_id == 0) {
		nx_refuse(r, NX__STATUS__INVALID, "a user has an id");
		return;
	}
	op = calloc(1, sizeof(*op));
	if (!op) {
		nx_refuse_errno(r, -ENOMEM, "deleting the user's files");
		return;
	}
	nx_tickets_drop_user(s->hub, s->tickets, q->user_id);
	uploads_user_gone(s->uploads, q->user_id);
	downloads_user_gone(s->downloads, q->user_id);
	op->s = s;
	op->request = r;
	op->drop.user = q->user_id;
	op->drop.done = dropped;
	op->drop.arg = op;
	catalog_drop_user(s->catalog, &op->drop);
}
