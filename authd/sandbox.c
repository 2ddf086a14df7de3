/*
 * authd: no capability, and its own directory. It opens no socket but the one to
 * nexusd.
 */
#include "authd/sandbox.h"

static struct nx_path_rule paths[] = {
    {"/var/lib/nexus/auth", .write = true},
};

const struct nx_sandbox authd_sandbox = {
    .name = "authd",
    .nofile = 256,
    .sys_sets = NX_SYS_BASE | NX_SYS_CONNECT | NX_SYS_FILES | NX_SYS_SQLITE,
    .paths = paths,
    .n_paths = sizeof(paths) / sizeof(paths[0]),
};

void
authd_sandbox_dir(const char *dir)
{
	paths[0].path = dir;
}
