/*
 * Launching a node: from its volume to the exec of its init; see op.h.
 *
 * Why this is safe to grant to a gateway: the request names a node of the
 * ticket's user and carries no path, no number that reaches the kernel
 * unchecked, and no descriptor. What the node may do is fixed here and in the
 * tables of the filters and capabilities, not in the request.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "nodemgr/hosts.h"
#include "nodemgr/image.h"
#include "nodemgr/mnt.h"
#include "nodemgr/op.h"
#include "proto/net.pb-c.h"
#include "proto/storage.pb-c.h"

#define GATE_MS 15000 /* for the child's part, network included */

/* --- undoing ----------------------------------------------------------------- */

static void
undone(struct op *op)
{
	op->launched(op);
}

static void
undo_net(struct op *op)
{
	struct node *n = op->node;

	/* everything in the cgroup is dead: none of these waits */
	nx_boxed_destroy(&op->boxed);
	if (n->child)
		(void)waitpid(n->pid, NULL, 0);
	n->child = false;
	n->pid = 0;
	node_unwatch(n);
	nx_close(&op->cgroup);
	op_detach_net(op, undone);
}

static void
undo(struct op *op)
{
	op_cancel_timer(op);
	if (op->gate_event)
		event_free(op->gate_event);
	op->gate_event = NULL;
	nx_call_cancel(op->call);
	op->call = NULL;
	nx_close(&op->volume);
	if (op->node->state == NODE_RUNNING)
		op->node->state = NODE_STOPPED;
	op_clear_cgroup(op, undo_net);
}

static void
fail_step(struct op *op, const struct nx_fault *f)
{
	Nx__Status status = NX__STATUS__INTERNAL;

	if (f->error == -ENOSPC || f->error == -EDQUOT)
		status = NX__STATUS__FULL;
	op_fail(op, status, "the node did not start: %s: %s", f->step,
	    strerror(-f->error));
	undo(op);
}

static void
on_timeout(struct op *op)
{
	op_fail(op, NX__STATUS__DEADLINE,
	    "the node did not start within %d seconds", GATE_MS / 1000);
	undo(op);
}

/* --- it runs ------------------------------------------------------------------- */

static void
launched(struct op *op)
{
	op->launched(op);
}

static void
launch_saved(struct op *op)
{
	if (op->status != NX__STATUS__OK) {
		undo(op);
		return;
	}
	op_set_active(op, true, launched);
}

static void
launch_done(struct op *op)
{
	struct node *n = op->node;

	op_cancel_timer(op);
	event_free(op->gate_event);
	op->gate_event = NULL;
	nx_close(&op->boxed.gate);
	n->pid = op->boxed.pid;
	n->pid_start = node_pid_start(n->pid);
	n->child = true;
	snprintf(n->boot_id, sizeof(n->boot_id), "%s", op->m->boot_id);
	n->started_at = nx_wall_us() / 1000000;
	n->state = NODE_RUNNING;
	n->desired = true;
	n->fresh = n->kept = n->failed = false;
	n->exit_reason[0] = '\0';
	memset(n->samples, 0, sizeof(n->samples));
	op->boxed.pid = -1;
	if (node_watch(
		n, nx_take_fd(&op->boxed.pidfd), nx_take_fd(&op->cgroup)) < 0) {
		op_fail(op, NX__STATUS__INTERNAL, "out of memory");
		undo(op);
		return;
	}
	op_save(op, launch_saved);
}

/* --- the gate ------------------------------------------------------------------ */

static void
go_if_ready(struct op *op)
{
	if (!op->ready || !op->linked || op->went)
		return;
	op->went = true;
	(void)nx_gate_send(op->boxed.gate, NX_GATE_GO, 0, -1);
}

static void
on_linked(const struct nx_reply *reply, void *arg)
{
	struct op *op = arg;

	op->call = NULL;
	if (reply->status != NX__STATUS__OK) {
		op_fail_reply(op, reply, "no network for the node");
		undo(op);
		return;
	}
	op->linked = true;
	go_if_ready(op);
}

static void
link_node(struct op *op, int fd)
{
	Nx__NetAttachRequest request = NX__NET_ATTACH_REQUEST__INIT;

	request.node = op->node->id;
	request.name = op->node->name;
	request.address = op->node->address;
	request.prefix = op->m->prefix;
	op_call(op, NX_ROLE_NET, NX__METHOD__NET_ATTACH, &request.base, fd,
	    10000, on_linked);
}

/* True while there is more to hear. */
static bool
hear(struct op *op, const struct nx_gate_msg *msg, int fd)
{
	static const struct nx_fault vanished = {
	    .error = -ECANCELED,
	    .step = "its first process ended",
	};

	switch ((enum nx_gate_kind)msg->kind) {
	case NX_GATE_NETLINK:
		if (!op->call && !op->linked && nx_fd_is(fd, NX_FD_RTNETLINK))
			link_node(op, fd);
		return true;
	case NX_GATE_READY:
		op->ready = true;
		go_if_ready(op);
		return true;
	case NX_GATE_CLOSED:
		if (op->went)
			launch_done(op);
		else
			fail_step(op, &vanished);
		return false;
	case NX_GATE_FAILED:
	case NX_GATE_MAPPED:
	case NX_GATE_GO:
	case NX_GATE_CHILD:
	default: fail_step(op, &msg->fault); return false;
	}
}

static void
on_gate(evutil_socket_t gate, short what, void *arg)
{
	struct op *op = arg;
	struct nx_gate_msg msg;
	struct nx_fault f;
	bool more = true;
	int fd, r;

	(void)what;
	while (more) {
		r = nx_gate_recv(gate, &msg, &fd);
		if (r == 0)
			return;
		if (r < 0) {
			f.error = r;
			snprintf(f.step, sizeof(f.step), "read the gate");
			fail_step(op, &f);
			return;
		}
		more = hear(op, &msg, fd);
		nx_close(&fd);
	}
}

/* --- the box -------------------------------------------------------------------- */

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
	    .memory = n->memory,
	    .cpu_weight = n->cpu_weight,
	    .pids = n->pids_max,
	    /* the process that wants too much dies; if it is the main one,
		 * so does the node */
	    .oom_group = false,
	};

	n->limits_enforced = m->cgroups.controllers;
	op->cgroup = nx_cgroup_make(
	    m->cgroups.nodes, n->id, n->limits_enforced, &limits);
	NX_TRY(f, op->cgroup, "make the cgroup and set its limits");
	n->memory = limits.memory;
	return 0;
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
	    .hostname = n->name,
	    .scratch = op->m->scratch,
	    .map = {.outer_uid = n->uid_base,
		.outer_gid = n->uid_base,
		.count = NX_ID_RANGE},
	    .cgroup = op->cgroup,
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
	return nx_box_spawn(&box, &op->boxed, f);
}

static int
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

static void
on_volume(const struct nx_reply *reply, void *arg)
{
	struct op *op = arg;
	struct nx_fault f = {0};

	op->call = NULL;
	if (reply->status != NX__STATUS__OK || reply->n_fds != 1) {
		op_fail_reply(op, reply, "the volume cannot be attached");
		op_fail(op, NX__STATUS__INTERNAL, "no volume came");
		undo(op);
		return;
	}
	op->volume = nx_take_fd(&reply->fds[0]);
	if (make_box(op, &f) < 0) {
		fail_step(op, &f);
		return;
	}
	op_after(op, GATE_MS, on_timeout);
	op->gate_event = event_new(
	    op->m->base, op->boxed.gate, EV_READ | EV_PERSIST, on_gate, op);
	nx_assert(op->gate_event && event_add(op->gate_event, NULL) == 0);
}

void
op_launch(struct op *op, void (*then)(struct op *op))
{
	Nx__VolumeRequest request = NX__VOLUME_REQUEST__INIT;

	op->launched = then;
	request.node = op->node->id;
	op_call(op, NX_ROLE_STORAGE, NX__METHOD__VOLUME_ATTACH, &request.base,
	    -1, 30000, on_volume);
}
