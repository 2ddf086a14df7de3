/*
 * The rules, all in two tables of our own that carry the bridge's name: nothing
 * else on the host is read or touched.
 *
 *	table inet NAME		nodes and everybody else: of the host they reach
 *				an answer to ping, of its neighbourhood its name
 *				servers, of the rest what [netd] nat lets them;
 *				nothing new reaches them
 *	table bridge NAME	nodes among themselves: each sends only what is
 *				from its own MAC and IPv4 address, and to nodes
 *				of its own user
 *
 * Made at start with libnftables, which reads rules as text; afterwards only
 * elements come and go (sets.h). Counters in them (nft list table) tell what
 * was refused.
 */
#ifndef NETD_FIREWALL_H
#define NETD_FIREWALL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/subnet.h"
#include "netd/conf.h"
#include "netd/sets.h"

struct netd_firewall {
	bool nat;    /* as asked for, and as this kernel can */
	bool routed; /* table inet is there, */
	bool filter; /* table bridge is */
};

/*
 * Puts both tables in place, each in one step, replacing those of an earlier
 * run. @links: who may send what already. What this kernel cannot do is not an
 * error but a warning in the log, and false in *ret_firewall.
 */
void netd_firewall_setup(const struct netd_conf *conf,
    const struct nx_subnet *subnet, const struct netd_binding *links, size_t n,
    struct netd_firewall *ret_firewall);

#endif
