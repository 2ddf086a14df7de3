/*
 * The nexusd client: says hello on /run/nexus/nexus.sock and turns every
 * ATTACH into a new generation of an edge of the hub. Losing nexusd costs
 * nothing but new introductions; it is tried again every second.
 */
#ifndef NX_WIRE_H
#define NX_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/hub.h"

struct nx_wire;

struct nx_wire_config {
	struct event_base *base;
	struct nx_hub *hub;
	const char *path; /* of nexus.sock */
	uint32_t wants;   /* mask of roles, 0: every edge of the role */
	bool reconnect;   /* false: on_lost is called instead */
	void (*on_lost)(void *ctx);
	/* nexusd would have none of us, in its words or those of a connection
	 * that ended; NULL: a line in the log says so. It is tried again, or
	 * lost, in either case. */
	void (*on_refused)(void *ctx, const struct nx_reply *reply);
	void *ctx;
};

/* Connects now, waiting at most @wait_ms for nexusd to appear. Call it after
 * dropping to the own uid: SO_PEERCRED is taken at connect. 0 or -errno. */
int nx_wire_new(const struct nx_wire_config *config, int wait_ms,
    struct nx_wire **ret_wire);
struct nx_wire *nx_wire_free(struct nx_wire *wire);
/* To the hub, nexusd is a peer of role NX_ROLE_SWITCH: calls to it are calls
 * like any other. The hub's on_peer tells the wire here when it went. */
void nx_wire_peer_down(struct nx_wire *wire);
/* The same for any other peer: when it is still there, only the pair being
 * gone, nexusd makes a new one. */
void nx_wire_edge_down(struct nx_wire *wire, const struct nx_peer *peer);

#endif
