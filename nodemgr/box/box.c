/*
 * Making a box, seen from outside: nodemgr clones the first process straight
 * into its cgroup and all its namespaces, and writes the maps of ids that it
 * alone may write. Trusts the child only until it has executed nexus-init.
 */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/box/child.h"
#include "nodemgr/box/sys.h"

#define ALL_NAMESPACES                                               \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | \
	    CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP)

static int
open_gate(struct nx_boxed *b, const struct nx_box *box)
{
	int r = nx_idmap_write(b->pid, &box->map);

	if (r == 0)
		r = nx_gate_send(b->gate, NX_GATE_MAPPED, 0, -1);
	if (r == 0)
		r = nx_fd_nonblock(b->gate, true);
	return r;
}

int
nx_box_spawn(const struct nx_box *box, struct nx_boxed *ret_boxed,
    struct nx_fault *ret_fault)
{
	struct nx_boxed b = {.pid = -1, .pidfd = -1, .gate = -1};
	nx_cleanup_fd int inner = -1;
	struct clone_args args = {
	    .flags = ALL_NAMESPACES | CLONE_PIDFD | CLONE_INTO_CGROUP,
	    .pidfd = (uint64_t)(uintptr_t)&b.pidfd,
	    .exit_signal = SIGCHLD,
	    .cgroup = (unsigned)box->cgroup,
	};
	int pair[2], r;

	NX_TRY(ret_fault,
	    NX_SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)),
	    "socketpair");
	b.gate = pair[0];
	inner = pair[1];
	b.pid = sys_clone3(&args);
	if (b.pid < 0) {
		nx_close(&b.gate);
		return nx_step(ret_fault, b.pid, "clone3");
	}
	if (b.pid == 0)
		nx_box_child(box, inner);
	r = open_gate(&b, box);
	if (r < 0) {
		nx_boxed_destroy(&b);
		return nx_step(ret_fault, r, "write id maps");
	}
	*ret_boxed = b;
	return 0;
}
