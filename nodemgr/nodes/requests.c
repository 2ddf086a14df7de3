/*
 * What clients ask of one node: look, start, stop, delete. Roles, tickets and
 * descriptors have been checked before (common/method.h), what belongs to whom
 * is checked by node_find(); all that takes time is an operation (op.h).
 */
#include <stdlib.h>

#include "common/err.h"
#include "nodemgr/nodes/op.h"
#include "proto/serve_nodemgr.h"

#define STOP_MAX_MS (600 * 1000) /* it keeps everybody else waiting */

bool
nodemgr_limits_ok(struct nodemgr *m, struct nx_request *r)
{
	if (m->cgroups.controllers || m->best_effort)
		return true;
	nx_refuse(r, NX__STATUS__UNSUPPORTED,
	    "this host has no cgroup v2 controllers for memory, cpu and pids "
	    "in %s, so limits cannot be enforced; to do without, set limits = "
	    "best-effort in the section [nodemgr] of nexus.conf",
	    m->cgroups.path);
	return false;
}

static void
submit(struct nx_request *r, struct node *n, enum op_kind kind, bool force,
    bool keep, uint32_t timeout_ms)
{
	struct op *op = op_new(n, kind, r);

	if (!op) {
		nx_refuse(r, NX__STATUS__INTERNAL, "out of memory");
		return;
	}
	op->force = force;
	op->keep = keep;
	op->timeout_ms = timeout_ms;
	op_submit(op);
}

void
serve_node_get(
    struct nx_request *r, const Nx__NodeRequest *q, struct nodemgr *m)
{
	struct node *n = node_find(m, r, q->node);

	if (n)
		node_answer(r, n);
}

void
serve_node_start(
    struct nx_request *r, const Nx__NodeRequest *q, struct nodemgr *m)
{
	struct node *n = node_find(m, r, q->node);

	if (n && nodemgr_limits_ok(m, r))
		submit(r, n, OP_START, false, false, 0);
}

void
serve_node_delete(
    struct nx_request *r, const Nx__NodeDeleteRequest *q, struct nodemgr *m)
{
	struct node *n = node_find(m, r, q->node);
	struct op *op;

	if (!n)
		return;
	if (q->lose_files && !(r->who.admin && r->who.user_id == 0)) {
		nx_refuse(r, NX__STATUS__DENIED,
		    "only an admin may delete a node with other people's "
		    "files on it");
		return;
	}
	op = op_new(n, OP_DELETE, r);
	if (!op) {
		nx_refuse(r, NX__STATUS__INTERNAL, "out of memory");
		return;
	}
	op->force = q->force;
	op->lose_files = q->lose_files;
	op_submit(op);
}

/* Stops of all nodes, answered together. */
struct stop_all {
	struct nx_request *r;
	unsigned left, failed;
};

static void
stop_all_over(struct stop_all *all)
{
	Nx__NodeInfo none = NX__NODE_INFO__INIT;

	if (--all->left > 0)
		return;
	if (all->failed)
		nx_refuse(all->r, NX__STATUS__INTERNAL,
		    "%u nodes could not be stopped", all->failed);
	else
		nx_answer_node_stop(all->r, &none);
	free(all);
}

static void
one_stopped(struct op *op, void *arg)
{
	struct stop_all *all = arg;

	if (op->status != NX__STATUS__OK &&
	    op->status != NX__STATUS__CONFLICT &&
	    op->status != NX__STATUS__NOT_FOUND)
		all->failed++;
	stop_all_over(all);
}

static void
stop_all(struct nodemgr *m, struct nx_request *r, const Nx__NodeStopRequest *q)
{
	struct stop_all *all = calloc(1, sizeof(*all));
	struct node *n, *next;
	struct op *op;

	nx_assert(all);
	all->r = r;
	all->left = 1;
	for (n = m->nodes; n; n = next) {
		next = n->next;
		op = op_new(n, OP_STOP, NULL);
		nx_assert(op);
		op->keep = q->keep;
		op->timeout_ms = q->timeout_ms;
		op->done = one_stopped;
		op->arg = all;
		all->left++;
		op_submit(op);
	}
	stop_all_over(all);
}

void
serve_node_stop(
    struct nx_request *r, const Nx__NodeStopRequest *q, struct nodemgr *m)
{
	struct node *n;

	if (q->all) {
		if (r->who.admin && r->who.user_id == 0)
			stop_all(m, r, q);
		else
			nx_refuse(r, NX__STATUS__DENIED,
			    "only an admin may stop all nodes");
		return;
	}
	if (q->timeout_ms > STOP_MAX_MS) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "the timeout is at most %d seconds", STOP_MAX_MS / 1000);
		return;
	}
	n = node_find(m, r, q->node);
	if (n)
		submit(r, n, OP_STOP, false, q->keep, q->timeout_ms);
}
