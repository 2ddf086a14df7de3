/*
 * Operations on nodes: tables of steps, and the one engine that walks them.
 *
 * A plan is an array of {name, go, undo}. The engine takes one step after the
 * other; a step that has to wait returns OP_WAIT and later says how it went
 * with op_continue(). When a step fails the engine walks back from there, the
 * failed step first: it may be half done, so every undo copes with a step that
 * was done, half done, or never begun. What cannot be done now but must be done
 * some time (OP_AGAIN: storaged is away) parks the operation: whoever asked is
 * answered, and the step is tried again every few seconds and when a neighbour
 * comes back.
 *
 *	                 create >--- start begins here
 *	row - volume - attach - box - network - exec - run | active
 *	mark - term - note - empty - inactive - detach - row        (stop)
 *	              note - empty - inactive - detach - row        (end)
 *	drain | kill - note - empty - inactive - detach -
 *	                        deleting - volume - unlink - row   (delete)
 *
 * The bar is the way of no return: from there on a failure is tried again, not
 * undone. A node's row says which plan it is on and at which step it was last
 * written (store.h), so the next nodemgr goes on: a plan that `resumes` from
 * that step, any other one backwards, unless it was past its bar.
 *
 * A node has one operation at a time, a few more wait (then LIMIT); different
 * nodes go side by side. Nothing else sequences work on a node.
 */
#ifndef NODEMGR_OP_H
#define NODEMGR_OP_H

#include "nodemgr/box/box.h"
#include "nodemgr/nodes/node.h"

#define OP_QUEUE_MAX 16
#define OP_TEXT      600
#define OP_LOST_MAX  64U /* as many as storaged names */

/* A parked operation is tried again after so long, and twice as long each time
 * up to the most: emptying a volume reads much. */
#define OP_RETRY_MS     5000
#define OP_RETRY_MAX_MS 600000

enum op_turn {
	OP_NEXT,   /* done: on to the next one, the way we go */
	OP_WAIT,   /* op_continue() follows, from the loop */
	OP_FAILED, /* op_fail() said why: back */
	OP_AGAIN,  /* not now: answer, and try this step again later */
};

struct op;
typedef enum op_turn op_step_fn(struct op *op);

struct op_step {
	const char *name; /* in the row: at most NODE_STEP_LEN - 1 */
	op_step_fn *go;
	op_step_fn *undo; /* NULL: nothing remains of it */
};

struct op_plan {
	const char *name;
	const struct op_step *steps;
	unsigned n_steps;
	unsigned no_return; /* the first step that is not undone */
	bool resumes;       /* after a restart: on from the step in the row */
	bool noted;         /* the row is written when it begins */
	bool meant;         /* an end of the node on its way is no failure */
	/* Is there anything to do? False: no, or op_fail() said why not. NULL:
	 * always. */
	bool (*wanted)(struct op *op);
	/* What the caller hears when it went well. NULL: the node. */
	void (*answer)(struct op *op, struct nx_request *r);
};

/* A file that went with a node's volume. */
struct op_lost {
	char id[NX_ID_LEN + 1], name[512 + 1];
	uint64_t owner;
};

enum op_kind {
	OP_CREATE,
	OP_START,
	OP_STOP,
	OP_END,
	OP_DELETE,
	OP_RELINK,
	OP_KINDS
};
/* Not const, so that a test can put in a plan that fails where it likes. */
extern const struct op_plan *op_plans[OP_KINDS];

struct op {
	const struct op_plan *plan;
	struct nodemgr *m;
	struct node *node;
	struct nx_request *r; /* NULL: nobody waits (any more) */
	/* called when it is over, for who submitted it without a request */
	void (*done)(struct op *op, void *arg);
	void *arg;
	bool force, keep;    /* delete: even if running; stop: starts again */
	bool lose_files;     /* delete: an admin's word */
	bool final;          /* delete: nobody is left to be refused */
	uint32_t timeout_ms; /* stop: before SIGKILL; 0: the usual */

	/* the engine's */
	struct op *next;
	unsigned step;
	bool back;   /* undoing */
	bool waits;  /* op_continue() is to come */
	bool parked; /* waits for better times */
	uint64_t retry_ms;
	bool gone; /* the node is no more */

	/* what a step waits for; dropped when it fails */
	struct nx_call *call;
	enum op_turn (*replied)(struct op *op, const struct nx_reply *reply);
	struct event *timer;
	op_step_fn *on_timer;
	op_step_fn *heard; /* the node's warden said something */

	/* what steps hand on to later ones, and their undo closes */
	bool ran; /* the node was running when it began */
	int volume, netlink;
	struct nx_warden helper; /* of who fetches @netlink from a node */
	bool ready;              /* the gate: the root stands */
	struct nx_fault fault;   /* the gate: it did not go well */
	bool program;            /* @fault is the node's own program's */
	bool linked;             /* netd has done its part */
	bool drained;            /* the volume takes nothing any more */
	uint64_t chunks_moved, files_lost;
	struct op_lost *lost; /* the first of files_lost */
	size_t n_lost;

	/* how it failed, and at which step; OK while it has not */
	Nx__Status status;
	unsigned failed;
	char text[OP_TEXT];
	uint64_t started_us;
};

/* NULL when memory is out. */
struct op *op_new(struct node *n, enum op_kind kind, struct nx_request *r);
/* Begins it, or lets it wait. Refuses when too many do. Consumes @op. */
void op_submit(struct op *op);
/* The same for who has nothing to add and can do without, if memory is out. */
void op_begin(struct node *n, enum op_kind kind, bool keep, bool force);
/* The step under way is over; the only way on. @op may be gone afterwards. */
void op_continue(struct op *op, enum op_turn turn);
/* Goes on with the plan in @n's row after a restart, forwards or back. */
void op_resume(struct node *n);
/* A neighbour is back: tries the parked ones now. */
void op_kick(struct nodemgr *m);
/* Forgets what @n's operations are about; the hub is gone and the process
 * ends. The next nodemgr goes on with them. */
void op_abandon(struct node *n);

/* Remembers the first failure. */
void op_fail(struct op *op, Nx__Status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void
op_fail_reply(struct op *op, const struct nx_reply *reply, const char *doing);

/* --- what steps are made of (op_leaf.c); each returns OP_WAIT ----------------- */

/* Writes the row; OP_NEXT follows when it is on disk, OP_FAILED if not. */
enum op_turn op_save(struct op *op);
/* The same, and says that the plan is over as far as a restart goes. */
enum op_turn op_save_over(struct op *op);
/* Removes the row and the files; the node is gone then. */
enum op_turn op_unsave(struct op *op);
/* @fn after @ms, unless the step is over by then. */
enum op_turn op_after(struct op *op, uint64_t ms, op_step_fn *fn);
/* @replied with the answer, which may say UNAVAILABLE. Borrows @fd, -1: none. */
enum op_turn
op_call(struct op *op, struct nx_ask ask, int fd, uint64_t timeout_ms,
    enum op_turn (*replied)(struct op *op, const struct nx_reply *reply));
/* Nothing is waited for any more. */
void op_quiet(struct op *op);
/* Writes the row as it is when the turn of the loop is over. */
void op_note(struct node *n);

#endif
