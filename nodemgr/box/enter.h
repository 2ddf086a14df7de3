/*
 * Running a command in a node that runs (exec): a child joins the node's
 * cgroup and all its namespaces through the pidfd of the node's first process,
 * and takes the same capabilities and the same filter. Its last act is to
 * execute the sealed nexus-init, which becomes the command: no program and no
 * library of the host's is ever executed in there (a command that is a script
 * of #!/proc/self/exe gets nexus-init, and not nodemgr with the node's
 * libraries). It is a child of nodemgr, not of the node, so its exit status
 * comes here.
 */
#ifndef NODEMGR_ENTER_H
#define NODEMGR_ENTER_H

#include <stdbool.h>

#include "nodemgr/box/filter.h"
#include "nodemgr/box/gate.h"
#include "nodemgr/box/warden.h"

struct nx_enter {
	int target;             /* pidfd of the node's init */
	uint32_t owner;         /* of the node: its first id outside */
	int cgroup;             /* where it goes: the node's, or one below it */
	int init;               /* sealed nexus-init */
	bool tty;               /* a terminal of the node's; else @fds */
	uint32_t rows, columns; /* of the terminal; 0: as it is made */
	int fds[3];             /* stdin, stdout, stderr; borrowed */
	const char *cwd;        /* NULL or "": the root */
	uint64_t max_procs;     /* of its user in the node; 0: any */
	const struct nx_filter *filter;
	char *const *argv, *const *envp;
};

/*
 * Starts it. On the gate come CHILD with the pid of the process in the node,
 * with @tty TERMINAL with the near end, in any order; then the end of file when
 * it has become the command, or FAILED.
 * @ret_boxed->pid is the helper that goes in first; it ends by itself. 0 or
 * -errno.
 */
int nx_enter_spawn(const struct nx_enter *e, struct nx_boxed *ret_boxed,
    struct nx_fault *ret_fault);

/* Has a child fetch an rtnetlink socket of the network namespace of the
 * process behind @target, in a box of @owner's. On the gate comes NETLINK with it, or nothing but the
 * end of file. 0, or -errno with the step in *ret_fault. */
int nx_enter_netlink(uint32_t owner, int target, struct nx_boxed *ret_boxed,
    struct nx_fault *ret_fault);

#endif
