/* The key's way to authd, and what authd revokes. */
#include "common/log.h"
#include "common/ticket_edge.h"
#include "proto/auth.rpc.h"

static void
given(const struct nx_reply *reply, void *arg)
{
	(void)arg;
	if (reply->status == NX__STATUS__OK)
		nx_debug("event=ticket-key-given");
	else
		nx_warn("event=ticket-key-not-given reason=%s",
		    nx_log_safe(reply->error));
}

void
nx_tickets_give(struct nx_hub *hub, const struct nx_tickets *t)
{
	const struct nx_ticket_key *key = nx_tickets_key(t);
	Nx__TicketKey message = NX__TICKET_KEY__INIT;

	message.epoch = key->epoch;
	message.key.data = (uint8_t *)(uintptr_t)key->key;
	message.key.len = sizeof(key->key);
	(void)nx_call(hub, nx_ask_auth_ticket_key(&message), NULL, given, NULL);
}

/* With a new key when too much would have to be remembered. */
static void
revoke(struct nx_hub *hub, struct nx_tickets *t, uint64_t user_id,
    const uint8_t *session)
{
	if (nx_tickets_revoke(t, user_id, session))
		nx_tickets_give(hub, t);
}

void
nx_tickets_serve_revoke(
    struct nx_request *r, const Nx__Revoke *q, struct nx_tickets *t)
{
	if (q->session.len != 0 && q->session.len != NX_SESSION_LEN) {
		nx_refuse(r, NX__STATUS__INVALID, "a session has %d bytes",
		    NX_SESSION_LEN);
		return;
	}
	revoke(r->hub, t, q->user_id, q->session.len ? q->session.data : NULL);
	nx_answer_auth_revoke(r);
}

void
nx_tickets_drop_user(struct nx_hub *hub, struct nx_tickets *t, uint64_t user_id)
{
	revoke(hub, t, user_id, NULL);
}
