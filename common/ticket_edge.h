/*
 * An audience's edge to authd: it gets the key that it makes tickets for us with,
 * and tells which sessions and users are no more. It is believed: identity is
 * its job. storaged and nodemgr have this edge; netd and gatewayd are no
 * audience, the one is asked by nodemgr alone, the other only carries tickets.
 */
#ifndef NX_TICKET_EDGE_H
#define NX_TICKET_EDGE_H

#include "common/hub.h"
#include "proto/auth.pb-c.h"

/* Gives authd the key: on every new edge to it. Without an edge, it is given
 * when there is one. */
void nx_tickets_give(struct nx_hub *hub, const struct nx_tickets *t);
/* serve_auth_revoke of an audience: answers @r. */
void nx_tickets_serve_revoke(
    struct nx_request *r, const Nx__Revoke *q, struct nx_tickets *t);
/* Nothing more for a user who is deleted, at once: authd's news of that and of
 * what it revoked come side by side, in no order. */
void nx_tickets_drop_user(
    struct nx_hub *hub, struct nx_tickets *t, uint64_t user_id);

#endif
