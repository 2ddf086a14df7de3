/*
 * Deleting nodes.
 *
 * Why this is safe to grant: only its owner or an admin reaches a node, and
 * storaged moves what others keep on its volume or refuses; it is told who
 * asks, whose own files may be lost with `force`, and whether an admin said
 * that any may. What nobody waits for (a half-made node, a deleted user's)
 * loses nothing, however long it takes.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/err.h"
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

#define RETRY_MIN_S 10U
#define RETRY_MAX_S 600U

/* Emptying a volume reads much: what is refused is not tried at every turn. */
static void
retry_later(struct node *n)
{
	n->retry_s = n->retry_s ? n->retry_s * 2 : RETRY_MIN_S;
	if (n->retry_s > RETRY_MAX_S)
		n->retry_s = RETRY_MAX_S;
	n->retry_us = nx_now_us() + n->retry_s * 1000000ULL;
}

static void
note_lost(struct op *op, const Nx__VolumeDeleteReply *body)
{
	op->chunks_moved = body->chunks_moved;
	op->files_lost = body->files_lost;
	op->lost = calloc(OP_LOST_MAX, sizeof(*op->lost));
	for (size_t i = 0; op->lost && i < body->n_lost && i < OP_LOST_MAX;
	     i++) {
		struct op_lost *lost = &op->lost[op->n_lost++];

		(void)snprintf(
		    lost->id, sizeof(lost->id), "%s", body->lost[i]->id);
		(void)snprintf(
		    lost->name, sizeof(lost->name), "%s", body->lost[i]->name);
		lost->owner = body->lost[i]->owner;
	}
}

static void
on_volume_deleted(const struct nx_reply *reply, void *arg)
{
	struct op *op = arg;
	struct node *n = op->node;

	op->call = NULL;
	if (reply->status == NX__STATUS__OK)
		note_lost(op, nx_as_volume_delete_reply(reply->body));
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
	} else
		retry_later(n);
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
	/* nobody's word: nothing may be lost */
	request.force = op->r && op->force;
	request.owner = op->r ? op->r->who.user_id : op->node->owner;
	request.lose_files = op->r && op->lose_files;
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
