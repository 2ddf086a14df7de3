/*
 * The few firewall requests that are made while netd serves, as the plain
 * netlink messages they are: a set element in or out, a table away. No rule is
 * parsed at run time; netd/firewall.c sets the tables up at start.
 */
#ifndef NETD_NFNL_H
#define NETD_NFNL_H

#include <stdbool.h>
#include <stdint.h>

#include "netd/conf.h"

/* AF_NETLINK, NETLINK_NETFILTER. The fd or -errno: -EPROTONOSUPPORT when the
 * kernel has none. */
int netd_nfnl_open(void);

/* What a node's link may send: this hardware and this IPv4 address. */
struct netd_binding {
	char ifname[NETD_IFNAME_LEN + 1];
	uint8_t mac[6];
	uint32_t address;
};
/* Puts it into (or takes it out of) the set "links" of the bridge table
 * @table. 0, also when it is there (or not), or -errno. */
int netd_nfnl_bind(
    int fd, const char *table, const struct netd_binding *b, bool add);
/* Removes table @table of @family (NFPROTO_*). 0, also when there is none. */
int netd_nfnl_delete_table(int fd, uint8_t family, const char *table);

#endif
