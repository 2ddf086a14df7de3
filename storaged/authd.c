/*
 * The edge to authd: it gets the key it makes tickets for us with, and tells
 * which sessions and users are no more. It is believed: identity is its job.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/care/care.h"
#include "storaged/catalog/catalog.h"
#include "storaged/downloads/downloads.h"
#include "storaged/storaged.h"
#include "storaged/trees/trees.h"
#include "storaged/uploads/uploads.h"
#include "proto/serve_storaged.h"

static void
key_given(const struct nx_reply *reply, void *arg)
{
	struct storaged *s = arg;

	if (reply->status == NX__STATUS__OK)
		nx_debug("event=ticket-key-given");
	else
		nx_warn(
		    "event=ticket-key-not-given reason=\"%s\"", reply->error);
	(void)s;
}

/* authd can make tickets for us only with our key: on every new edge to it,
 * and whenever the key has changed. */
static void
give_key(struct storaged *s)
{
	const struct nx_ticket_key *key = nx_tickets_key(s->tickets);
	Nx__TicketKey message = NX__TICKET_KEY__INIT;
	uint8_t copy[NX_TICKET_KEY_LEN];

	memcpy(copy, key->key, sizeof(copy));
	message.epoch = key->epoch;
	message.key.data = copy;
	message.key.len = sizeof(copy);
	(void)nx_call(
	    s->hub, nx_ask_auth_ticket_key(&message), NULL, key_given, s);
	explicit_bzero(copy, sizeof(copy));
}

void
storaged_on_peer(struct nx_peer *peer, bool up, void *ctx)
{
	struct storaged *s = ctx;

	if (!up) {
		uploads_peer_gone(s->uploads, peer);
		downloads_peer_gone(s->downloads, peer);
	} else if (peer->role == NX_ROLE_AUTH)
		give_key(s);
}

void
serve_auth_revoke(struct nx_request *r, const Nx__Revoke *q, struct storaged *s)
{
	if (q->session.len != 0 && q->session.len != NX_SESSION_LEN) {
		nx_refuse(r, NX__STATUS__INVALID, "a session has %d bytes",
		    NX_SESSION_LEN);
		return;
	}
	if (nx_tickets_revoke(s->tickets, q->user_id,
		q->session.len ? q->session.data : NULL))
		give_key(s);
	nx_answer_auth_revoke(r);
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
	if (nx_tickets_revoke(s->tickets, q->user_id, NULL))
		give_key(s);
	uploads_user_gone(s->uploads, q->user_id);
	downloads_user_gone(s->downloads, q->user_id);
	op->s = s;
	op->request = r;
	op->drop.user = q->user_id;
	op->drop.done = dropped;
	op->drop.arg = op;
	catalog_drop_user(s->catalog, &op->drop);
}
