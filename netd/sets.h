/*
 * What the firewall's rules look up: elements of sets, the only part of the
 * firewall that changes while netd serves.
 *
 *	table bridge NAME	links (link . MAC . address): who may send what
 *				owners (link : user), owned (link . user):
 *				both ends of a frame have to be of one user
 *	table inet NAME		connected: networks the host is a part of
 */
#ifndef NETD_SETS_H
#define NETD_SETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netd/conf.h"

/* What a node's link may send, this hardware and this IPv4 address, and whose
 * it is. */
struct netd_binding {
	char ifname[NETD_IFNAME_LEN + 1];
	uint8_t mac[6];
	uint32_t address;
	uint32_t user;
};
/*
 * Puts @b into (or takes it out of) the three sets of the bridge table @table,
 * into all of them or none. 0, also when it is there (or not), or -errno.
 */
int netd_sets_bind(
    int fd, const char *table, const struct netd_binding *b, bool add);
/*
 * Takes out of those sets whatever none of the @n @links has. The number of
 * elements that went, or -errno.
 */
int netd_sets_keep(
    int fd, const char *table, const struct netd_binding *links, size_t n);

/* Addresses from @first to @last, in host byte order. */
struct netd_range {
	uint32_t first, last;
};
#define NETD_RANGES_MAX 64
/*
 * Makes the @n ranges the whole of "connected" of the table @table of family
 * inet, in one step. They are in order and neither touch nor overlap; at most
 * NETD_RANGES_MAX. 0 or -errno.
 */
int netd_sets_connected(
    int fd, const char *table, const struct netd_range *ranges, size_t n);

#endif
