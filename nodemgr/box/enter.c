/*
 * Entering a node. Rules from the CVEs of others: what becomes the command is a
 * sealed copy (2019-5736), nodemgr's own process is not dumpable (2016-9962),
 * has nothing of nodemgr's open (2024-21626), verifies that its working
 * directory is inside, and takes numeric ids only (2026-30892).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/namespaces.h"
#include "nodemgr/box/caps.h"
#include "nodemgr/box/child.h"
#include "nodemgr/box/owner.h"
#include "nodemgr/box/sys.h"

/* The descriptors of who enters; 0-2 are the command's. */
enum { GATE = 3, TARGET, INIT, END };

/* Where a failure is told. */
static int gate_fd;

/* Each to its number, and nothing else is open from here on. */
static int
gather_fds(const struct nx_enter *e, int gate)
{
	int src[END] = {
	    e->fds[0], e->fds[1], e->fds[2], gate, e->target, e->init};
	int i;

	for (i = 0; i < END; i++) {
		/* the terminal comes later: the gate keeps its places free */
		src[i] = fcntl(
		    e->tty && i < GATE ? gate : src[i], F_DUPFD_CLOEXEC, END);
		if (src[i] < 0)
			return -errno;
	}
	for (i = 0; i < END; i++)
		if (dup3(src[i], i, i < GATE ? 0 : O_CLOEXEC) < 0)
			return -errno;
	gate_fd = GATE;
	return NX_SYS(close_range(END, ~0U, 0));
}

/* getcwd(2) itself tells when the directory is outside of the root. */
static int
enter_directory(const char *cwd)
{
	char path[PATH_MAX];

	if (chdir(cwd && cwd[0] ? cwd : "/") < 0)
		return -errno;
	if (!getcwd(path, sizeof(path)))
		return -errno;
	return path[0] == '/' ? 0 : -EXDEV;
}

/* The far end is at 0-2 and controls the session; the near end goes out. */
static int
own_terminal(const struct nx_enter *e)
{
	nx_cleanup_fd int near = -1, far = -1;
	int r = nx_terminal_open(e->rows, e->columns, &near, &far), i;

	if (r < 0)
		return r;
	for (i = 0; i < GATE; i++)
		if (dup3(far, i, 0) < 0)
			return -errno;
	if (ioctl(far, TIOCSCTTY, 0) < 0)
		return -errno;
	return nx_gate_send(GATE, NX_GATE_TERMINAL, 0, near);
}

/* nexus-init tells on the gate when the command cannot be executed. */
static int
exec_init(const struct nx_enter *e)
{
	static char name[] = "nexus-init", become[] = "-x", end[] = "--";
	nx_cleanup_free char **argv = NULL;
	size_t n = 0;

	while (e->argv[n])
		n++;
	argv = calloc(n + 4, sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	argv[0] = name;
	argv[1] = become;
	argv[2] = end;
	memcpy(argv + 3, e->argv, n * sizeof(*argv));
	if (fcntl(GATE, F_SETFD, 0) < 0)
		return -errno;
	return sys_execveat(INIT, "", argv, e->envp);
}

static int
become(const struct nx_enter *e, struct nx_fault *f)
{
	NX_TRY(f, nx_ids_become(0, 0), "become root of the node");
	NX_TRY(f, NX_SYS(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)), "dumpable");
	(void)umask(022);
	NX_TRY(f, setsid() < 0 ? -errno : 0, "new session");
	if (e->tty)
		NX_TRY(f, own_terminal(e), "open a terminal");
	NX_TRY(f, enter_directory(e->cwd), "enter the directory");
	NX_TRY(f, nx_signals_reset(), "reset signals");
	if (e->max_procs)
		NX_TRY(f,
		    nx_rlimit_lower(RLIMIT_NPROC, e->max_procs, e->max_procs),
		    "resource limits");
	NX_TRY(f, nx_caps_keep(NX_CAPS_NODE), "drop capabilities");
	NX_TRY(
	    f, NX_SYS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)), "no_new_privs");
	NX_TRY(f, nx_filter_load(e->filter), "load the call filter");
	NX_TRY(f, exec_init(e), "exec nexus-init");
	return 0;
}

static _Noreturn void
second(const struct nx_enter *e)
{
	struct nx_fault f = {0};

	(void)become(e, &f);
	(void)nx_gate_fail(gate_fd, &f);
	_exit(126);
}

/* The first child joins; only a child of its own is in the pid namespace. */
static int
first(const struct nx_enter *e, int gate, struct nx_fault *f)
{
	struct clone_args args = {.flags = CLONE_PARENT};
	pid_t pid;

	NX_TRY(f, nx_owner_take(e->owner), "be its owner");
	NX_TRY(f, NX_SYS(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)), "dumpable");
	NX_TRY(f, gather_fds(e, gate), "gather descriptors");
	NX_TRY(f, NX_SYS(setns(TARGET, NX_NAMESPACES)), "join the node");
	(void)close(TARGET);
	pid = sys_clone3(&args);
	NX_TRY(f, pid, "clone3");
	if (pid == 0)
		second(e);
	return nx_gate_send(GATE, NX_GATE_CHILD, pid, -1);
}

int
nx_enter_spawn(const struct nx_enter *e, struct nx_boxed *ret_boxed,
    struct nx_fault *ret_fault)
{
	struct nx_fault f = {0};
	int gate;
	pid_t pid = nx_boxed_clone(0, e->cgroup, ret_boxed, &gate, ret_fault);

	if (pid == 0) {
		gate_fd = gate;
		if (first(e, gate, &f) < 0)
			(void)nx_gate_fail(gate_fd, &f);
		_exit(0);
	}
	return pid < 0 ? pid : 0;
}

static void
send_netlink(uint32_t owner, int target, int gate)
{
	int fd;

	if (nx_owner_take(owner) < 0 ||
	    setns(target, CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd >= 0)
		(void)nx_gate_send(gate, NX_GATE_NETLINK, 0, fd);
}

int
nx_enter_netlink(uint32_t owner, int target, struct nx_boxed *ret_boxed,
    struct nx_fault *ret_fault)
{
	int gate;
	pid_t pid = nx_boxed_clone(0, -1, ret_boxed, &gate, ret_fault);

	if (pid == 0) {
		send_netlink(owner, target, gate);
		_exit(0);
	}
	return pid < 0 ? pid : 0;
}
