/*
 * Commands in nodes, from the request to the last process they leave behind.
 *
 * Why this is safe to grant: only an admin's edge carries NODE_EXEC. The
 * command gets the capabilities and the filter of everything else in the node,
 * and no descriptor of its caller's: a terminal of the node's own devpts or
 * three pipes are made for it, and their other ends are the answer. What runs
 * in there can write to whoever asked, and to nobody's terminal.
 *
 *	STARTING	the helper enters; until then the request waits
 *	RUNNING		answered with the descriptors
 *	CLEARING	the command has ended: the rest in its cgroup is killed
 *	OVER		nothing is left; NODE_EXEC_WAIT has, or gets, the status
 *
 * Each exec has a cgroup of its own below the node's. The node's limits hold
 * for it, too, because they are the parent's; and all that a command leaves
 * behind, in whatever session, ends with it, or when its caller goes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/reaper.h"
#include "nodemgr/nodes/exec.h"
#include "nodemgr/nodes/exec_internal.h"
#include "proto/serve_nodemgr.h"

#define EXECS_MAX 128 /* of one node's at a time */
#define START_MS  15000
#define TELL_MS   60000

static void
close_ends(struct exec *x)
{
	while (x->n_ends > 0)
		nx_close(&x->ends[--x->n_ends]);
}

static const struct nx_warden_ops ops;

static void
exec_free(struct exec *x)
{
	struct exec **link;

	nx_assert(!x->start && !x->wait);
	for (link = &x->m->execs; *link; link = &(*link)->next)
		if (*link == x) {
			*link = x->next;
			break;
		}
	if (x->pid >= 0)
		nx_reaper_forget(x->pid);
	nx_warden_destroy(&x->warden);
	close_ends(x);
	free(x);
}

/* --- the end ------------------------------------------------------------------ */

static void
answer_wait(struct exec *x)
{
	Nx__NodeExecEnd reply = NX__NODE_EXEC_END__INIT;
	struct nx_request *r = nx_take_ptr(x->wait);
	char reason[32];
	int signal = WIFSIGNALED(x->status) ? WTERMSIG(x->status) : 0;

	nx_assert(x->state == OVER);
	reply.exit_code = signal ? 128 + signal : WEXITSTATUS(x->status);
	snprintf(reason, sizeof(reason), "%s %d", signal ? "signal" : "exit",
	    signal ? signal : WEXITSTATUS(x->status));
	reply.reason = reason;
	nx_answer_node_exec_wait(r, &reply);
}

/* Nothing of it is left, or nothing can be done about it. It goes when its end
 * has been told, or when nobody is there to tell, or nobody asks. */
static void
over(struct exec *x)
{
	nx_assert(!x->start);
	x->state = OVER;
	if (!x->wait && x->peer && !x->failed) {
		nx_warden_deadline(&x->warden, TELL_MS);
		return;
	}
	if (x->wait)
		answer_wait(x);
	exec_free(x);
}

static void
on_emptied(void *arg)
{
	over(arg);
}

static void
answer_fault(struct exec *x)
{
	struct nx_request *r = nx_take_ptr(x->start);
	Nx__Status status = NX__STATUS__INTERNAL;

	if (x->fault.error == -ENOENT || x->fault.error == -EACCES ||
	    x->fault.error == -ENOTDIR || x->fault.error == -ENOEXEC ||
	    x->fault.error == -ELOOP)
		status = NX__STATUS__INVALID;
	if (x->fault.error == -ETIMEDOUT)
		status = NX__STATUS__DEADLINE;
	nx_refuse(r, status, "the command did not start: %s: %s", x->fault.step,
	    strerror(-x->fault.error));
}

/* The command is over, or never was: what is left in the cgroup goes. @x may be
 * gone after it. */
static void
clear(struct exec *x)
{
	nx_assert(x->state != CLEARING && x->state != OVER);
	close_ends(x);
	x->state = CLEARING;
	if (x->start) {
		x->failed = true;
		answer_fault(x);
	}
	if (nx_warden_empty(&x->warden))
		over(x);
}

/* --- the beginning ------------------------------------------------------------ */

static void
fail(struct exec *x, int error, const char *step)
{
	(void)nx_step(&x->fault, error, step);
	clear(x);
}

static void
on_late(void *arg)
{
	struct exec *x = arg;

	if (x->state == OVER)
		exec_free(x); /* nobody asks how it ended */
	else
		fail(x, -ETIMEDOUT, "enter the node");
}

/* It is the command now. */
static void
begun(struct exec *x)
{
	Nx__NodeExecReply reply = NX__NODE_EXEC_REPLY__INIT;
	struct nx_request *r = nx_take_ptr(x->start);
	int n = x->n_ends;

	nx_assert(x->state == STARTING);
	x->state = RUNNING;
	nx_warden_deadline(&x->warden, 0);
	reply.exec = x->id;
	x->n_ends = 0; /* theirs now */
	nx_answer_node_exec(r, &reply, x->ends, (size_t)n);
}

/* The gate and the reaper tell what happened in any order: a command can be
 * over before it is known to have begun, and why it failed can come later. @x
 * may be gone after it. */
static void
advance(struct exec *x)
{
	if (x->state == STARTING && x->silent) {
		if (x->fault.error) {
			clear(x);
			return;
		}
		if (x->n_ends == 0 || (x->pid < 0 && !x->ended)) {
			fail(x, -ECANCELED, "enter the node");
			return;
		}
		begun(x);
	}
	if (x->state == RUNNING && x->ended)
		clear(x);
}

static void
on_end(int status, const struct rusage *usage, void *arg)
{
	struct exec *x = arg;

	(void)usage;
	x->status = status;
	x->ended = true;
	x->pid = -1;
	advance(x);
}

static bool
on_heard(void *arg, const struct nx_gate_msg *msg, int *fd)
{
	struct exec *x = arg;

	if (msg->kind == NX_GATE_FAILED || msg->kind == NX_GATE_CLOSED) {
		x->fault = msg->fault;
		x->silent = true;
		advance(x);
		return false;
	}
	/* once, and of nobody else's: the number comes from within the node */
	if (msg->kind == NX_GATE_CHILD && x->pid < 0 && !x->ended &&
	    msg->value > 0 && !nx_reaper_watches(msg->value)) {
		x->pid = msg->value;
		(void)nx_reaper_claim(x->pid, x->mark, on_end, x);
	} else if (msg->kind == NX_GATE_TERMINAL && x->tty && !x->n_ends &&
	    nx_terminal_is_near(*fd)) {
		x->ends[x->n_ends++] = nx_take_fd(fd);
	}
	return true;
}

static const struct nx_warden_ops ops = {
    .heard = on_heard,
    .late = on_late,
    .emptied = on_emptied,
};

static void
start(struct nodemgr *m, struct nx_request *r, const struct node *n,
    const Nx__NodeExecRequest *request)
{
	struct exec *x = calloc(1, sizeof(*x));

	if (!x) {
		nx_refuse(r, NX__STATUS__INTERNAL, "out of memory");
		return;
	}
	x->m = m;
	/* the cgroups of the nodemgr before this one may still be there */
	m->last_exec = m->last_exec ? m->last_exec + 1 : nx_now_us();
	x->id = m->last_exec;
	x->start = r;
	x->peer = r->peer;
	x->tty = request->tty;
	x->mark = nx_reaper_mark();
	x->pid = -1;
	nx_warden_init(&x->warden, m->base, &ops, x);
	snprintf(x->node, sizeof(x->node), "%s", n->id);
	x->next = m->execs;
	m->execs = x;
	if (exec_spawn(x, n, request) < 0) {
		clear(x);
		return;
	}
	nx_warden_watch(&x->warden, START_MS);
}

/* --- requests ----------------------------------------------------------------- */

static unsigned
count_of(const struct nodemgr *m, const struct node *n)
{
	unsigned count = 0;

	for (const struct exec *x = m->execs; x; x = x->next)
		count += strcmp(x->node, n->id) == 0;
	return count;
}

void
serve_node_exec(
    struct nx_request *r, const Nx__NodeExecRequest *request, struct nodemgr *m)
{
	struct node *n = node_find(m, r, request->node);

	if (!n)
		return;
	if (n->state != NODE_RUNNING)
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "the node does not run: start it first");
	else if (request->n_command == 0 || !request->command[0][0])
		nx_refuse(r, NX__STATUS__INVALID, "there is no command to run");
	else if (request->rows > UINT16_MAX || request->columns > UINT16_MAX)
		nx_refuse(r, NX__STATUS__INVALID,
		    "a terminal has at most %u rows and columns", UINT16_MAX);
	else if (count_of(m, n) >= EXECS_MAX)
		nx_refuse(r, NX__STATUS__LIMIT,
		    "%u commands run in the node already: end some first",
		    EXECS_MAX);
	else
		start(m, r, n, request);
}

void
serve_node_exec_wait(struct nx_request *r,
    const Nx__NodeExecWaitRequest *request, struct nodemgr *m)
{
	struct exec *x = m->execs;

	while (x && (x->id != request->exec || x->peer != r->peer))
		x = x->next;
	if (!x || x->state == STARTING) {
		nx_refuse(r, NX__STATUS__NOT_FOUND,
		    "you have no such command running");
	} else if (x->wait) {
		nx_refuse(
		    r, NX__STATUS__CONFLICT, "its end is waited for already");
	} else {
		x->wait = r;
		if (x->state == OVER)
			over(x);
	}
}

/* --- callers and nodemgrs that went --------------------------------------------- */

void
exec_peer_gone(struct nodemgr *m, const struct nx_peer *peer)
{
	struct exec *x, *next;

	for (x = m->execs; x; x = next) {
		next = x->next;
		if (x->peer != peer)
			continue;
		x->peer = NULL;
		if (x->state == OVER) {
			over(x);
			continue;
		}
		nx_info("event=exec-abandoned node=%s", x->node);
		nx_warden_kill(&x->warden);
	}
}

void
exec_adopt(const struct node *n)
{
	(void)nx_cgroup_kill_below(n->warden.cgroup);
}

void
exec_close(struct nodemgr *m)
{
	while (m->execs) {
		struct exec *x = m->execs;

		/* the hub is gone: this only frees them */
		if (x->start)
			nx_answer(nx_take_ptr(x->start), NULL, NULL, 0);
		if (x->wait)
			nx_answer(nx_take_ptr(x->wait), NULL, NULL, 0);
		exec_free(x);
	}
}
