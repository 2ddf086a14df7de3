/*
 * What the parts of the gateway share: its configuration, its edges, its
 * server, the tables of routes it answers.
 */
#ifndef GW_GATEWAY_H
#define GW_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <event2/event.h>

#include "common/conf.h"
#include "common/hub.h"
#include "gatewayd/http/http.h"

struct tokens;
struct route_table;

struct gw_conf {
	struct nx_conf_common common;
	struct http_limits http;
	uint64_t drain_timeout; /* seconds a stop waits for requests */
	uint64_t max_uploads;   /* at once */
	uint64_t max_streams;   /* that wait for events */
	char *proxies;          /* addresses and networks, by commas */
	bool proxy_protocol;    /* they begin with its header */
	char *client_header;    /* theirs: X-Forwarded-For or Forwarded */
};
extern const struct nx_conf_key gw_conf_keys[];
extern const size_t gw_conf_count;

extern const struct route_table *const gw_routes[]; /* ends with NULL */

struct gw {
	struct event_base *base;
	struct nx_hub *hub;
	const struct gw_conf *conf;
	struct http_server *server;
	struct shares *shares;
	struct tokens *tokens;
	const struct route_table *const *routes; /* gw_routes */
};

#endif
