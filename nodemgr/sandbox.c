/*
 * nodemgr's confinement. Three capabilities make a whole container:
 *
 *	SYS_ADMIN	namespaces that are not of its own user, mounts, idmaps
 *	SETUID, SETGID	the id maps of the nodes' user namespaces
 *
 * Everything in a node inherits this filter (and no_new_privs with it, so that
 * set-user-id programs gain nothing there), beneath the filter of its own. So
 * the list is what nodemgr needs and what nodes may use; what nodes may try but
 * not do (syscalls.h, REFUSED) is refused here unless nodemgr needs it itself,
 * and what would hurt the host kills. Calls newer than libseccomp get ENOSYS.
 */
#include <linux/capability.h>

#include "common/err.h"
#include "nodemgr/sandbox.h"
#include "nodemgr/box/box.h"

#define ALLOW(call)  {.name = #call},
#define REFUSE(call) {.name = #call, .refuse_errno = 1 /* EPERM */},

static const struct nx_sys_rule sys[] = {
    NX_SYSCALLS_COMMON(ALLOW) NX_SYSCALLS_NODE(ALLOW) NX_SYSCALLS_MANAGER(ALLOW)
	NX_SYSCALLS_REFUSED(REFUSE)};

const struct nx_sandbox nodemgr_sandbox = {
    .name = "nodemgr",
    .caps = 1ULL << CAP_SYS_ADMIN | 1ULL << CAP_SETUID | 1ULL << CAP_SETGID,
    .keep_dumpable = true,
    .nofile = 65536,
    .sys_sets = NX_SYS_BASE | NX_SYS_CONNECT | NX_SYS_FILES | NX_SYS_SQLITE |
	NX_SYS_SPAWN,
    .sys = sys,
    .n_sys = NX_ARRAY_SIZE(sys),
    .unknown_enosys = true,
    .no_landlock = true, /* it would deny every mount */
};
