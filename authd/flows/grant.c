/* See grant.h. */
#include <string.h>

#include "authd/flows/grant.h"
#include "common/err.h"
#include "proto/serve_authd.h"

static void
seal(struct authd *a, enum nx_role audience, const struct auth_grant *g,
    uint64_t expiry_us, struct nx_ticket *t, ProtobufCBinaryData *ret_data)
{
	nx_assert(audience == NX_ROLE_STORAGE || audience == NX_ROLE_NODE);
	if (a->ticket_keys[audience].epoch == 0)
		return;
	*t = (struct nx_ticket){.audience = (uint32_t)audience,
	    .user_id = g->user->id,
	    .expiry_us = expiry_us,
	    .rights = g->rights};
	memcpy(t->session, g->session, sizeof(t->session));
	/* Places are storage's; a node is in none. */
	if (g->place && audience == NX_ROLE_STORAGE) {
		t->place_len = (uint32_t)strlen(g->place);
		nx_assert(t->place_len <= NX_PLACE_MAX);
		memcpy(t->place, g->place, t->place_len);
	}
	nx_ticket_seal(&a->ticket_keys[audience], t);
	*ret_data =
	    (ProtobufCBinaryData){nx_ticket_len((uint8_t *)t), (uint8_t *)t};
}

void
auth_grant_answer(
    struct authd *a, struct nx_request *r, const struct auth_grant *g)
{
	Nx__CheckTokenReply reply = NX__CHECK_TOKEN_REPLY__INIT;
	struct nx_ticket storage, node;
	int64_t left = g->expires - auth_now(a);
	uint64_t left_us = left > 0 ? (uint64_t)left * 1000000 : 0;

	if (left > (int64_t)(NX_TICKET_LIFE_US / 1000000))
		left_us = NX_TICKET_LIFE_US;
	reply.user_id = g->user->id;
	reply.username = (char *)(uintptr_t)g->user->username;
	reply.valid_until = a->clock.mono_us() + left_us;
	seal(a, NX_ROLE_STORAGE, g, reply.valid_until, &storage,
	    &reply.storage_ticket);
	seal(a, NX_ROLE_NODE, g, reply.valid_until, &node, &reply.node_ticket);
	nx_answer(r, &reply.base, NULL, 0);
	sodium_memzero(&storage, sizeof(storage));
	sodium_memzero(&node, sizeof(node));
}
