/*
 * netd's part of nexus.conf. The launcher reads it too: it has to know whether
 * the host is to forward, and which bridge to look for when all is over.
 */
#ifndef NETD_CONF_H
#define NETD_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf.h"

/* An interface name without its NUL: IFNAMSIZ - 1. */
#define NETD_IFNAME_LEN 15

struct netd_conf {
	struct nx_conf_common common;
	char *bridge;  /* [netd] bridge = nexus0 */
	bool nat;      /* [netd] nat = yes: nodes reach the outside */
	bool spoofing; /* [netd] allow_spoofing = no */
	bool
	    isolate; /* [netd] isolate = no: an owner's nodes reach each other */
	bool lan;    /* [netd] reach_lan = no: nor the host's neighbours */
	bool teardown; /* [netd] teardown = no: remove the bridge at the end */
};
extern const struct nx_conf_key netd_conf_keys[];
extern const size_t netd_conf_count;

/* The bridge's address and what follows from it, in host byte order. */
struct netd_subnet {
	uint32_t address;
	uint32_t mask;
	uint32_t prefix; /* 8..30 */
	char text[32];   /* "10.0.42.1/24" */
};

/* "10.0.42.1/24". 0 or -EINVAL. */
int netd_subnet_parse(const char *text, struct netd_subnet *ret_subnet);
/* May @address with @prefix be a node's: in the subnet, neither the network's
 * own, nor the broadcast, nor the bridge's address? */
bool netd_subnet_holds(
    const struct netd_subnet *s, uint32_t address, uint32_t prefix);
/* [a-z0-9-]{1,15}, beginning with a letter. */
bool netd_ifname_valid(const char *name);

#endif
