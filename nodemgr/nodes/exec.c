/*
 * Commands in nodes; see job.h.
 *
 * Why this is safe to grant: only an admin's edge carries NODE_EXEC. The
 * command gets the capabilities and the filter of everything else in the node;
 * of the host it sees the three descriptors its caller passed, which are the
 * caller's own and no directories.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/reaper.h"
#include "nodemgr/box/enter.h"
#include "nodemgr/nodes/exec.h"
#include "nodemgr/nodes/node.h"

struct job {
	struct job *next;
	struct nodemgr *m;
	struct nx_request *r;
	const struct nx_peer *peer; /* to compare only */
	char node[NX_ID_LEN + 1];
	struct nx_boxed helper;
	struct event *gate_event;
	uint64_t mark; /* the command cannot have ended before */
	pid_t pid;     /* of the command; -1: not yet */
	int pidfd;
	bool failed, abandoned;
	struct nx_fault fault;
};

static char *const default_env[] = {
    (char *)(uintptr_t) "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
			"/usr/bin:/sbin:/bin",
    (char *)(uintptr_t) "HOME=/root",
    (char *)(uintptr_t) "LANG=C.UTF-8",
    (char *)(uintptr_t) "container=nexus",
};

static void
job_free(struct job *j)
{
	struct job **link;

	for (link = &j->m->jobs; *link; link = &(*link)->next)
		if (*link == j) {
			*link = j->next;
			break;
		}
	if (j->gate_event)
		event_free(j->gate_event);
	if (j->pid >= 0)
		nx_reaper_forget(j->pid);
	nx_close(&j->pidfd);
	nx_boxed_destroy(&j->helper);
	free(j);
}

static void
answer_end(struct job *j, int status)
{
	Nx__NodeExecReply reply = NX__NODE_EXEC_REPLY__INIT;
	char reason[32];

	if (WIFSIGNALED(status)) {
		reply.exit_code = 128 + WTERMSIG(status);
		snprintf(reason, sizeof(reason), "signal %d", WTERMSIG(status));
	} else {
		reply.exit_code = WEXITSTATUS(status);
		snprintf(
		    reason, sizeof(reason), "exit %d", WEXITSTATUS(status));
	}
	reply.reason = reason;
	nx_answer(j->r, &reply.base, NULL, 0);
}

static void
answer_fault(struct job *j)
{
	Nx__Status status = NX__STATUS__INTERNAL;

	if (j->fault.error == -ENOENT || j->fault.error == -EACCES ||
	    j->fault.error == -ENOTDIR || j->fault.error == -ENOEXEC)
		status = NX__STATUS__INVALID;
	nx_refuse(j->r, status, "the command did not start: %s: %s",
	    j->fault.step, strerror(-j->fault.error));
}

static void watch(struct job *j, pid_t pid);

/* 0: wait for more; 1: the gate has nothing more to say. */
static int
hear(struct job *j)
{
	struct nx_gate_msg msg;
	int fd, r;

	while ((r = nx_gate_recv(j->helper.gate, &msg, &fd)) == 1) {
		nx_close(&fd);
		if (msg.kind == NX_GATE_CHILD && j->pid < 0) {
			watch(j, msg.value);
		} else if (msg.kind == NX_GATE_FAILED) {
			j->failed = true;
			j->fault = msg.fault;
		} else {
			return 1; /* it has become the command, or never will */
		}
	}
	return r < 0;
}

static void
on_end(int status, const struct rusage *usage, void *arg)
{
	struct job *j = arg;

	(void)usage;
	(void)hear(j); /* why it failed, if it did and both came at once */
	if (j->failed)
		answer_fault(j);
	else
		answer_end(j, status);
	job_free(j);
}

/* The command's process exists; its end is the end of the job. */
static void
watch(struct job *j, pid_t pid)
{
	j->pid = pid;
	if (nx_reaper_claim(pid, j->mark, on_end, j))
		return;
	/* it has not been reaped: the number is still its own */
	j->pidfd = pidfd_open(pid, 0);
	if (j->abandoned && j->pidfd >= 0)
		(void)pidfd_send_signal(j->pidfd, SIGKILL, NULL, 0);
}

static void
on_gate(evutil_socket_t gate, short what, void *arg)
{
	struct job *j = arg;

	(void)gate;
	(void)what;
	if (!hear(j))
		return;
	(void)event_del(j->gate_event);
	if (j->pid >= 0)
		return;
	/* the first half failed: there is no command to wait for */
	if (!j->failed)
		j->fault = (struct nx_fault){-ECANCELED, "enter the node"};
	answer_fault(j);
	job_free(j);
}

/* The caller's environment, or ours where it says nothing. */
static char **
environment(const Nx__NodeExecRequest *request)
{
	size_t n = 0, i, k, len;
	char **env = calloc(
	    NX_ARRAY_SIZE(default_env) + request->n_env + 1, sizeof(*env));

	if (!env)
		return NULL;
	for (i = 0; i < NX_ARRAY_SIZE(default_env); i++) {
		len = strcspn(default_env[i], "=") + 1;
		for (k = 0; k < request->n_env; k++)
			if (!strncmp(request->env[k], default_env[i], len))
				break;
		if (k == request->n_env)
			env[n++] = default_env[i];
	}
	for (k = 0; k < request->n_env; k++)
		if (strchr(request->env[k], '='))
			env[n++] = request->env[k];
	return env;
}

static bool
fds_ok(const struct nx_request *r)
{
	struct stat st;
	size_t i;

	/* a directory of the host's would be a way out (CVE-2024-21626) */
	for (i = 0; i < 3; i++)
		if (fstat(r->fds[i], &st) < 0 || S_ISDIR(st.st_mode) ||
		    S_ISBLK(st.st_mode))
			return false;
	return true;
}

static int
spawn(struct job *j, const struct node *n, const Nx__NodeExecRequest *request)
{
	nx_cleanup_free char **env = environment(request);
	nx_cleanup_free char **argv =
	    calloc(request->n_command + 1, sizeof(*argv));
	struct nx_enter e = {
	    .target = n->pidfd,
	    .cgroup = n->cgroup,
	    .fds = {j->r->fds[0], j->r->fds[1], j->r->fds[2]},
	    .tty = request->tty,
	    .cwd = request->cwd,
	    .filter = &j->m->node_filter,
	};

	if (!env || !argv)
		return nx_step(&j->fault, -ENOMEM, "memory");
	memcpy(argv, request->command,
	    request->n_command * sizeof(request->command[0]));
	e.argv = argv;
	e.envp = env;
	return nx_enter_spawn(&e, &j->helper, &j->fault);
}

static void
start(struct nodemgr *m, struct nx_request *r, const struct node *n,
    const Nx__NodeExecRequest *request)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j) {
		nx_refuse(r, NX__STATUS__INTERNAL, "out of memory");
		return;
	}
	j->m = m;
	j->r = r;
	j->peer = r->peer;
	j->mark = nx_reaper_mark();
	j->pid = j->pidfd = -1;
	j->helper = (struct nx_boxed){-1, -1, -1};
	snprintf(j->node, sizeof(j->node), "%s", n->id);
	j->next = m->jobs;
	m->jobs = j;
	if (spawn(j, n, request) < 0) {
		answer_fault(j);
		job_free(j);
		return;
	}
	j->gate_event = event_new(
	    m->base, j->helper.gate, EV_READ | EV_PERSIST, on_gate, j);
	nx_assert(j->gate_event && event_add(j->gate_event, NULL) == 0);
}

void
job_handle(struct nx_request *r, void *ctx)
{
	const Nx__NodeExecRequest *request =
	    (const Nx__NodeExecRequest *)r->body;
	struct node *n = node_find(ctx, r, request->node);

	if (!n)
		return;
	if (n->state != NODE_RUNNING)
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "the node does not run: start it first");
	else if (request->n_command == 0 || !request->command[0][0])
		nx_refuse(r, NX__STATUS__INVALID, "there is no command to run");
	else if (!fds_ok(r))
		nx_refuse(r, NX__STATUS__INVALID,
		    "a directory or disk cannot be standard input or output");
	else
		start(ctx, r, n, request);
}

void
job_peer_gone(struct nodemgr *m, const struct nx_peer *peer)
{
	struct job *j;

	for (j = m->jobs; j; j = j->next) {
		if (j->peer != peer)
			continue;
		j->peer = NULL;
		nx_info("event=exec-abandoned node=%s", j->node);
		j->abandoned = true;
		if (j->pidfd >= 0)
			(void)pidfd_send_signal(j->pidfd, SIGKILL, NULL, 0);
	}
}
