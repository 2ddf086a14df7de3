/*
 * What the parts of the gateway share: the loop, the edges, the limits, and
 * whether it is on its way out.
 */
#ifndef GW_GATEWAY_H
#define GW_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <event2/event.h>

#include "common/conf.h"
#include "common/hub.h"

struct conns;
struct tokens;

struct gw_conf {
	struct nx_conf_common common;
	uint64_t max_connections; /* in all */
	uint64_t max_per_address; /* of one client address */
	uint64_t header_timeout;  /* seconds, from a head's first byte */
	uint64_t idle_timeout;    /* seconds between requests */
	uint64_t min_rate;        /* bytes/s a client must keep up, both ways */
	uint64_t drain_timeout;   /* seconds a stop waits for requests */
};
extern const struct nx_conf_key gw_conf_keys[];
extern const size_t gw_conf_count;

struct gw {
	struct event_base *base;
	struct nx_hub *hub;
	const struct gw_conf *conf;
	struct conns *conns;
	struct tokens *tokens;
	size_t kept;   /* bytes of replies that clients have not taken */
	bool draining; /* finish what is there, take nothing new */
	void (*on_drained)(struct gw *gw); /* draining, and nobody is left */
};

#endif
