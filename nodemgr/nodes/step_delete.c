/*
 * Steps that delete a node.
 *
 * Why this is safe to grant: only its owner or an admin reaches a node, and
 * storaged moves what others keep on its volume or refuses; it is told who
 * asks, whose own files may be lost with `force`, and whether an admin said
 * that any may. What nobody waits for (a half-made node, a deleted user's)
 * loses nothing, however long it takes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/err.h"
#include "nodemgr/nodes/steps.h"
#include "proto/node.rpc.h"
#include "proto/volume.rpc.h"

#define DRAIN_MS 600000

bool
delete_wanted(struct op *op)
{
	struct node *n = op->node;

	op->force = op->force || n->force;
	if (n->state != NODE_RUNNING || op->force)
		return true;
	op_fail(op, NX__STATUS__CONFLICT,
	    "the node is running: stop it first, or delete it by force");
	return false;
}

void
delete_answer(struct op *op, struct nx_request *r)
{
	Nx__NodeDeleteReply reply = NX__NODE_DELETE_REPLY__INIT;
	Nx__NodeLostFile files[OP_LOST_MAX], *list[OP_LOST_MAX];

	for (size_t i = 0; i < op->n_lost; i++) {
		nx__node_lost_file__init(&files[i]);
		files[i].id = op->lost[i].id;
		files[i].owner = op->lost[i].owner;
		files[i].name = op->lost[i].name;
		list[i] = &files[i];
	}
	reply.lost = list;
	reply.n_lost = op->n_lost;
	reply.id = op->node->id;
	reply.chunks_moved = op->chunks_moved;
	reply.files_lost = op->files_lost;
	nx_answer_node_delete(r, &reply);
}

static void
note_lost(struct op *op, const Nx__VolumeDeleteReply *body)
{
	nx_assert(op->n_lost <= OP_LOST_MAX);
	op->chunks_moved = body->chunks_moved;
	op->files_lost = body->files_lost;
	free(op->lost);
	op->n_lost = 0;
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

static bool
is_away(const struct nx_reply *reply)
{
	return reply->status == NX__STATUS__UNAVAILABLE ||
	    reply->status == NX__STATUS__DEADLINE;
}

/* No refusal: what was asked for is done, only later. */
static void
not_yet(struct op *op, const struct nx_reply *reply)
{
	op_fail(op, reply->status,
	    "the node is being deleted, which goes on by itself: %s",
	    reply->error);
}

static enum op_turn
ask_delete(struct op *op, bool drain,
    enum op_turn (*replied)(struct op *op, const struct nx_reply *reply))
{
	Nx__VolumeDeleteRequest request = NX__VOLUME_DELETE_REQUEST__INIT;

	request.node = op->node->id;
	request.drain = drain;
	/* nobody's word: nothing may be lost */
	request.force = op->r && op->force;
	request.owner = op->r ? op->r->who.user_id : op->node->owner;
	request.lose_files = op->r && op->lose_files;
	return op_call(
	    op, nx_ask_volume_delete(&request), -1, DRAIN_MS, replied);
}

/* --- drain ---------------------------------------------------------------------- */

/* A storaged that went away may have decided, and may finish what it decided
 * when it comes back: it is asked again, whoever wanted it, until it says. */
static enum op_turn
drained(struct op *op, const struct nx_reply *reply)
{
	if (reply->status == NX__STATUS__OK)
		note_lost(op, nx_as_volume_delete_reply(reply->body));
	if (reply->status == NX__STATUS__OK ||
	    reply->status == NX__STATUS__NOT_FOUND) {
		op->drained = true;
		return OP_NEXT;
	}
	if (is_away(reply)) {
		not_yet(op, reply);
		return OP_AGAIN;
	}
	op_fail_reply(op, reply, "the volume cannot be deleted");
	return OP_FAILED;
}

/* The one step that may be refused. The row names it, so that what storaged
 * decides while nodemgr is away is learnt afterwards. A node that is to go
 * whoever objects does not run until nobody does. */
enum op_turn
drain(struct op *op)
{
	if (op->final)
		return OP_NEXT;
	op_note(op->node);
	return ask_delete(op, true, drained);
}

/* --- the end ---------------------------------------------------------------------- */

/* The row says that it goes, whatever comes, before the kill can be seen as an
 * end of its own after a restart. */
enum op_turn
kill_all(struct op *op)
{
	struct node *n = op->node;

	n->force = true;
	op_note(n);
	if (op->ran)
		nx_warden_kill(&n->warden);
	return OP_NEXT;
}

enum op_turn
deleting(struct op *op)
{
	struct node *n = op->node;

	n->state = NODE_DELETING;
	n->desired = n->kept = false;
	return op_save(op);
}

/* Mostly it has been drained; of a deleted user's node that is done here, and
 * tried until nothing of others is in the way. */
static enum op_turn
volume_deleted(struct op *op, const struct nx_reply *reply)
{
	if (reply->status == NX__STATUS__OK && op->final)
		note_lost(op, nx_as_volume_delete_reply(reply->body));
	if (reply->status == NX__STATUS__OK ||
	    reply->status == NX__STATUS__NOT_FOUND)
		return OP_NEXT;
	not_yet(op, reply);
	return OP_AGAIN;
}

enum op_turn
volume_delete(struct op *op)
{
	nx_assert(op->node->state == NODE_DELETING);
	return ask_delete(op, false, volume_deleted);
}
