/*
 * Whose link is it? Nothing about links is remembered in netd: the host's side
 * of one carries the node's id in its name (the beginning) and in its alias
 * (all of it, with the address), and that is read back from the kernel.
 */
#ifndef NETD_OWNER_H
#define NETD_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/id.h"
#include "netd/sets.h"
#include "netd/rtnl.h"

/* "nex-", ten digits of the id, one that tells successive links of one node
 * apart: the old one may still be on its way out when the new one comes. */
#define NETD_LINK_PREFIX "nex-"

/* What the alias says: "<id> 10.0.42.2 7". */
struct netd_owner {
	char node[NX_ID_LEN + 1];
	uint32_t address;
	uint32_t user; /* whose node it is; 0: the administrator's */
};
/* 0, or -EINVAL: not an alias of ours. */
int netd_owner_parse(const char *alias, struct netd_owner *ret_owner);
void
netd_owner_format(const struct netd_owner *o, char alias[NETD_ALIAS_LEN + 1]);

#define NETD_GENERATIONS 16
/* The name of the node's link number @generation. */
void netd_owner_ifname(
    const char *node, unsigned generation, char name[NETD_IFNAME_LEN + 1]);
/* Is this the host's side of a node's link on @bridge? */
bool netd_owner_is_link(const struct netd_link *link, const char *bridge);
/* What it may send, when it is @o's. */
void netd_owner_binding(const struct netd_link *link,
    const struct netd_owner *o, struct netd_binding *ret_binding);

/* What links that are there already may send. *ret: free() it. */
int netd_owner_bindings(
    int rtnl, const char *bridge, struct netd_binding **ret, size_t *ret_n);

#endif
