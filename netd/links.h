/*
 * The nodes' links. Nothing about them is remembered here: the host's side of a
 * link carries the node's id in its name (the beginning) and in its alias (all
 * of it, with the address), and netd reads that back from the kernel.
 */
#ifndef NETD_LINKS_H
#define NETD_LINKS_H

#include <stddef.h>
#include <stdint.h>
#include <event2/event.h>

#include "common/id.h"
#include "netd/nfnl.h"
#include "netd/rtnl.h"

/* "nex-", ten digits of the id, one that tells successive links of one node
 * apart: the old one may still be on its way out when the new one comes. */
#define NETD_LINK_PREFIX "nex-"

/* What the alias says: "<id> 10.0.42.2". */
struct netd_owner {
	char node[NX_ID_LEN + 1];
	uint32_t address;
};
/* 0, or -EINVAL: not an alias of ours. */
int netd_owner_parse(const char *alias, struct netd_owner *ret_owner);
void netd_owner_format(const struct netd_owner *o, char alias[64]);

struct netd_links;

struct netd_links_config {
	struct event_base *base;
	int rtnl; /* borrowed */
	int nfnl; /* borrowed; -1: senders are not filtered */
	const char *bridge;
	int own_net, own_user; /* our own namespaces; borrowed */
};
int netd_links_new(
    const struct netd_links_config *config, struct netd_links **ret_links);
struct netd_links *netd_links_free(struct netd_links *l);

/*
 * Gives the node a link on bridge @index: host side, eth0 inside, its address
 * and route. @sock: rtnetlink socket opened inside (borrowed). May be repeated,
 * after a reply that got lost too. 0 and the host side's name, or -errno with a
 * sentence in @error; nothing is left then.
 */
int netd_links_attach(struct netd_links *l, uint32_t index,
    const struct netd_subnet *s, const struct netd_owner *owner, int sock,
    char ret_ifname[NETD_IFNAME_LEN + 1], char error[256]);

/*
 * The node's link may send nothing any more and is to go. Removing it takes the
 * kernel 33 ms, in which we could serve nobody; the end of the node's namespace
 * removes it for nothing. So that is given a second, then we do it.
 */
int netd_links_detach(struct netd_links *l, const char *node);

/* What links that are there already may send. *ret: free() it. */
int netd_links_bindings(
    int rtnl, const char *bridge, struct netd_binding **ret, size_t *ret_n);

#endif
