/*
 * maild: no capability, and its own directory.
 */
#include "authd/maild/sandbox.h"

static struct nx_path_rule paths[] = {
    {"/var/lib/nexus/mail", .write = true},
};

const struct nx_sandbox maild_sandbox = {
    .name = "maild",
    .nofile = 64,
    .sys_sets = NX_SYS_BASE | NX_SYS_CONNECT | NX_SYS_FILES,
    .paths = paths,
    .n_paths = sizeof(paths) / sizeof(paths[0]),
};

void
maild_sandbox_dir(const char *dir)
{
	paths[0].path = dir;
}
