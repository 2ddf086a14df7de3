/*
 * The bridge, and how Nexus knows its own: every link it makes is born in a
 * link group that follows from the bridge's name, in the same request that
 * makes it. What has our name but not our group and kind is a stranger's.
 */
#ifndef NETD_BRIDGE_H
#define NETD_BRIDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/subnet.h"
#include "netd/conf.h"
#include "netd/rtnl.h"

/* The link group of all links that belong to the bridge @name. */
uint32_t netd_group(const char *name);

/* The hardware address that goes with an IPv4 address: 02:6e and the address,
 * locally administered, the same at every start. */
void netd_mac(uint32_t address, uint8_t ret_mac[6]);

/*
 * Makes the bridge, or adopts our own, gives it the subnet's address (and takes
 * away what an earlier configuration gave it), and sets it up. 0, or -errno with
 * a sentence in @error; -EEXIST: a stranger's.
 */
int netd_bridge_ensure(int fd, const char *name, const struct nx_subnet *s,
    uint32_t *ret_index, char error[256]);

/*
 * Removes the bridge @name and every link of its group at once (one by one they
 * would take 33 ms each). 0, also when there is nothing of ours.
 */
int netd_bridge_remove(int fd, const char *name);

#endif
