/*
 * The node's end, through a netlink socket that was opened inside the node. The
 * node may hold the same socket: what comes back is checked (rtnl.h), and the
 * worst it can do to us is to let an attach fail.
 */
#ifndef NETD_INSIDE_H
#define NETD_INSIDE_H

#include <stdint.h>

#include "common/subnet.h"
#include "netd/conf.h"
#include "netd/rtnl.h"

#define NETD_INSIDE_NAME "eth0"

/* lo up; eth0 up with @address and the default route through the bridge. 0 or
 * -errno. May be repeated. */
int netd_inside_configure(int sock, const struct nx_subnet *s, uint32_t address,
    uint64_t deadline_us);

/*
 * Whose namespace @sock lives in: it must be a namespace of a node, that is
 * owned by a user namespace other than our own (@own_user), and not our own
 * (@own_net). The namespace's fd, -EPERM when it is none, or -errno.
 */
int netd_inside_check(int sock, int own_net, int own_user);

#endif
