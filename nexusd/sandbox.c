/* nexusd: no capability, an empty root, and of all system calls the loop, its
 * own sockets, and socketpair. */
#include <linux/capability.h>
#include <sys/socket.h>

#include "common/err.h"
#include "nexusd/sandbox.h"

static const struct nx_sys_rule calls[] = {
    {.name = "accept4"},
    {.name = "socketpair", .test = NX_ARG_EQ, .arg = 0, .value = AF_UNIX},
};

const struct nx_sandbox nexusd_sandbox = {
    .name = "nexusd",
    .start_caps = 1ULL << CAP_SYS_CHROOT,
    .root = "/run/nexus/empty",
    .nofile = 512,
    .sys_sets = NX_SYS_BASE,
    .sys = calls,
    .n_sys = NX_ARRAY_SIZE(calls),
};
