/*
 * Steps that make a node, before it is launched: its row, by which a restart
 * finds what was begun, then its volume.
 */
#include "common/err.h"
#include "nodemgr/nodes/steps.h"
#include "proto/volume.rpc.h"

#define MAKE_MS   120000 /* mkfs of a large image on a slow disk */
#define UNMAKE_MS 30000

enum op_turn
row_make(struct op *op)
{
	return op_save(op);
}

enum op_turn
row_unmake(struct op *op)
{
	return op_unsave(op);
}

static enum op_turn
made(struct op *op, const struct nx_reply *reply)
{
	if (reply->status == NX__STATUS__OK)
		return OP_NEXT;
	op_fail_reply(op, reply, "the volume cannot be created");
	return OP_FAILED;
}

enum op_turn
volume_make(struct op *op)
{
	Nx__VolumeCreateRequest request = NX__VOLUME_CREATE_REQUEST__INIT;

	nx_assert(op->node->state == NODE_CREATING && op->volume < 0);
	request.node = op->node->id;
	request.size = op->node->storage;
	return op_call(op, nx_ask_volume_create(&request), -1, MAKE_MS, made);
}

/* Without storaged the volume may remain: it is deleted when storaged is
 * back, and until then the row keeps address, ids and name. */
static enum op_turn
unmade(struct op *op, const struct nx_reply *reply)
{
	if (reply->status == NX__STATUS__OK ||
	    reply->status == NX__STATUS__NOT_FOUND)
		return OP_NEXT;
	op_fail_reply(op, reply, "the volume cannot be deleted");
	return OP_AGAIN;
}

enum op_turn
volume_unmake(struct op *op)
{
	Nx__VolumeDeleteRequest request = NX__VOLUME_DELETE_REQUEST__INIT;

	op->node->state = NODE_DELETING; /* as far as anybody can see */
	request.node = op->node->id;
	return op_call(
	    op, nx_ask_volume_delete(&request), -1, UNMAKE_MS, unmade);
}
