/*
 * The box of a node: its cgroup with the limits, the layers of its root with
 * their ids mapped, its log, and what nexus-init is told.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/nodes/hosts.h"
#include "nodemgr/images/images.h"
#include "nodemgr/box/box.h"
#include "nodemgr/nodes/steps.h"

static char *const node_env[] = {
    (char *)(uintptr_t) "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
			"/usr/bin:/sbin:/bin",
    (char *)(uintptr_t) "HOME=/root",
    (char *)(uintptr_t) "LANG=C.UTF-8",
    (char *)(uintptr_t) "container=nexus",
    NULL,
};

/* nexus-init -l LIMIT -- COMMAND... */
static char **
init_argv(const struct node *n, char limit[24])
{
	static char name[] = "nexus-init", log[] = "-l", end[] = "--";
	char **argv = node_command_get(n, 4);

	if (!argv)
		return NULL;
	snprintf(limit, 24, "%llu", (unsigned long long)n->m->conf.log_size);
	argv[0] = name;
	argv[1] = log;
	argv[2] = limit;
	argv[3] = end;
	return argv;
}

static int
make_cgroup(struct op *op, struct nx_fault *f)
{
	struct nodemgr *m = op->m;
	struct node *n = op->node;
	struct nx_limits limits = {
	    .value = {[NX_NODE_MEMORY] = n->memory,
		[NX_NODE_CPU] = n->cpu_weight,
		[NX_NODE_PIDS] = n->pids_max},
	    /* the process that wants too much dies; if it is the main one,
		 * so does the node */
	    .oom_group = false,
	};
	int r;

	n->limits_enforced = m->cgroups.controllers;
	r = nx_warden_group(&n->warden, m->cgroups.nodes, n->id,
	    n->limits_enforced, &limits, f);
	if (r == 0)
		n->memory = limits.value[NX_NODE_MEMORY];
	return r;
}

/* The layers as the node is to see them: on disk are the ids 0..65535, the
 * mounts show them as the node's. */
static int
open_layers(
    struct op *op, struct nx_image_mounts *ret_mounts, struct nx_fault *f)
{
	uint32_t base = op->node->uid_base;
	const struct nx_idmap whole = {
	    .outer_uid = base, .outer_gid = base, .count = NX_ID_RANGE};
	nx_cleanup_fd int userns = nx_idmap_userns(&whole);

	NX_TRY(f, userns, "make a user namespace");
	NX_TRY(f, nx_mnt_set(op->volume, MOUNT_ATTR_NODEV, userns),
	    "map the volume's ids");
	return nx_image_open(
	    op->m->images, op->node->image, base, userns, ret_mounts, f);
}

/* All descriptors are lent: the child has copies, and ours close afterwards. */
static int
spawn(struct op *op, struct nx_image_mounts *mounts, int log, int status,
    struct nx_fault *f)
{
	nx_cleanup_free char *hosts = hosts_text(op->node);
	nx_cleanup_free char *resolv = resolv_text();
	nx_cleanup_free char **argv = NULL;
	struct node *n = op->node;
	char limit[24];
	struct nx_box box = {
	    .kind = &nx_box_node,
	    .max_procs = n->limits_enforced ? 0 : n->pids_max,
	    .hostname = n->name,
	    .scratch = op->m->scratch,
	    .map = {.outer_uid = n->uid_base,
		.outer_gid = n->uid_base,
		.count = NX_ID_RANGE},
	    .cgroup = n->warden.cgroup,
	    .fds = {[NX_BOX_GATE] = -1,
		[NX_BOX_INIT] = op->m->init,
		[NX_BOX_STATUS] = status,
		[NX_BOX_ROOT] = mounts->root,
		[NX_BOX_USR] = mounts->usr,
		[NX_BOX_VOLUME] = op->volume,
		[NX_BOX_LOG] = log,
		[NX_BOX_CODE] = -1,
		[NX_BOX_OUT] = -1,
		[NX_BOX_ERR] = -1},
	    .filter = &op->m->node_filter,
	    .envp = node_env,
	    .hosts = hosts,
	    .resolv = resolv,
	    .fresh = n->fresh,
	};

	argv = init_argv(n, limit);
	if (!argv || !hosts || !resolv)
		return nx_step(f, -ENOMEM, "memory");
	box.argv = argv;
	return nx_box_spawn(&box, &n->warden.p, f);
}

int
make_box(struct op *op, struct nx_fault *f)
{
	struct nx_image_mounts mounts = {-1, -1};
	nx_cleanup_fd int log = -1, status = -1;
	struct node *n = op->node;
	int r;

	r = make_cgroup(op, f);
	if (r == 0)
		r = log = nx_step(f, node_log_open(n), "open the log");
	if (r >= 0)
		r = status =
		    nx_step(f, node_status_open(n), "open the status file");
	if (r >= 0)
		r = open_layers(op, &mounts, f);
	if (r == 0)
		r = spawn(op, &mounts, log, status, f);
	nx_image_mounts_fini(&mounts);
	nx_close(&op->volume);
	return r;
}
