/*
 * The engine of operations: the queue of each node, the walk along a plan, and
 * parking. It knows no step and no plan; it trusts them to say op_continue()
 * once for each OP_WAIT, and holds them to it.
 *
 * The life of an operation:
 *
 *	queued	in node->queue; nothing has been done, and it may be refused
 *	walking	node->op, within walk(): a step is being taken
 *	waiting	node->op, @waits: the step under way has somebody who will call
 *		op_continue(), from the loop
 *	parked	node->op, @waits and @parked: its timer or op_kick() goes on
 *	over	its caller is answered and it is freed; the next one begins
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/status.h"
#include "nodemgr/nodes/op.h"

struct op *
op_new(struct node *n, enum op_kind kind, struct nx_request *r)
{
	struct op *op = calloc(1, sizeof(*op));

	nx_assert(kind < OP_KINDS);
	if (!op)
		return NULL;
	op->plan = op_plans[kind];
	op->m = n->m;
	op->node = n;
	op->r = r;
	nx_warden_init(&op->helper, n->m->base, NULL, NULL);
	op->volume = op->netlink = -1;
	op->status = NX__STATUS__OK;
	op->started_us = nx_now_us();
	return op;
}

/* What steps handed on and nobody took goes with it. Of the node's own warden
 * it knows nothing: a queued one is freed while another launches. */
static void
op_free(struct op *op)
{
	op_quiet(op);
	nx_warden_destroy(&op->helper);
	nx_close(&op->volume);
	nx_close(&op->netlink);
	free(op->lost);
	free(op);
}

/* --- answers ---------------------------------------------------------------- */

static void
log_result(const struct op *op)
{
	/* what the caller should not have asked is no worry of the operator */
	bool asked = op->status == NX__STATUS__CONFLICT ||
	    op->status == NX__STATUS__NOT_FOUND ||
	    op->status == NX__STATUS__INVALID;

	if (op->status == NX__STATUS__OK)
		nx_info("event=node-%s%s node=%s us=%llu", op->plan->name,
		    op->back ? "-undone" : "", op->node->id,
		    (unsigned long long)(nx_now_us() - op->started_us));
	else
		nx_log(asked ? LOG_INFO : LOG_WARNING,
		    "event=node-%s-failed node=%s step=%s status=%s why=%s",
		    op->plan->name, op->node->id,
		    op->plan->steps[op->failed].name,
		    nx_status_name(op->status), nx_log_safe(op->text));
}

/* Tells whoever asked, once. */
static void
answer(struct op *op)
{
	struct nx_request *r = op->r;

	log_result(op);
	op->r = NULL;
	if (!r)
		return;
	if (op->status != NX__STATUS__OK)
		nx_refuse(r, op->status, "%s", op->text);
	else if (op->plan->answer)
		op->plan->answer(op, r);
	else
		node_answer(r, op->node);
}

/* Only for one that is not, or no longer, the node's present one. */
static void
over(struct op *op)
{
	nx_assert(op->node->op != op);
	answer(op);
	if (op->done)
		op->done(op, op->arg);
	op_free(op);
}

/* Those that wait for @n hear why they wait in vain. */
static void
refuse_queue(struct node *n, Nx__Status status, const char *why)
{
	struct op *next;

	while ((next = n->queue)) {
		n->queue = next->next;
		op_fail(next, status, "%s", why);
		over(next);
	}
}

void
op_fail(struct op *op, Nx__Status status, const char *fmt, ...)
{
	va_list ap;

	/* what fails on the way back says less than what began it */
	if (op->status != NX__STATUS__OK)
		return;
	nx_assert(status != NX__STATUS__OK);
	op->status = status;
	op->failed = op->step;
	va_start(ap, fmt);
	vsnprintf(op->text, sizeof(op->text), fmt, ap);
	va_end(ap);
}

void
op_fail_reply(struct op *op, const struct nx_reply *reply, const char *doing)
{
	op_fail(op, reply->status, "%s: %s", doing, reply->error);
}

/* --- the walk --------------------------------------------------------------- */

static void begin(struct op *op);

/* Takes the step at hand, the way we go; the node remembers which it is. */
static enum op_turn
take(struct op *op)
{
	const struct op_step *s = &op->plan->steps[op->step];
	struct node *n = op->node;

	nx_assert(n->op == op && !op->waits);
	nx_assert(op->step < op->plan->n_steps);
	snprintf(n->plan, sizeof(n->plan), "%s", op->plan->name);
	snprintf(n->step, sizeof(n->step), "%s", s->name);
	if (!op->back)
		return s->go(op);
	return s->undo ? s->undo(op) : OP_NEXT;
}

/* @op is over; the next one's turn. The row loses its plan before the caller
 * hears: what he asks next meets a node with nothing under way. @op is gone
 * afterwards, and so may the node be. */
static void
finish(struct op *op)
{
	struct node *n = op->node;
	struct op *next;
	bool gone = op->gone;

	nx_assert(n->op == op && !op->waits && !op->parked);
	n->op = NULL;
	n->plan[0] = n->step[0] = '\0';
	if (!gone && n->plan_stored)
		op_note(n);
	over(op);
	if (gone) {
		refuse_queue(n, NX__STATUS__NOT_FOUND,
		    "the node has been deleted meanwhile");
		node_free(n);
		return;
	}
	/* an answer may have brought a new operation already */
	next = n->op ? NULL : n->queue;
	if (!next)
		return;
	n->queue = next->next;
	next->next = NULL;
	begin(next);
}

static enum op_turn
unpark(struct op *op)
{
	nx_assert(op->parked && op->waits);
	op_quiet(op);
	op->parked = op->waits = false;
	return take(op);
}

static void walk(struct op *op, enum op_turn turn);

/* There is reason to think that it is possible now. */
static void
kick(struct op *op)
{
	op->retry_ms = 0;
	walk(op, unpark(op));
}

static enum op_turn
on_retry(struct op *op)
{
	walk(op, unpark(op));
	return OP_WAIT; /* whatever became of it, it has been said */
}

/* Nobody shall wait for better times but the operation itself: its caller and
 * all that queue behind it are told now. Its failure is forgotten, because the
 * next try has one of its own. */
static void
park(struct op *op)
{
	struct node *n = op->node;

	op_quiet(op);
	op->parked = op->waits = true;
	op->retry_ms = op->retry_ms ? op->retry_ms * 2 : OP_RETRY_MS;
	if (op->retry_ms > OP_RETRY_MAX_MS)
		op->retry_ms = OP_RETRY_MAX_MS;
	(void)op_after(op, op->retry_ms, on_retry);
	answer(op);
	if (op->done)
		op->done(op, op->arg);
	op->done = NULL;
	refuse_queue(n,
	    op->status == NX__STATUS__OK ? NX__STATUS__UNAVAILABLE : op->status,
	    op->text);
	op->status = NX__STATUS__OK;
	op->text[0] = '\0';
}

/*
 * One step after the other until one has to wait or there is none. In the end
 * @op is gone, parked, or in the hands of whoever will call op_continue().
 */
static void
walk(struct op *op, enum op_turn turn)
{
	for (;; turn = take(op)) {
		if (turn == OP_WAIT) {
			op->waits = true;
			return;
		}
		if (turn == OP_AGAIN ||
		    (turn == OP_FAILED &&
			(op->back || op->step >= op->plan->no_return))) {
			park(op);
			return;
		}
		if (turn == OP_FAILED) {
			nx_assert(op->status != NX__STATUS__OK);
			/* this step first: it may be half done */
			op_quiet(op);
			op->back = true;
			continue;
		}
		if (op->back ? op->step == 0
			     : op->step + 1 == op->plan->n_steps) {
			finish(op);
			return;
		}
		op->step += op->back ? -1U : 1U;
	}
}

void
op_continue(struct op *op, enum op_turn turn)
{
	nx_assert(op->waits && !op->parked && turn != OP_WAIT);
	op->waits = false;
	walk(op, turn);
}

/* Its turn has come. Whether there is anything to do is asked only now: what
 * was before it in the queue may have changed everything. */
static void
begin(struct op *op)
{
	struct node *n = op->node;

	nx_assert(!n->op && op->step == 0 && !op->back);
	n->op = op;
	op->ran = n->state == NODE_RUNNING;
	if (op->plan->wanted && !op->plan->wanted(op)) {
		finish(op);
		return;
	}
	if (op->plan->noted) {
		snprintf(n->plan, sizeof(n->plan), "%s", op->plan->name);
		op_note(n);
	}
	walk(op, take(op));
}

/* Somebody asks for what is parked: it is done for him, with his word. What an
 * admin allows counts for this try alone (lose_files); what was decided for good
 * stays (force, final). */
static void
take_over(struct op *parked, struct op *op)
{
	nx_assert(!parked->r && !parked->done);
	parked->r = op->r;
	parked->done = op->done;
	parked->arg = op->arg;
	parked->force = parked->force || op->force;
	parked->final = parked->final || op->final;
	parked->lose_files = op->lose_files;
	op_free(op);
	kick(parked);
}

void
op_submit(struct op *op)
{
	struct node *n = op->node;
	struct op **end;
	unsigned waiting = 0;

	if (!n->op) {
		begin(op);
		return;
	}
	if (n->op->parked && !n->op->back && n->op->plan == op->plan) {
		take_over(n->op, op);
		return;
	}
	for (end = &n->queue; *end; end = &(*end)->next)
		waiting++;
	if (op->r && waiting >= OP_QUEUE_MAX) {
		op_fail(op, NX__STATUS__LIMIT,
		    "too many operations wait for this node");
		over(op);
		return;
	}
	*end = op;
	if (n->op->parked)
		kick(n->op);
}

void
op_begin(struct node *n, enum op_kind kind, bool keep, bool force)
{
	struct op *op = op_new(n, kind, NULL);

	if (!op)
		return;
	op->keep = keep;
	op->force = force;
	op_submit(op);
}

/* --- restarts ----------------------------------------------------------------- */

static const struct op_plan *
find_plan(const char *name, enum op_kind *ret_kind)
{
	for (int i = 0; i < OP_KINDS; i++)
		if (!strcmp(op_plans[i]->name, name)) {
			*ret_kind = (enum op_kind)i;
			return op_plans[i];
		}
	return NULL;
}

/* A name that the plan has not, or none, is its beginning: every step copes with
 * being done twice. */
static unsigned
find_step(const struct op_plan *plan, const char *name)
{
	for (unsigned i = 0; i < plan->n_steps; i++)
		if (!strcmp(plan->steps[i].name, name))
			return i;
	return 0;
}

void
op_resume(struct node *n)
{
	enum op_kind kind = OP_DELETE;
	const struct op_plan *plan = find_plan(n->plan, &kind);
	struct op *op;

	nx_assert(!n->op);
	n->plan_stored = true;
	op = plan ? op_new(n, kind, NULL) : NULL;
	if (!op)
		return; /* of a newer nodemgr: the node stays as it is */
	nx_info("event=node-%s-resumed node=%s step=%s", n->plan, n->id,
	    nx_log_safe(n->step));
	n->op = op;
	op->keep = n->kept;
	op->force = op->final = n->force;
	op->ran = n->state == NODE_RUNNING;
	op->step = find_step(plan, n->step);
	if (!plan->resumes && op->step < plan->no_return) {
		/* the row was last written there; more may have been done */
		op->back = true;
		op->step = plan->no_return - 1;
		op_fail(op, NX__STATUS__UNAVAILABLE,
		    "nodemgr was started anew meanwhile");
	}
	walk(op, take(op));
}

void
op_kick(struct nodemgr *m)
{
	struct node *n, *next;

	for (n = m->nodes; n; n = next) {
		next = n->next;
		if (n->op && n->op->parked)
			kick(n->op);
	}
}

void
op_abandon(struct node *n)
{
	struct op *op;

	while ((op = n->op ? n->op : n->queue)) {
		if (op == n->op)
			n->op = NULL;
		else
			n->queue = op->next;
		op->call = NULL; /* gone with the hub */
		if (op->r)       /* its peer is, too: nothing is sent */
			nx_answer(op->r, NULL, NULL, 0);
		op_free(op);
	}
}
