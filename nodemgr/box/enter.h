/*
 * Running a command in a node that runs (exec): a child joins the node's
 * cgroup and all its namespaces through the pidfd of the node's first process,
 * and takes the same capabilities and the same filter. It is a child of
 * nodemgr, not of the node, so its exit status comes here.
 */
#ifndef NODEMGR_ENTER_H
#define NODEMGR_ENTER_H

#include <stdbool.h>

#include "nodemgr/box/box.h"

struct nx_enter {
	int target; /* pidfd of the node's init */
	int cgroup;
	int fds[3];      /* stdin, stdout, stderr; borrowed */
	bool tty;        /* @fds are a terminal: make it the controlling one */
	const char *cwd; /* NULL or "": the root */
	const struct nx_filter *filter;
	char *const *argv, *const *envp;
};

/*
 * Starts it. On the gate comes CHILD with the pid of the process in the node,
 * then the end of file when it has become the command, or FAILED.
 * @ret_boxed->pid is the helper that goes in first; it ends by itself. 0 or
 * -errno.
 */
int nx_enter_spawn(const struct nx_enter *e, struct nx_boxed *ret_boxed,
    struct nx_fault *ret_fault);

/* Has a child fetch an rtnetlink socket of the network namespace of the
 * process behind @target. On the gate comes NETLINK with it, or nothing but the
 * end of file. 0 or -errno. */
int nx_enter_netlink(int target, struct nx_boxed *ret_boxed);

#endif
