/*
 * Operations on nodes. One node has at most one at a time, further ones wait
 * their turn (a few; then LIMIT); different nodes go side by side. An operation
 * is a chain of steps that each end in the next one's call, in a callback of
 * the loop. Whatever fails unwinds everything that was done.
 *
 *	create	row, volume, then start; failing: volume and row again
 *	start	volume's mount, box, network, go; row, volume active
 *	stop	SIGTERM, after a time cgroup.kill; then the end
 *	end	cgroup empty and gone, volume inactive, network, row
 *	delete	the end if need be, row, volume, network, files, row
 */
#ifndef NODEMGR_OP_H
#define NODEMGR_OP_H

#include "nodemgr/box/box.h"
#include "nodemgr/nodes/node.h"

#define OP_QUEUE_MAX 16
#define OP_TEXT      400
#define OP_LOST_MAX  64U /* as many as storaged names */

enum op_kind { OP_CREATE, OP_START, OP_STOP, OP_END, OP_DELETE };

struct op {
	enum op_kind kind;
	struct nodemgr *m;
	struct node *node;
	struct nx_request *r; /* NULL: nobody waits */
	/* called when it is over, for who submitted it without a request */
	void (*done)(struct op *op, void *arg);
	void *arg;
	bool force, keep, forget; /* delete; stop: starts again; desired off */
	bool lose_files;          /* delete: an admin's word */
	uint32_t timeout_ms;

	/* on the way */
	struct op *next;
	struct nx_call *call;
	struct event *timer, *gate_event;
	struct nx_boxed boxed;
	int cgroup, volume;
	bool ready, linked, went;
	void (*on_end)(struct op *op); /* set: it waits for init's end */
	unsigned tries;
	/* where to go on after a leaf (save, timer), and after each step that
	 * is made of leaves */
	void (*then)(struct op *op), (*cleared)(struct op *op),
	    (*detached)(struct op *op), (*activated)(struct op *op),
	    (*ended)(struct op *op), (*launched)(struct op *op);
	/* how it failed; OK while it has not */
	Nx__Status status;
	char text[OP_TEXT];
	uint64_t chunks_moved, files_lost, started_us;
	struct op_lost *lost; /* the first of files_lost */
	size_t n_lost;
};

/* A file that went with a node's volume. */
struct op_lost {
	char id[NX_ID_LEN + 1], name[512 + 1];
	uint64_t owner;
};

/* NULL when memory is out. */
struct op *op_new(struct node *n, enum op_kind kind, struct nx_request *r);
/* Starts it, or lets it wait. Refuses when too many do. Consumes @op. */
void op_submit(struct op *op);
/* Answers, frees @op, begins the next. With @gone the node is freed, too, and
 * whoever waits for it learns that there is no such node. */
void op_finish(struct op *op, bool gone);
/* Forgets what @n's operations are about; the hub is gone and the process
 * ends. The next nodemgr finishes or unwinds them. */
void op_abandon(struct node *n);
/* Remembers the first failure. */
void op_fail(struct op *op, Nx__Status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void
op_fail_reply(struct op *op, const struct nx_reply *reply, const char *doing);

/* Steps that several operations take; each calls @then when it is over. */
void op_save(struct op *op, void (*then)(struct op *op));
void op_unsave(struct op *op, void (*then)(struct op *op));
void op_after(struct op *op, uint64_t ms, void (*then)(struct op *op));
void op_call(struct op *op, struct nx_ask ask, int fd, uint64_t timeout_ms,
    nx_reply_fn *fn);
void op_cancel_timer(struct op *op);
/* Kills what is in the cgroup, waits until it is empty, removes it. */
void op_clear_cgroup(struct op *op, void (*then)(struct op *op));
/* The address is free for others afterwards; netd being away is no failure. */
void op_detach_net(struct op *op, void (*then)(struct op *op));
/* Tells storaged; it being away is no failure, it asks again when it is back. */
void op_set_active(struct op *op, bool active, void (*then)(struct op *op));
/* After init has ended: cgroup, volume, network; not yet the row. */
void op_end_node(struct op *op, bool stopped, void (*then)(struct op *op));

/* First steps. */
void op_create(struct op *op);
void op_start(struct op *op);
void op_stop(struct op *op);
void op_end(struct op *op);
void op_delete(struct op *op);

/* The part of start that create shares: @then with op->status. When it fails,
 * nothing of it is left but the volume. */
void op_launch(struct op *op, void (*then)(struct op *op));

/* Its middle: from the volume's mount to a process that waits at the gate. */
int op_make_box(struct op *op, struct nx_fault *f);

/* The pidfd says that a node's init is no more. */
void op_node_ended(struct node *n);

/* At start: unwinds, adopts, and starts what should run. */
void op_recover(struct nodemgr *m);
/* An edge came up: storage or net. */
void op_resync_storage(struct nodemgr *m);
void op_resync_net(struct nodemgr *m);
/* Every few seconds: deletions that could not be finished. */
void op_retry_deletions(struct nodemgr *m);

#endif
