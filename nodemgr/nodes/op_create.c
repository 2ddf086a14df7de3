/*
 * Creating and starting nodes; see op.h.
 */
#include <stdio.h>

#include "common/log.h"
#include "nodemgr/nodes/op.h"
#include "proto/storage.rpc.h"

/* --- start -------------------------------------------------------------------- */

static void
start_over(struct op *op)
{
	op_finish(op, false);
}

static void
start_launched(struct op *op)
{
	struct node *n = op->node;

	if (op->status == NX__STATUS__OK) {
		op_finish(op, false);
		return;
	}
	n->failed = true;
	snprintf(n->exit_reason, sizeof(n->exit_reason), "start failed");
	op_save(op, start_over);
}

void
op_start(struct op *op)
{
	if (op->node->state == NODE_RUNNING) {
		op_finish(op, false);
	} else if (op->node->state != NODE_STOPPED) {
		op_fail(op, NX__STATUS__CONFLICT,
		    "the node is being deleted: it cannot be started");
		op_finish(op, false);
	} else {
		op_launch(op, start_launched);
	}
}

/* --- create ------------------------------------------------------------------- */

static void
create_gone(struct op *op)
{
	node_files_remove(op->node);
	op_finish(op, true);
}

static void
create_kept(struct op *op)
{
	op_finish(op, false);
}

/* Without storaged the volume may remain: the row then remembers to delete it
 * as soon as storaged is back. */
static void
on_volume_deleted(const struct nx_reply *reply, void *arg)
{
	struct op *op = arg;

	op->call = NULL;
	if (reply->status == NX__STATUS__OK ||
	    reply->status == NX__STATUS__NOT_FOUND) {
		op_unsave(op, create_gone);
		return;
	}
	op->node->state = NODE_DELETING;
	op->node->force = true;
	op_save(op, create_kept);
}

static void
create_undo(struct op *op)
{
	Nx__VolumeDeleteRequest request = NX__VOLUME_DELETE_REQUEST__INIT;

	request.node = op->node->id;
	op_call(
	    op, nx_ask_volume_delete(&request), -1, 30000, on_volume_deleted);
}

static void
create_launched(struct op *op)
{
	if (op->status == NX__STATUS__OK)
		op_finish(op, false);
	else
		create_undo(op);
}

static void
on_volume_created(const struct nx_reply *reply, void *arg)
{
	struct op *op = arg;

	op->call = NULL;
	if (reply->status != NX__STATUS__OK) {
		op_fail_reply(op, reply, "the volume cannot be created");
		create_undo(op);
		return;
	}
	op_launch(op, create_launched);
}

static void
create_saved(struct op *op)
{
	Nx__VolumeCreateRequest request = NX__VOLUME_CREATE_REQUEST__INIT;

	if (op->status != NX__STATUS__OK) {
		op_finish(op, true);
		return;
	}
	request.node = op->node->id;
	request.size = op->node->storage;
	op_call(
	    op, nx_ask_volume_create(&request), -1, 120000, on_volume_created);
}

void
op_create(struct op *op)
{
	op_save(op, create_saved);
}
