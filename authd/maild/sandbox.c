/*
 * maild: no capability, and its own directory.
 */
#include "authd/maild/sandbox.h"
#include "common/err.h"

static struct nx_path_rule paths[] = {
    {"/var/lib/nexus/mail", .write = true},
};

const struct nx_sandbox maild_sandbox = {
    .name = "maild",
    .nofile = 64,
    .sys_sets = NX_SYS_BASE | NX_SYS_CONNECT | NX_SYS_FILES,
    .paths = paths,
    .n_paths = NX_ARRAY_SIZE(paths),
};

/* Directories, not files: resolv.conf and hosts are replaced by renaming, and
 * who holds on to the old ones asks the wrong server after the next lease. */
static struct nx_path_rule smtp_paths[] = {
    {"/var/lib/nexus/mail", .write = true},
    {.path = "/etc"},
    {.path = "/run/systemd/resolve"},
    {.path = "/run/resolvconf"},
    {.path = "/run/NetworkManager"},
    {.path = "/run/connman"},
};

const struct nx_sandbox maild_sandbox_smtp = {
    .name = "maild",
    .nofile = 256,
    .sys_sets = NX_SYS_BASE | NX_SYS_CONNECT | NX_SYS_FILES | NX_SYS_THREADS |
	NX_SYS_INET,
    .paths = smtp_paths,
    .n_paths = NX_ARRAY_SIZE(smtp_paths),
};

void
maild_sandbox_dir(const char *dir)
{
	paths[0].path = smtp_paths[0].path = dir;
}
