/*
 * netd: the bridge nexus0, the nodes' links to it, their addresses and their
 * way out. It runs as nexus-net with CAP_NET_ADMIN in the host's network
 * namespace, keeps no database and opens no file once it serves: the kernel and
 * nodemgr hold the truth. It trusts nodemgr for which node may have which
 * address, and a node with nothing.
 */
#ifndef NETD_NETD_H
#define NETD_NETD_H

#include "common/hub.h"
#include "common/subnet.h"
#include "netd/conf.h"
#include "netd/firewall.h"
#include "netd/links.h"
#include "netd/watch.h"

struct netd {
	struct netd_conf conf;
	struct nx_subnet subnet;
	int lock; /* on the bridge's name */
	int rtnl, nfnl;
	int own_net, own_user;
	struct netd_firewall firewall;
	struct netd_links *links;
	struct netd_watch *watch; /* NULL where there is no filter */
};

#endif
