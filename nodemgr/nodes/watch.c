/*
 * What a node's warden says: to the operation that waits for it, or an end that
 * nobody waits for. And finding a node again after a restart of nodemgr.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "nodemgr/nodes/exec.h"
#include "nodemgr/nodes/node.h"
#include "nodemgr/nodes/op.h"

/* Tells the operation that waits for it. True: it went on, and may be gone. */
static bool
tell(struct node *n)
{
	struct op *op = n->op;
	enum op_turn turn = op && op->heard ? op->heard(op) : OP_WAIT;

	if (turn == OP_WAIT)
		return false;
	op_continue(op, turn);
	return true;
}

/* Before its exec the child is ours; a message out of place is an error of ours,
 * and the start fails. The gate is open while the node is launched, and at no
 * other time. */
static bool
on_heard(void *arg, const struct nx_gate_msg *msg, int *fd)
{
	struct node *n = arg;
	struct op *op = n->op;

	nx_assert(op && n->state != NODE_RUNNING);
	if (msg->kind == NX_GATE_NETLINK && op->netlink < 0 &&
	    nx_fd_is(*fd, NX_FD_RTNETLINK)) {
		op->netlink = nx_take_fd(fd);
	} else if (msg->kind == NX_GATE_READY) {
		op->ready = true;
	} else if (msg->kind == NX_GATE_FAILED) {
		op->fault = msg->fault;
		op->program = msg->value == NX_GATE_PROGRAM;
	} else if (msg->kind != NX_GATE_CLOSED) {
		op->fault = (struct nx_fault){-EPROTO, "read the gate"};
	}
	return !tell(n);
}

static void
on_late(void *arg)
{
	struct node *n = arg;

	nx_assert(n->op);
	if (!n->op->heard)
		return; /* it is being undone */
	op_fail(n->op, NX__STATUS__DEADLINE,
	    "the node did not start within %d seconds", NODE_START_MS / 1000);
	op_continue(n->op, OP_FAILED);
}

/* Somebody stops it or is just launching it; or it ended by itself, and whatever
 * is under way (a deletion that is still asking) goes first. */
static void
on_ended(void *arg, int status, const struct rusage *usage)
{
	struct node *n = arg;

	(void)usage;
	n->status = status;
	if (!tell(n) && n->state == NODE_RUNNING)
		op_begin(n, OP_END, false, false);
}

/* Only the step `empty` has it emptied, and waits. */
static void
on_emptied(void *arg)
{
	struct node *n = arg;

	nx_assert(n->op && n->state != NODE_RUNNING);
	op_continue(n->op, OP_NEXT);
}

const struct nx_warden_ops node_warden_ops = {
    .heard = on_heard,
    .late = on_late,
    .ended = on_ended,
    .emptied = on_emptied,
};

/* How init itself ended: known to its parent only. */
static void
describe(const struct node *n, char word[16], int *value)
{
	word[0] = '\0';
	if (n->status < 0)
		return;
	if (WIFSIGNALED(n->status)) {
		strcpy(word, "signal");
		*value = WTERMSIG(n->status);
	} else {
		strcpy(word, "exit");
		*value = WEXITSTATUS(n->status);
	}
}

/* What init wrote comes first: it knows its main process. Without it, it was
 * killed, and the cgroup may know why. */
void
node_note_end(struct node *n, bool stopped)
{
	struct nx_cgroup_stat stat = {0};
	char word[16] = "";
	int value = 0;

	if (!node_status_read(n, word, &value))
		describe(n, word, &value);
	if (n->warden.cgroup >= 0)
		(void)nx_cgroup_read(n->warden.cgroup, &stat);
	n->oom_kills += stat.oom_kills;
	if (stopped)
		snprintf(n->exit_reason, sizeof(n->exit_reason), "stopped");
	else if (stat.oom_kills && strcmp(word, "exit") != 0)
		snprintf(
		    n->exit_reason, sizeof(n->exit_reason), "out of memory");
	else if (word[0])
		snprintf(n->exit_reason, sizeof(n->exit_reason), "%s %d", word,
		    value);
	else
		snprintf(n->exit_reason, sizeof(n->exit_reason), "killed");
	n->failed = !stopped && strcmp(n->exit_reason, "exit 0") != 0;
}

uint64_t
node_pid_start(pid_t pid)
{
	nx_cleanup_free char *text = NULL;
	char path[32], *p;
	int field;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (nx_read_file(AT_FDCWD, path, 4096, &text) < 0)
		return 0;
	/* the name, in parentheses, may contain anything: count from its end */
	p = strrchr(text, ')');
	for (field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p, NULL, 10) : 0;
}

bool
node_adopt(struct node *n)
{
	struct nx_warden *w = &n->warden;
	nx_cleanup_fd int pidfd = -1;

	if (nx_warden_regroup(w, n->m->cgroups.nodes, n->id) < 0 ||
	    n->pid <= 0 || strcmp(n->boot_id, n->m->boot_id) != 0)
		return false;
	pidfd = pidfd_open(n->pid, 0);
	/* the pidfd holds whom we check from here on */
	if (pidfd < 0 || node_pid_start(n->pid) != n->pid_start ||
	    !nx_cgroup_holds(w->cgroup, n->pid))
		return false;
	nx_warden_adopt(w, nx_take_fd(&pidfd));
	exec_adopt(n);
	nx_info("event=node-adopted node=%s pid=%d", n->id, (int)n->pid);
	return true;
}
