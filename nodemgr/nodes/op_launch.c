/*
 * Launching a node: from its volume to the exec of its init; see op.h.
 *
 * Why this is safe to grant to a gateway: the request names a node of the
 * ticket's user and carries no path, no number that reaches the kernel
 * unchecked, and no descriptor. What the node may do is fixed here and in the
 * tables of the filters and capabilities, not in the request.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/reaper.h"
#include "nodemgr/nodes/op.h"
#include "proto/net.rpc.h"
#include "proto/storage.rpc.h"

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

	nx_boxed_destroy(&op->boxed);
	node_unwatch(n);
	n->pid = 0;
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
	snprintf(n->boot_id, sizeof(n->boot_id), "%s", op->m->boot_id);
	n->started_at = nx_wall_us() / 1000000;
	n->state = NODE_RUNNING;
	n->desired = true;
	n->fresh = n->kept = n->failed = false;
	n->exit_reason[0] = '\0';
	memset(n->samples, 0, sizeof(n->samples));
	op->boxed.pid = -1;
	if (node_watch(n, nx_take_fd(&op->boxed.pidfd), nx_take_fd(&op->cgroup),
		true) < 0) {
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
	request.owner = op->node->owner;
	op_call(op, nx_ask_net_attach(&request), fd, 10000, on_linked);
}

static void
fail_vanished(struct op *op)
{
	static const struct nx_fault vanished = {
	    .error = -ECANCELED,
	    .step = "its first process ended",
	};
	struct nx_cgroup_stat stat = {0};

	(void)nx_cgroup_read(op->cgroup, &stat);
	if (stat.oom_kills)
		op_fail(op, NX__STATUS__INVALID,
		    "the node did not start: its memory of %s is too small",
		    nx_size_format(op->node->memory));
	fail_step(op, &vanished);
}

/* It was told to go, and the gate is closed: by the exec, or by its death? */
static bool
has_become(const struct op *op)
{
	char word[16];
	int value;

	return op->went &&
	    (!nx_pidfd_ended(op->boxed.pidfd) ||
		node_status_read(op->node, word, &value));
}

/* True while there is more to hear. */
static bool
hear(struct op *op, const struct nx_gate_msg *msg, int fd)
{
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
		if (has_become(op))
			launch_done(op);
		else
			fail_vanished(op);
		return false;
	case NX_GATE_FAILED:
	case NX_GATE_MAPPED:
	case NX_GATE_GO:
	case NX_GATE_CHILD:
	case NX_GATE_TERMINAL:
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
	if (op_make_box(op, &f) < 0) {
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
	op_call(op, nx_ask_volume_attach(&request), -1, 30000, on_volume);
}
