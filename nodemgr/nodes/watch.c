/*
 * Watching a running node through the pidfd of its init, and finding it again
 * after a restart of nodemgr.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/reaper.h"
#include "nodemgr/nodes/exec.h"
#include "nodemgr/nodes/node.h"
#include "nodemgr/nodes/op.h"

static void
on_exit_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	node_ended(arg);
}

static void
on_reaped(int status, const struct rusage *usage, void *arg)
{
	struct node *n = arg;

	(void)usage;
	n->status = status;
	node_ended(n);
}

int
node_watch(struct node *n, int pidfd, int cgroup, bool child)
{
	n->pidfd = pidfd;
	n->cgroup = cgroup;
	n->child = child;
	n->status = -1;
	if (child) {
		nx_reaper_watch(n->pid, on_reaped, n);
		return 0;
	}
	n->exit_event = event_new(n->m->base, pidfd, EV_READ, on_exit_event, n);
	if (!n->exit_event || event_add(n->exit_event, NULL) < 0)
		return -ENOMEM;
	return 0;
}

void
node_unwatch(struct node *n)
{
	if (n->exit_event)
		event_free(n->exit_event);
	n->exit_event = NULL;
	if (n->child)
		nx_reaper_forget(n->pid);
	n->child = false;
	nx_close(&n->pidfd);
	nx_close(&n->cgroup);
}

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

void
node_note_end(struct node *n, bool stopped)
{
	struct nx_cgroup_stat stat = {0};
	char word[16] = "";
	int value = 0;

	if (!node_status_read(n, word, &value))
		describe(n, word, &value);
	if (n->cgroup >= 0)
		(void)nx_cgroup_read(n->cgroup, &stat);
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

int
node_adopt(struct node *n)
{
	nx_cleanup_fd int pidfd = -1, cgroup = -1;

	if (n->pid <= 0 || strcmp(n->boot_id, n->m->boot_id) != 0)
		return 0;
	pidfd = pidfd_open(n->pid, 0);
	cgroup = nx_cgroup_open(n->m->cgroups.nodes, n->id);
	if (pidfd < 0 || cgroup < 0)
		return 0;
	/* the pidfd holds whom we check from here on */
	if (node_pid_start(n->pid) != n->pid_start ||
	    !nx_cgroup_holds(cgroup, n->pid))
		return 0;
	if (node_watch(n, nx_take_fd(&pidfd), nx_take_fd(&cgroup), false) < 0)
		return 0;
	exec_adopt(n);
	nx_info("event=node-adopted node=%s pid=%d", n->id, (int)n->pid);
	return 1;
}
