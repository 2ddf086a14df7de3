/*
 * netd: NET_ADMIN, and of all system calls the loop, netlink, and the two ioctls
 * that ask which namespaces a socket lives in. No call that opens a file is
 * among them, so an empty root directory would add nothing, and would be in the
 * way of connecting to nexusd again.
 */
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>

#include "common/err.h"
#include "netd/sandbox.h"

static const struct nx_sys_rule calls[] = {
    {.name = "ioctl", .test = NX_ARG_EQ, .arg = 1, .value = SIOCGSKNS},
    {.name = "ioctl", .test = NX_ARG_EQ, .arg = 1, .value = NS_GET_USERNS},
};

const struct nx_sandbox netd_sandbox = {
    .name = "netd",
    .caps = 1ULL << CAP_NET_ADMIN,
    .nofile = 256,
    .sys_sets = NX_SYS_BASE | NX_SYS_CONNECT | NX_SYS_NETLINK,
    .sys = calls,
    .n_sys = NX_ARRAY_SIZE(calls),
};
