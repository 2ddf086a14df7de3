/*
 * gatewayd: the program the network reaches. No capability, an empty root, and
 * no system call that opens, connects, binds or executes anything: what it can
 * reach are its edges, its clients, and descriptors it is handed.
 */
#include <linux/capability.h>

#include "common/err.h"
#include "gatewayd/sandbox.h"

static const struct nx_sys_rule calls[] = {
    {.name = "memfd_create"}, /* code of a function, on its way to nodemgr */
    {.name = "pread64"},      /* its output */
};

const struct nx_sandbox gatewayd_sandbox = {
    .name = "gatewayd",
    .start_caps = 1ULL << CAP_SYS_CHROOT,
    .root = "/run/nexus/empty",
    .nofile = 65536,
    .sys_sets = NX_SYS_BASE | NX_SYS_LISTEN | NX_SYS_SEND,
    .sys = calls,
    .n_sys = NX_ARRAY_SIZE(calls),
};
