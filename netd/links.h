/*
 * The nodes' links: made, and taken away.
 */
#ifndef NETD_LINKS_H
#define NETD_LINKS_H

#include <stddef.h>
#include <stdint.h>
#include <event2/event.h>

#include "common/subnet.h"
#include "netd/conf.h"
#include "netd/owner.h"

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
    const struct nx_subnet *s, const struct netd_owner *owner, int sock,
    char ret_ifname[NETD_IFNAME_LEN + 1], char error[256]);

/*
 * The node's link may send nothing any more and is to go. Removing it takes the
 * kernel 33 ms, in which we could serve nobody; the end of the node's namespace
 * removes it for nothing. So that is given a second, then we do it.
 */
int netd_links_detach(struct netd_links *l, const char *node);

#endif
