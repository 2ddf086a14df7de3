/*
 * netd's part of nexus.conf. The launcher reads it too: it has to know whether
 * the host is to forward, and which bridge to look for when all is over.
 */
#ifndef NETD_CONF_H
#define NETD_CONF_H

#include <stdbool.h>

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

/* [a-z0-9-]{1,15}, beginning with a letter. */
bool netd_ifname_valid(const char *name);

#endif
