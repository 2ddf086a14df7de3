/*
 * Steps that launch a node: from its volume to the exec of its init.
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
#include "common/log.h"
#include "common/reaper.h"
#include "nodemgr/nodes/steps.h"
#include "proto/net.rpc.h"
#include "proto/volume.rpc.h"

#define ATTACH_MS 30000
#define LINK_MS   10000
#define ACTIVE_MS 5000

bool
start_wanted(struct op *op)
{
	if (op->node->state == NODE_RUNNING)
		return false;
	if (op->node->state == NODE_STOPPED)
		return true;
	op_fail(op, NX__STATUS__CONFLICT,
	    "the node is being deleted: it cannot be started");
	return false;
}

static enum op_turn
fail_step(struct op *op, const struct nx_fault *f)
{
	Nx__Status status = NX__STATUS__INTERNAL;

	if (f->error == -ENOSPC || f->error == -EDQUOT)
		status = NX__STATUS__FULL;
	op_fail(op, status, "the node did not start: %s: %s", f->step,
	    strerror(-f->error));
	return OP_FAILED;
}

/* --- attach ------------------------------------------------------------------- */

static enum op_turn
attached(struct op *op, const struct nx_reply *reply)
{
	if (reply->status != NX__STATUS__OK || reply->n_fds != 1) {
		if (reply->status != NX__STATUS__OK)
			op_fail_reply(
			    op, reply, "the volume cannot be attached");
		op_fail(op, NX__STATUS__INTERNAL, "no volume came");
		return OP_FAILED;
	}
	nx_assert(op->volume < 0);
	op->volume = nx_take_fd(&reply->fds[0]);
	return OP_NEXT;
}

/* A detached mount, which goes with its last descriptor. */
enum op_turn
attach(struct op *op)
{
	Nx__VolumeRequest request = NX__VOLUME_REQUEST__INIT;

	request.node = op->node->id;
	return op_call(
	    op, nx_ask_volume_attach(&request), -1, ATTACH_MS, attached);
}

/* storaged keeps no account of who holds the mount: closing it is all. That a
 * service was away says nothing of the node, which is then what it was. */
enum op_turn
unattach(struct op *op)
{
	struct node *n = op->node;

	nx_close(&op->volume);
	if (op->status == NX__STATUS__UNAVAILABLE)
		return OP_NEXT;
	n->failed = true;
	snprintf(n->exit_reason, sizeof(n->exit_reason), "start failed");
	return OP_NEXT;
}

/* --- box ---------------------------------------------------------------------- */

/* A process that builds its root behind the gate. Its deadline is for all that
 * comes before `run`; the warden tells what it says and its end (watch.c). */
enum op_turn
box(struct op *op)
{
	struct nx_fault f = {0};
	struct node *n = op->node;

	nx_assert(op->volume >= 0 && !op->ready && !op->linked);
	if (make_box(op, &f) < 0)
		return fail_step(op, &f);
	n->status = -1;
	n->pid = n->warden.p.pid;
	n->pid_start = node_pid_start(n->pid);
	nx_warden_watch(&n->warden, NODE_START_MS); /* until it runs */
	return OP_NEXT;
}

/* --- network ------------------------------------------------------------------ */

enum op_turn
net_attach(struct op *op,
    enum op_turn (*replied)(struct op *op, const struct nx_reply *reply))
{
	nx_cleanup_fd int fd = nx_take_fd(&op->netlink);
	Nx__NetAttachRequest request = NX__NET_ATTACH_REQUEST__INIT;

	request.node = op->node->id;
	request.name = op->node->name;
	request.address = op->node->address;
	request.prefix = op->m->subnet.prefix;
	request.owner = op->node->owner;
	return op_call(op, nx_ask_net_attach(&request), fd, LINK_MS, replied);
}

/* Without a word: killed, most likely, and most likely for its memory. */
static enum op_turn
fail_vanished(struct op *op)
{
	static const struct nx_fault vanished = {
	    .error = -ECANCELED,
	    .step = "its first process ended",
	};
	struct nx_cgroup_stat stat = {0};

	(void)nx_cgroup_read(op->node->warden.cgroup, &stat);
	if (stat.oom_kills)
		op_fail(op, NX__STATUS__INVALID,
		    "the node did not start: its memory of %s is too small",
		    nx_size_format(op->node->memory));
	return fail_step(op, &vanished);
}

static enum op_turn
linked(struct op *op, const struct nx_reply *reply)
{
	if (reply->status != NX__STATUS__OK) {
		op_fail_reply(op, reply, "no network for the node");
		return OP_FAILED;
	}
	op->linked = true;
	return network(op);
}

/* The child builds its root meanwhile: both must be done. */
enum op_turn
network(struct op *op)
{
	op->heard = network;
	if (op->fault.error)
		return fail_step(op, &op->fault);
	if (op->node->warden.p.gate < 0)
		return fail_vanished(op);
	if (op->netlink >= 0 && !op->linked && !op->call)
		return net_attach(op, linked);
	return op->linked && op->ready ? OP_NEXT : OP_WAIT;
}

static enum op_turn
unlinked(struct op *op, const struct nx_reply *reply)
{
	if (reply->status != NX__STATUS__OK)
		nx_warn("event=net-detach-failed node=%s why=%s", op->node->id,
		    nx_log_safe(reply->error));
	return OP_NEXT;
}

/* The address is free for others afterwards. netd being away is no failure:
 * the link went with the node's network, and a netd that is new knows none. */
enum op_turn
unlink_net(struct op *op)
{
	Nx__NetDetachRequest request = NX__NET_DETACH_REQUEST__INIT;

	request.node = op->node->id;
	return op_call(op, nx_ask_net_detach(&request), -1, 3000, unlinked);
}

enum op_turn
unnetwork(struct op *op)
{
	nx_close(&op->netlink);
	return unlink_net(op);
}

/* --- exec --------------------------------------------------------------------- */

/* It has gone, and cannot run what it was to run: the user's mistake, who may
 * find more in what it wrote. */
static enum op_turn
fail_program(struct op *op)
{
	const struct nx_fault *f = &op->fault;
	char last[200];

	node_log_last(op->node, last, sizeof(last));
	op_fail(op, NX__STATUS__INVALID,
	    "the node did not start: it cannot run %s: %s%s%s", f->step,
	    strerror(-f->error), last[0] ? "; its log ends with: " : "", last);
	return OP_FAILED;
}

/* It was told to go, and the gate is closed: by the exec, or by its death? */
static bool
has_become(const struct op *op)
{
	char word[16];
	int value;

	return !nx_pidfd_ended(op->node->warden.p.pidfd) ||
	    node_status_read(op->node, word, &value);
}

static enum op_turn
gone(struct op *op)
{
	if (op->fault.error)
		return op->program ? fail_program(op)
				   : fail_step(op, &op->fault);
	if (op->node->warden.p.gate >= 0)
		return OP_WAIT;
	return has_become(op) ? OP_NEXT : fail_vanished(op);
}

enum op_turn
go(struct op *op)
{
	nx_assert(op->ready && op->linked);
	/* what it says may be here already, and then nothing more comes */
	op->heard = gone;
	(void)nx_gate_send(op->node->warden.p.gate, NX_GATE_GO, 0, -1);
	return gone(op);
}

/* --- run ---------------------------------------------------------------------- */

enum op_turn
run(struct op *op)
{
	struct node *n = op->node;

	nx_assert(n->warden.p.gate < 0);
	op_quiet(op);
	nx_warden_deadline(&n->warden, 0);
	snprintf(n->boot_id, sizeof(n->boot_id), "%s", op->m->boot_id);
	n->started_at = nx_wall_us() / 1000000;
	n->state = NODE_RUNNING;
	n->desired = true;
	n->fresh = n->kept = n->failed = false;
	n->exit_reason[0] = '\0';
	memset(n->samples, 0, sizeof(n->samples));
	if (n->warden.p.pid < 0) /* that was short */
		op_begin(n, OP_END, false, false);
	return op_save_over(op);
}

/* What is in the box is killed with it (empty). */
enum op_turn
unrun(struct op *op)
{
	struct node *n = op->node;

	if (n->state == NODE_RUNNING)
		n->state = NODE_STOPPED;
	return OP_NEXT;
}

/* --- active ------------------------------------------------------------------- */

static enum op_turn
activated(struct op *op, const struct nx_reply *reply)
{
	if (reply->status != NX__STATUS__OK)
		nx_warn("event=set-active-failed node=%s why=%s", op->node->id,
		    nx_log_safe(reply->error));
	return OP_NEXT;
}

static enum op_turn
set_active(struct op *op, bool value)
{
	Nx__VolumeSetActiveRequest request =
	    NX__VOLUME_SET_ACTIVE_REQUEST__INIT;

	request.node = op->node->id;
	request.active = value;
	return op_call(
	    op, nx_ask_volume_set_active(&request), -1, ACTIVE_MS, activated);
}

/* storaged being away is no failure: it is told when it is back (recover.c). */
enum op_turn
active(struct op *op)
{
	return set_active(op, true);
}

enum op_turn
inactive(struct op *op)
{
	return op->ran && !op->drained ? set_active(op, false) : OP_NEXT;
}
