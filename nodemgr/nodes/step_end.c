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

#define STOP_MS 5000  /* before SIGKILL, unless the caller says another */
#define KILL_MS 10000 /* after it; then the rest goes on without */

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

/* It hangs in the kernel. The rest is done without it: `empty` tries longer, and
 * says what it could not remove. */
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
	nx_warden_kill(&op->node->warden);
	return op_after(op, KILL_MS, give_up);
}

static enum op_turn
ended(struct op *op)
{
	return nx_pidfd_ended(op->node->warden.p.pidfd) ? OP_NEXT : OP_WAIT;
}

enum op_turn
term(struct op *op)
{
	const struct node *n = op->node;

	if (!op->ran || ended(op) == OP_NEXT)
		return OP_NEXT;
	op->heard = ended;
	(void)nx_owner_signal(n->uid_base, n->warden.p.pidfd, SIGTERM);
	return op_after(op, op->timeout_ms ? op->timeout_ms : STOP_MS, kill_it);
}

/* --- the end ------------------------------------------------------------------ */

bool
end_wanted(struct op *op)
{
	return op->ran && nx_pidfd_ended(op->node->warden.p.pidfd);
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

/* Kills what is in the cgroup until nothing is, and removes it: also one that
 * the nodemgr before this one made. Init may be a zombie's parent for a moment
 * longer; nobody waits for that. */
enum op_turn
empty(struct op *op)
{
	struct node *n = op->node;

	if (n->state == NODE_RUNNING)
		n->state = NODE_STOPPED;
	n->pid = 0;
	(void)nx_warden_regroup(&n->warden, op->m->cgroups.nodes, n->id);
	return nx_warden_empty(&n->warden) ? OP_NEXT : OP_WAIT;
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
