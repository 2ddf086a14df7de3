/*
 * Steps that end a node's run, wanted or not. They are for an end by itself,
 * for a stop and for a deletion; op->ran is false when there was nothing to
 * end, and then they have nothing to do.
 */
#include <signal.h>
#include <sys/pidfd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/reaper.h"
#include "nodemgr/nodes/steps.h"

#define STOP_MS     5000  /* before SIGKILL, unless the caller says another */
#define KILL_MS     10000 /* after it; then the rest goes on without */
#define CLEAR_TRIES 2000  /* of 5 ms: 10 s */

/* --- stop --------------------------------------------------------------------- */

bool
stop_wanted(struct op *op)
{
	struct node *n = op->node;

	if (n->state != NODE_DELETING && n->state != NODE_CREATING)
		return true;
	op_fail(op, NX__STATUS__CONFLICT, "the node does not run");
	return false;
}

enum op_turn
mark(struct op *op)
{
	struct node *n = op->node;

	if (!op->keep || op->ran)
		n->desired = n->kept = op->keep;
	return op_save(op);
}

static enum op_turn
give_up(struct op *op)
{
	nx_err("event=node-does-not-die node=%s", op->node->id);
	return OP_NEXT;
}

static enum op_turn
kill_it(struct op *op)
{
	nx_info("event=node-killed node=%s why=timeout", op->node->id);
	(void)nx_cgroup_kill(op->node->cgroup);
	return op_after(op, KILL_MS, give_up);
}

enum op_turn
term(struct op *op)
{
	struct node *n = op->node;

	if (!op->ran || nx_pidfd_ended(n->pidfd))
		return OP_NEXT;
	op->awaits_end = true;
	(void)pidfd_send_signal(n->pidfd, SIGTERM, NULL, 0);
	return op_after(op, op->timeout_ms ? op->timeout_ms : STOP_MS, kill_it);
}

/* --- the end ------------------------------------------------------------------ */

bool
end_wanted(struct op *op)
{
	return op->ran && nx_pidfd_ended(op->node->pidfd);
}

/* The pidfd, or the reaper, says that init is no more. */
void
node_ended(struct node *n)
{
	struct op *op = n->op;

	if (!op || !op->awaits_end) {
		op_begin(n, OP_END, false, false);
		return;
	}
	op_quiet(op);
	op_continue(op, OP_NEXT);
}

enum op_turn
note(struct op *op)
{
	struct node *n = op->node;

	if (!op->ran)
		return OP_NEXT;
	op_quiet(op);
	node_note_end(n, op->plan->meant || op->keep);
	/* it ended by itself, and nothing restarts it by mistake; but what
	 * the platform lost it starts again (recover.c) */
	if (!op->plan->meant)
		n->desired = n->kept = op->keep;
	return OP_NEXT;
}

static enum op_turn
try_empty(struct op *op)
{
	struct nodemgr *m = op->m;
	nx_cleanup_fd int fd = nx_cgroup_open(m->cgroups.nodes, op->node->id);

	if (fd < 0)
		return OP_NEXT;
	(void)nx_cgroup_kill(fd);
	if (nx_cgroup_populated(fd) != 1 &&
	    nx_cgroup_remove(m->cgroups.nodes, op->node->id) == 0)
		return OP_NEXT;
	if (op->tries++ < CLEAR_TRIES)
		return op_after(op, op->tries < 5 ? 1 : 5, try_empty);
	nx_err("event=cgroup-not-empty node=%s", op->node->id);
	return OP_NEXT;
}

/* Kills what is in the cgroup until nothing is, and removes it. Init may be a
 * zombie's parent for a moment longer; nobody waits for that. */
enum op_turn
empty(struct op *op)
{
	struct node *n = op->node;

	op->tries = 0;
	node_unwatch(n);
	if (n->state == NODE_RUNNING)
		n->state = NODE_STOPPED;
	n->pid = 0;
	return try_empty(op);
}

enum op_turn
detach(struct op *op)
{
	return op->ran ? unlink_net(op) : OP_NEXT;
}

enum op_turn
row_ended(struct op *op)
{
	nx_assert(op->node->state != NODE_RUNNING);
	return op_save_over(op);
}
