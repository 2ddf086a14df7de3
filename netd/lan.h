/*
 * The host's neighbourhood, which nodes do not reach unless told so
 * ([netd] reach_lan): all private addresses, which the rules name, and the
 * networks the host itself is a part of, which are found here.
 */
#ifndef NETD_LAN_H
#define NETD_LAN_H

#include <stddef.h>
#include <stdint.h>

#include "netd/sets.h"

/*
 * The networks that the main routing table reaches without a gateway, but for
 * those of link @bridge and for what is wider than a /8 (a default route into a
 * tunnel is no neighbourhood): in order, joined, at most NETD_RANGES_MAX. How
 * many, or -errno; -E2BIG: more than that, the first of them are there.
 */
int netd_lan_connected(
    int rtnl, uint32_t bridge, struct netd_range ret_ranges[NETD_RANGES_MAX]);

/* Sorts and joins @n ranges in place; how many are left. */
size_t netd_lan_join(struct netd_range *ranges, size_t n);

#endif
