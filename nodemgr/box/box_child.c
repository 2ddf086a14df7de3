/*
 * The child's half of a box: from the first instruction after clone3 to the
 * exec of nexus-init. It runs as nodemgr's copy and with all capabilities of
 * its own, new user namespace; it holds no descriptor but those it was given.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/box/caps.h"
#include "nodemgr/box/child.h"
#include "nodemgr/box/sys.h"

/* Where the gate is; it moves before the exec. */
static int gate_fd;

/* Moves the given descriptors to their numbers and closes every other one:
 * nothing of nodemgr's is open beside them from here on. */
static int
gather_fds(const struct nx_box *box, int gate)
{
	int tmp[NX_BOX_END], src, i;

	for (i = NX_BOX_GATE; i < NX_BOX_END; i++) {
		src = i == NX_BOX_GATE ? gate : box->fds[i];
		tmp[i] = -1;
		if (src < 0)
			continue;
		tmp[i] = fcntl(src, F_DUPFD_CLOEXEC, NX_BOX_END);
		if (tmp[i] < 0)
			return -errno;
	}
	for (i = NX_BOX_GATE; i < NX_BOX_END; i++) {
		if (tmp[i] < 0)
			(void)close(i);
		else if (dup3(tmp[i], i, O_CLOEXEC) < 0)
			return -errno;
	}
	gate_fd = NX_BOX_GATE;
	return NX_SYS(close_range(NX_BOX_END, ~0U, 0));
}

static int
await(enum nx_gate_kind kind)
{
	struct nx_gate_msg msg;
	int fd, r;

	do
		r = nx_gate_recv(gate_fd, &msg, &fd);
	while (r == 0);
	if (r < 0)
		return r;
	nx_close(&fd);
	return msg.kind == kind ? 0 : -ECANCELED;
}

static int
set_rlimits(const struct nx_box *box)
{
	int r = nx_rlimit_lower(RLIMIT_CORE, 0, 0);

	if (r == 0)
		r = nx_rlimit_lower(
		    RLIMIT_NOFILE, box->kind->nofile, box->kind->nofile_max);
	if (r == 0 && box->max_data)
		r = nx_rlimit_lower(RLIMIT_DATA, box->max_data, box->max_data);
	if (r == 0 && box->max_procs)
		r = nx_rlimit_lower(
		    RLIMIT_NPROC, box->max_procs, box->max_procs);
	return r;
}

/* A socket of the new network namespace, through which netd learns the
 * namespace and configures the node's end. */
static int
send_netlink(void)
{
	nx_cleanup_fd int fd =
	    socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	return nx_gate_send(NX_BOX_GATE, NX_GATE_NETLINK, 0, fd);
}

/* 0-2 for the program; 3 to 5 are nexus-init's own; the rest ends here. */
static int
place_fds(const struct nx_box *box)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), i;
	int out = box->kind->out ? (int)box->kind->out : null;
	int err = box->kind->err ? (int)box->kind->err : null;
	int log = box->kind->log ? (int)box->kind->log : null;

	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 ||
	    dup2(err, 2) < 0)
		return -errno;
	if (dup3(NX_BOX_INIT, NX_BOX_END + 2, O_CLOEXEC) < 0 ||
	    dup3(NX_BOX_STATUS, NX_BOX_END + 3, O_CLOEXEC) < 0 ||
	    dup2(NX_BOX_END + 3, 4) < 0 || dup2(log, 5) < 0)
		return -errno;
	/* the gate goes through nexus-init, up to the exec of the program */
	if (fcntl(NX_BOX_GATE, F_SETFD, 0) < 0)
		return -errno;
	for (i = 6; i <= NX_BOX_END + 1; i++)
		(void)close(i);
	(void)close(NX_BOX_END + 3);
	return NX_SYS(close_range(NX_BOX_END + 4, ~0U, 0));
}

static int
prepare(const struct nx_box *box, struct nx_fault *f)
{
	int r;

	NX_TRY(f, await(NX_GATE_MAPPED), "wait for id maps");
	NX_TRY(f, NX_SYS(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)), "dumpable");
	/* the way there is searchable for nodemgr's own uid only */
	NX_TRY(f, NX_SYS(chdir(box->scratch)), "chdir to the scratch place");
	NX_TRY(f, nx_ids_become(box->map.inner_uid, box->map.inner_gid),
	    "become the namespace's user");
	(void)umask(022);
	if (box->kind->network)
		NX_TRY(f, send_netlink(), "netlink socket");
	NX_TRY(f, NX_SYS(mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL)),
	    "make / a slave");
	r = box->kind->root(box, f);
	if (r < 0)
		return r;
	NX_TRY(f,
	    NX_SYS(sethostname(box->hostname, __builtin_strlen(box->hostname))),
	    "set the host name");
	if (box->kind->furnish)
		NX_TRY(f, box->kind->furnish(box), "write files in /etc");
	return 0;
}

static int
become(const struct nx_box *box, struct nx_fault *f)
{
	NX_TRY(f, place_fds(box), "place descriptors");
	NX_TRY(f, set_rlimits(box), "resource limits");
	NX_TRY(f, nx_signals_reset(), "reset signals");
	NX_TRY(f, setsid() < 0 ? -errno : 0, "new session");
	NX_TRY(f, nx_caps_keep(box->kind->caps), "drop capabilities");
	NX_TRY(
	    f, NX_SYS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)), "no_new_privs");
	NX_TRY(f, nx_filter_load(box->filter), "load the call filter");
	NX_TRY(f, sys_execveat(NX_BOX_END + 2, "", box->argv, box->envp),
	    "exec nexus-init");
	return 0;
}

_Noreturn void
nx_box_child(const struct nx_box *box, int gate)
{
	struct nx_fault f = {0};
	int r;

	gate_fd = gate;
	r = nx_step(&f, gather_fds(box, gate), "gather descriptors");
	if (r == 0)
		r = prepare(box, &f);
	if (r == 0 && box->kind->network) {
		r = nx_step(&f, nx_gate_send(NX_BOX_GATE, NX_GATE_READY, 0, -1),
		    "ready");
		if (r == 0)
			r = nx_step(&f, await(NX_GATE_GO), "wait for go");
	}
	if (r == 0)
		r = become(box, &f);
	(void)nx_gate_fail(gate_fd, &f);
	_exit(127);
}
