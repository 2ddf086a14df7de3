/*
 * What steps are made of: writing the row, asking a neighbour, waiting a while.
 * Each ends in op_continue(), and nowhere else; a step has one of them under way
 * at a time. All of them end with the step when it fails (op_quiet).
 */
#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/status.h"
#include "nodemgr/nodes/op.h"
#include "nodemgr/nodes/store.h"

static void
turned(struct op *op, enum op_turn turn)
{
	if (turn != OP_WAIT)
		op_continue(op, turn);
}

/* --- the row ------------------------------------------------------------------ */

/* The loop is over when @stopping: the row is as it is, and there is nobody to
 * go on. */
static void
written(int result, void *arg)
{
	struct op *op = arg;

	if (op->m->stopping)
		return; /* the next nodemgr goes on */
	if (result != 0)
		op_fail(op, nx_status_of_errno(result < 0 ? result : -EEXIST),
		    "cannot write the list of nodes");
	op_continue(op, result != 0 ? OP_FAILED : OP_NEXT);
}

static int
save(struct nx_db *db, void *arg)
{
	return node_store_save(db, ((struct op *)arg)->node);
}

static int
unsave(struct nx_db *db, void *arg)
{
	return node_store_delete(db, ((struct op *)arg)->node);
}

enum op_turn
op_save(struct op *op)
{
	nx_db_write(op->m->db, save, written, op);
	return OP_WAIT;
}

enum op_turn
op_save_over(struct op *op)
{
	op->node->plan[0] = op->node->step[0] = '\0';
	return op_save(op);
}

/* Only when the row is gone: a crash before leaves a node with all its files. */
static void
unwritten(int result, void *arg)
{
	struct op *op = arg;

	if (result == 0 && !op->m->stopping) {
		node_files_remove(op->node);
		op->gone = true;
	}
	written(result, op);
}

enum op_turn
op_unsave(struct op *op)
{
	nx_db_write(op->m->db, unsave, unwritten, op);
	return OP_WAIT;
}

static void
noted(int result, void *arg)
{
	const struct node *n = arg;

	if (result != 0)
		nx_warn(
		    "event=row-not-written node=%s errno=%d", n->id, -result);
}

/* Nobody waits for this one. The node is still there when it is done: its row
 * goes before it does, and writes keep their order. */
void
op_note(struct node *n)
{
	nx_db_write(n->m->db, node_store_save, noted, n);
}

/* --- time --------------------------------------------------------------------- */

static void
cancel_timer(struct op *op)
{
	if (op->timer)
		event_free(op->timer);
	op->timer = NULL;
}

/* Over before the step hears of it, which may set the next. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct op *op = arg;

	(void)fd;
	(void)what;
	cancel_timer(op);
	turned(op, op->on_timer(op));
}

enum op_turn
op_after(struct op *op, uint64_t ms, op_step_fn *fn)
{
	struct timeval tv = {
	    .tv_sec = (time_t)(ms / 1000),
	    .tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};

	nx_assert(fn && op->node->op == op);
	cancel_timer(op);
	op->on_timer = fn;
	op->timer = evtimer_new(op->m->base, on_timer, op);
	nx_assert(op->timer && event_add(op->timer, &tv) == 0);
	return OP_WAIT;
}

/* --- neighbours --------------------------------------------------------------- */

/* The answer tells that the call is over; so the step may make another. */
static void
on_reply(const struct nx_reply *reply, void *arg)
{
	struct op *op = arg;

	op->call = NULL;
	turned(op, op->replied(op, reply));
}

enum op_turn
op_call(struct op *op, struct nx_ask ask, int fd, uint64_t timeout_ms,
    enum op_turn (*replied)(struct op *op, const struct nx_reply *reply))
{
	struct nx_call_opts opts = {
	    .timeout_us = timeout_ms * 1000,
	    .fds = &fd,
	    .n_fds = fd >= 0 ? 1 : 0,
	};

	nx_assert(!op->call && replied);
	op->replied = replied;
	op->call = nx_call(op->m->hub, ask, &opts, on_reply, op);
	nx_assert(op->call);
	return OP_WAIT;
}

void
op_quiet(struct op *op)
{
	cancel_timer(op);
	nx_call_cancel(op->call);
	op->call = NULL;
	op->heard = NULL;
}
