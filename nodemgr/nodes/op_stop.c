/*
 * Stopping nodes, and what follows the end of one; see op.h.
 */
#include <signal.h>
#include <sys/pidfd.h>

#include "common/log.h"
#include "common/reaper.h"
#include "nodemgr/nodes/op.h"

#define STOP_MS 5000

static void
over(struct op *op)
{
	op_finish(op, false);
}

static void
save_over(struct op *op)
{
	op_save(op, over);
}

/* --- end ----------------------------------------------------------------------- */

void
op_node_ended(struct node *n)
{
	struct op *op = n->op;
	void (*on_end)(struct op *);

	if (op && op->on_end) {
		on_end = op->on_end;
		op->on_end = NULL;
		op_cancel_timer(op);
		on_end(op);
		return;
	}
	op = op_new(n, OP_END, NULL);
	if (op)
		op_submit(op);
}

void
op_end(struct op *op)
{
	struct node *n = op->node;

	if (n->state != NODE_RUNNING || !nx_pidfd_ended(n->pidfd)) {
		op_finish(op, false);
		return;
	}
	/* it ended by itself, and nothing restarts it by mistake; but what
	 * the platform lost it starts again (op_recover) */
	n->desired = n->kept = op->keep;
	op_end_node(op, op->keep, save_over);
}

/* --- stop ---------------------------------------------------------------------- */

static void
stop_ended(struct op *op)
{
	op_end_node(op, true, save_over);
}

static void
stop_kill(struct op *op)
{
	nx_info("event=node-killed node=%s why=timeout", op->node->id);
	(void)nx_cgroup_kill(op->node->cgroup);
}

void
op_stop(struct op *op)
{
	struct node *n = op->node;

	if (n->state == NODE_DELETING || n->state == NODE_CREATING) {
		op_fail(op, NX__STATUS__CONFLICT, "the node does not run");
		op_finish(op, false);
		return;
	}
	if (!op->keep || n->state == NODE_RUNNING) {
		n->desired = op->keep;
		n->kept = op->keep;
	}
	if (n->state != NODE_RUNNING) {
		op_save(op, over);
		return;
	}
	if (nx_pidfd_ended(n->pidfd)) {
		stop_ended(op);
		return;
	}
	op->on_end = stop_ended;
	(void)pidfd_send_signal(n->pidfd, SIGTERM, NULL, 0);
	op_after(op, op->timeout_ms ? op->timeout_ms : STOP_MS, stop_kill);
}
