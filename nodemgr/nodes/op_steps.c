/*
 * Steps of operations that are made of smaller ones: emptying a cgroup, telling
 * storaged and netd, and the end of a node; see op.h.
 */
#include "common/fd.h"
#include "common/log.h"
#include "nodemgr/nodes/op.h"
#include "proto/net.rpc.h"
#include "proto/storage.rpc.h"

#define CLEAR_TRIES 2000 /* of 5 ms: 10 s */

static void
try_clear(struct op *op)
{
	struct nodemgr *m = op->m;
	nx_cleanup_fd int fd = nx_cgroup_open(m->cgroups.nodes, op->node->id);

	if (fd >= 0) {
		(void)nx_cgroup_kill(fd);
		if ((nx_cgroup_populated(fd) == 1 ||
			nx_cgroup_remove(m->cgroups.nodes, op->node->id) < 0) &&
		    op->tries++ < CLEAR_TRIES) {
			op_after(op, op->tries < 5 ? 1 : 5, try_clear);
			return;
		}
	}
	if (op->tries >= CLEAR_TRIES)
		nx_err("event=cgroup-not-empty node=%s", op->node->id);
	op->cleared(op);
}

void
op_clear_cgroup(struct op *op, void (*then)(struct op *op))
{
	op->cleared = then;
	op->tries = 0;
	try_clear(op);
}

static void
on_detached(const struct nx_reply *reply, void *arg)
{
	struct op *op = arg;

	op->call = NULL;
	if (reply->status != NX__STATUS__OK)
		nx_warn("event=net-detach-failed node=%s why=%s", op->node->id,
		    nx_log_safe(reply->error));
	op->detached(op);
}

void
op_detach_net(struct op *op, void (*then)(struct op *op))
{
	Nx__NetDetachRequest request = NX__NET_DETACH_REQUEST__INIT;

	op->detached = then;
	request.node = op->node->id;
	op_call(op, nx_ask_net_detach(&request), -1, 3000, on_detached);
}

static void
on_activated(const struct nx_reply *reply, void *arg)
{
	struct op *op = arg;

	op->call = NULL;
	if (reply->status != NX__STATUS__OK)
		nx_warn("event=set-active-failed node=%s why=%s", op->node->id,
		    nx_log_safe(reply->error));
	op->activated(op);
}

void
op_set_active(struct op *op, bool active, void (*then)(struct op *op))
{
	Nx__VolumeSetActiveRequest request =
	    NX__VOLUME_SET_ACTIVE_REQUEST__INIT;

	op->activated = then;
	request.node = op->node->id;
	request.active = active;
	op_call(op, nx_ask_volume_set_active(&request), -1, 5000, on_activated);
}

static void
end_over(struct op *op)
{
	op->ended(op);
}

static void
end_inactive(struct op *op)
{
	op_detach_net(op, end_over);
}

static void
end_cleared(struct op *op)
{
	struct node *n = op->node;

	/* init may be in there still, until the last command of an exec is
	 * reaped; nobody waits for that */
	node_unwatch(n);
	n->state = NODE_STOPPED;
	n->pid = 0;
	op_set_active(op, false, end_inactive);
}

void
op_end_node(struct op *op, bool stopped, void (*then)(struct op *op))
{
	op->ended = then;
	node_note_end(op->node, stopped);
	op_clear_cgroup(op, end_cleared);
}
