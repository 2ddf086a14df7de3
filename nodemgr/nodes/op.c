/*
 * The queue of operations and the steps they share; see op.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/status.h"
#include "nodemgr/nodes/op.h"
#include "nodemgr/nodes/store.h"
#include "proto/node.rpc.h"

static void (*const first_step[])(struct op *op) = {
    [OP_CREATE] = op_create,
    [OP_START] = op_start,
    [OP_STOP] = op_stop,
    [OP_END] = op_end,
    [OP_DELETE] = op_delete,
};
static const char *const names[] = {
    [OP_CREATE] = "create",
    [OP_START] = "start",
    [OP_STOP] = "stop",
    [OP_END] = "end",
    [OP_DELETE] = "delete",
};

struct op *
op_new(struct node *n, enum op_kind kind, struct nx_request *r)
{
	struct op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->kind = kind;
	op->m = n->m;
	op->node = n;
	op->r = r;
	op->boxed = (struct nx_boxed){-1, -1, -1};
	op->cgroup = op->volume = -1;
	op->status = NX__STATUS__OK;
	op->started_us = nx_now_us();
	return op;
}

static void
op_free(struct op *op)
{
	op_cancel_timer(op);
	if (op->gate_event)
		event_free(op->gate_event);
	nx_call_cancel(op->call);
	nx_boxed_destroy(&op->boxed);
	nx_close(&op->cgroup);
	nx_close(&op->volume);
	free(op->lost);
	free(op);
}

static void
answer_deleted(struct op *op, struct nx_request *r)
{
	Nx__NodeDeleteReply deleted = NX__NODE_DELETE_REPLY__INIT;
	Nx__NodeLostFile files[OP_LOST_MAX], *list[OP_LOST_MAX];

	for (size_t i = 0; i < op->n_lost; i++) {
		nx__node_lost_file__init(&files[i]);
		files[i].id = op->lost[i].id;
		files[i].owner = op->lost[i].owner;
		files[i].name = op->lost[i].name;
		list[i] = &files[i];
	}
	deleted.id = op->node->id;
	deleted.chunks_moved = op->chunks_moved;
	deleted.files_lost = op->files_lost;
	deleted.lost = list;
	deleted.n_lost = op->n_lost;
	nx_answer_node_delete(r, &deleted);
}

static void
answer(struct op *op)
{
	struct nx_request *r = op->r;

	op->r = NULL;
	/* what the caller should not have asked is no worry of the operator */
	if (op->status != NX__STATUS__OK)
		nx_log(op->status == NX__STATUS__CONFLICT ||
			    op->status == NX__STATUS__NOT_FOUND
			? 6
			: 4,
		    "event=node-%s-failed node=%s status=%s why=%s",
		    names[op->kind], op->node->id, nx_status_name(op->status),
		    nx_log_safe(op->text));
	else
		nx_info("event=node-%s node=%s us=%llu", names[op->kind],
		    op->node->id,
		    (unsigned long long)(nx_now_us() - op->started_us));
	if (!r)
		return;
	if (op->status != NX__STATUS__OK) {
		nx_refuse(r, op->status, "%s", op->text);
	} else if (op->kind == OP_DELETE) {
		answer_deleted(op, r);
	} else {
		node_answer(r, op->node);
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

static void
op_end_of(struct op *op)
{
	answer(op);
	if (op->done)
		op->done(op, op->arg);
	op_free(op);
}

void
op_submit(struct op *op)
{
	struct node *n = op->node;
	struct op **end;
	unsigned waiting = 0;

	if (!n->op) {
		n->op = op;
		first_step[op->kind](op);
		return;
	}
	for (end = &n->queue; *end; end = &(*end)->next)
		waiting++;
	if (op->r && waiting >= OP_QUEUE_MAX) {
		op_fail(op, NX__STATUS__LIMIT,
		    "too many operations wait for this node");
		op_end_of(op);
		return;
	}
	*end = op;
}

void
op_finish(struct op *op, bool gone)
{
	struct node *n = op->node;
	struct op *next;

	nx_assert(n->op == op);
	n->op = NULL;
	op_end_of(op);
	while (gone && (next = n->queue)) {
		n->queue = next->next;
		op_fail(next, NX__STATUS__NOT_FOUND,
		    "the node has been deleted meanwhile");
		op_end_of(next);
	}
	if (gone) {
		node_free(n);
		return;
	}
	/* an answer may have brought a new operation already */
	next = n->op ? NULL : n->queue;
	if (!next)
		return;
	n->queue = next->next;
	next->next = NULL;
	n->op = next;
	first_step[next->kind](next);
}

void
op_fail(struct op *op, Nx__Status status, const char *fmt, ...)
{
	va_list ap;

	if (op->status != NX__STATUS__OK)
		return;
	op->status = status;
	va_start(ap, fmt);
	vsnprintf(op->text, sizeof(op->text), fmt, ap);
	va_end(ap);
}

void
op_fail_reply(struct op *op, const struct nx_reply *reply, const char *doing)
{
	op_fail(op, reply->status, "%s: %s", doing, reply->error);
}

/* --- steps ------------------------------------------------------------------ */

static void
saved(int result, void *arg)
{
	struct op *op = arg;

	if (op->m->stopping)
		return; /* the next nodemgr finishes it */
	if (result != 0)
		op_fail(op, nx_status_of_errno(result < 0 ? result : -EEXIST),
		    "cannot write the list of nodes");
	op->then(op);
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

void
op_save(struct op *op, void (*then)(struct op *op))
{
	op->then = then;
	nx_db_write(op->m->db, save, saved, op);
}

void
op_unsave(struct op *op, void (*then)(struct op *op))
{
	op->then = then;
	nx_db_write(op->m->db, unsave, saved, op);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct op *op = arg;

	(void)fd;
	(void)what;
	op_cancel_timer(op);
	op->then(op);
}

void
op_cancel_timer(struct op *op)
{
	if (op->timer)
		event_free(op->timer);
	op->timer = NULL;
}

void
op_after(struct op *op, uint64_t ms, void (*then)(struct op *op))
{
	struct timeval tv = {
	    .tv_sec = (time_t)(ms / 1000),
	    .tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};

	op_cancel_timer(op);
	op->then = then;
	op->timer = evtimer_new(op->m->base, on_timer, op);
	nx_assert(op->timer && event_add(op->timer, &tv) == 0);
}

void
op_call(struct op *op, struct nx_ask ask, int fd, uint64_t timeout_ms,
    nx_reply_fn *fn)
{
	struct nx_call_opts opts = {
	    .timeout_us = timeout_ms * 1000,
	    .fds = &fd,
	    .n_fds = fd >= 0 ? 1 : 0,
	};

	nx_assert(!op->call);
	op->call = nx_call(op->m->hub, ask, &opts, fn, op);
	nx_assert(op->call);
}
