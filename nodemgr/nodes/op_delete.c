/*
 * Deleting nodes; see op.h.
 *
 * Why this is safe to grant: only its owner or an admin reaches a node, and
 * only with `force` is anything lost that somebody else may have stored on its
 * volume; without, storaged moves it first or refuses.
 */
#include <signal.h>

#include "nodemgr/nodes/op.h"
#include "proto/storage.rpc.h"

static void
gone(struct op *op)
{
	if (op->status != NX__STATUS__OK) {
		op_finish(op, false);
		return;
	}
	node_files_remove(op->node);
	op_finish(op, true);
}

static void
delete_row(struct op *op)
{
	op_unsave(op, gone);
}

static void
delete_refused(struct op *op)
{
	op_finish(op, false);
}

static void
on_volume_deleted(const struct nx_reply *reply, void *arg)
{
	const Nx__VolumeDeleteReply *body;
	struct op *op = arg;
	struct node *n = op->node;

	op->call = NULL;
	if (reply->status == NX__STATUS__OK) {
		body = nx_as_volume_delete_reply(reply->body);
		op->chunks_moved = body->chunks_moved;
		op->files_lost = body->files_lost;
	}
	if (reply->status == NX__STATUS__OK ||
	    reply->status == NX__STATUS__NOT_FOUND) {
		op_detach_net(op, delete_row);
		return;
	}
	op_fail_reply(op, reply, "the volume cannot be deleted");
	/* what nobody waits for (a half-made node, a deleted user's) and what
	 * only lacks storaged is tried again until it is done; anything else
	 * leaves a stopped node */
	if (!n->force ||
	    (op->r && reply->status != NX__STATUS__UNAVAILABLE &&
		reply->status != NX__STATUS__DEADLINE)) {
		n->state = NODE_STOPPED;
		n->force = false;
	}
	op_save(op, delete_refused);
}

static void
delete_volume(struct op *op)
{
	Nx__VolumeDeleteRequest request = NX__VOLUME_DELETE_REQUEST__INIT;

	if (op->status != NX__STATUS__OK) {
		op->node->state = NODE_STOPPED;
		op_finish(op, false);
		return;
	}
	request.node = op->node->id;
	request.force = op->force;
	op_call(
	    op, nx_ask_volume_delete(&request), -1, 600000, on_volume_deleted);
}

static void
delete_stopped(struct op *op)
{
	op->node->state = NODE_DELETING;
	op->node->force = op->force;
	op->node->desired = op->node->kept = false;
	op_save(op, delete_volume);
}

static void
delete_ended(struct op *op)
{
	op_end_node(op, true, delete_stopped);
}

void
op_delete(struct op *op)
{
	struct node *n = op->node;

	if (n->force)
		op->force = true; /* a deletion that is being finished */
	if (n->state == NODE_RUNNING && !op->force) {
		op_fail(op, NX__STATUS__CONFLICT,
		    "the node is running: stop it first, or delete it by "
		    "force");
		op_finish(op, false);
	} else if (n->state == NODE_RUNNING) {
		/* the pidfd may have told of the end already */
		(void)nx_cgroup_kill(n->cgroup);
		delete_ended(op);
	} else {
		op_clear_cgroup(op, delete_stopped);
	}
}
