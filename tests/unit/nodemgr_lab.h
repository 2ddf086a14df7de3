/*
 * A laboratory for the container engine: as root, in private mount namespaces,
 * an ordinary uid with exactly nodemgr's three capabilities, a delegated
 * cgroup, an images directory and a directory that serves as a volume. The
 * machine's own mounts and cgroups stay as they were.
 */
#ifndef NODEMGR_LAB_H
#define NODEMGR_LAB_H

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "nodemgr/box/box.h"
#include "nodemgr/cgroup/cgroup.h"
#include "nodemgr/box/enter.h"
#include "nodemgr/box/filter.h"
#include "nodemgr/images/images.h"
#include "nodemgr/box/mnt.h"
#include "nodemgr/box/mounts.h"
#include "nodemgr/sandbox.h"
#include "nodemgr/box/sealed.h"

#define LAB_UID 64123
/* The kernel counts by id: two laboratories at a time, and a Nexus beside them,
 * must not have the same ones. Room for 32 nodes each. */
#define LAB_BASE lab.base

static struct {
	char dir[64], scratch[96], cgroup[96];
	struct nx_cgroups cgroups;
	uint32_t base;
	int images, init;
	struct nx_filter node, function;
	pid_t tests;       /* the child that runs them */
	const char *image; /* NULL: host */
	unsigned volume;   /* which; 0: the one of root's */
} lab;

static inline void __attribute__((format(printf, 1, 2)))
lab_run(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (system(line) != 0) {
		print_error("failed: %s\n", line);
		exit(1);
	}
}

/* Leaves root for an ordinary uid with exactly three capabilities. */
static inline void
lab_drop(void)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	unsigned mask = 1U << CAP_SYS_ADMIN | 1U << CAP_SETUID |
	    1U << CAP_SETGID | 1U << CAP_SETPCAP;

	if (prctl(PR_SET_KEEPCAPS, 1) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(LAB_UID, LAB_UID, LAB_UID) < 0 ||
	    setresuid(LAB_UID, LAB_UID, LAB_UID) < 0)
		nx_fatal(-errno, "drop");
	data[0].effective = data[0].permitted = mask;
	if (syscall(SYS_capset, &head, data) < 0)
		nx_fatal(-errno, "capset");
	nx_sandbox_drop(&nodemgr_sandbox);
}

static inline void
lab_init_path(char path[PATH_MAX])
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n > 0 ? n : 0] = '\0';
	snprintf(path, PATH_MAX, "%.3000s/../../bin/nexus-init", dirname(exe));
}

static inline void
lab_interrupted(int sig)
{
	(void)sig;
	(void)kill(lab.tests, SIGKILL); /* and then clean up */
}

/* As root: mounts and a cgroup of its own, and what the tests work with. */
static inline void
lab_build(void)
{
	char init[PATH_MAX];
	int pid = getpid();

	lab.base = (1U << 27) + ((unsigned)pid % 1024) * (32 * NX_ID_RANGE);
	snprintf(lab.dir, sizeof(lab.dir), "/tmp/nexus-lab-%d", pid);
	snprintf(lab.scratch, sizeof(lab.scratch), "%s/scratch", lab.dir);
	snprintf(
	    lab.cgroup, sizeof(lab.cgroup), "/sys/fs/cgroup/nexus-lab-%d", pid);
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL) < 0)
		nx_fatal(-errno, "laboratory");
	lab_run("mkdir -p %s/images %s %s/volume %s/state %s", lab.dir,
	    lab.scratch, lab.dir, lab.dir, lab.cgroup);
	/* The tests' own uid may not reach where the programs were built. */
	lab_init_path(init);
	lab_run("cp %s %s/init", init, lab.dir);
	lab_run("chown -R %d:%d %s/images %s %s/state %s", LAB_UID, LAB_UID,
	    lab.dir, lab.scratch, lab.dir, lab.cgroup);
}

/* In the child: what root has to do, then what nodemgr does at its start. */
static inline void
lab_enter(void)
{
	const char *keep[] = {lab.dir, "/proc", "/sys/fs/cgroup", "/dev/null",
	    "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",
	    "/usr", NULL};
	char path[PATH_MAX], error[256];

	snprintf(path, sizeof(path), "%s/cgroup.procs", lab.cgroup);
	if (nx_write_file(AT_FDCWD, path, "0") < 0)
		nx_fatal(-errno, "enter the cgroup");
	lab_init_path(path);
	lab.init = nx_sealed_program(path);
	if (lab.init < 0)
		nx_fatal(lab.init, "%s", path);
	if (nx_mounts_own(keep) < 0)
		nx_fatal(-errno, "own mounts");
	lab_drop();
	if (nx_cgroups_open("auto", &lab.cgroups, error) < 0)
		nx_fatal(0, "%s", error);
	snprintf(path, sizeof(path), "%s/images", lab.dir);
	lab.images = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (nx_image_host_make(lab.images, error) < 0)
		nx_fatal(0, "%s", error);
	if (nx_filter_compile(NX_FILTER_NODE, &lab.node) < 0 ||
	    nx_filter_compile(NX_FILTER_FUNCTION, &lab.function) < 0)
		nx_fatal(0, "filters");
	nx_sandbox_filter(&nodemgr_sandbox);
}

/* False: something did not go. */
static inline bool
lab_clean(void)
{
	int tries;

	lab_run("echo 1 > %s/cgroup.kill", lab.cgroup);
	for (tries = 0; rmdir(lab.cgroup) < 0 && tries < 100; tries++) {
		/* the dead leave their cgroup a moment later */
		usleep(20000);
		lab_run("find %s -mindepth 1 -depth -type d "
			"-exec rmdir {} + 2>/dev/null; :",
		    lab.cgroup);
	}
	if (tries == 100)
		print_error("left behind: %s\n", lab.cgroup);
	lab_run("rm -rf %s", lab.dir);
	return tries < 100;
}

/* Runs @tests in a child in the laboratory; cleans up as root after it. */
static inline int
lab_main(int (*tests)(void))
{
	int status = 1;
	pid_t pid;

	if (geteuid() != 0) {
		printf("1..1\nok 1 # SKIP needs root\n");
		return 0;
	}
	lab_build();
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		lab_enter();
		exit(tests());
	}
	lab.tests = pid;
	(void)signal(SIGTERM, lab_interrupted);
	(void)signal(SIGINT, lab_interrupted);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!lab_clean() || !WIFEXITED(status))
		return 1;
	return WEXITSTATUS(status);
}

/* A box that is being tried. */
struct lab_box {
	struct nx_box box;
	struct nx_boxed boxed;
	struct nx_image_mounts mounts;
	struct nx_fault fault;
	char *argv[16];
	int status[2], log, cgroup, volume, userns;
	char name[40];
};

static inline void
lab_volume(struct lab_box *b)
{
	const struct nx_idmap map = {
	    .outer_uid = LAB_BASE, .outer_gid = LAB_BASE, .count = NX_ID_RANGE};
	char path[96];

	b->userns = nx_idmap_userns(&map);

	snprintf(path, sizeof(path), "%s/volume", lab.dir);
	if (lab.volume) {
		snprintf(
		    path, sizeof(path), "%s/state/v%u", lab.dir, lab.volume);
		(void)mkdir(path, 0755);
	}
	b->volume = nx_mnt_clone(AT_FDCWD, path);
	assert_true(b->userns >= 0 && b->volume >= 0);
	assert_int_equal(nx_mnt_set(b->volume, 0, b->userns), 0);
}

/* What a node is made of; the descriptors are @b's. */
static inline void
lab_parts(struct lab_box *b)
{
	struct nx_limits limits = {0};
	static int serial;
	char path[128];

	memset(b, 0, sizeof(*b));
	snprintf(b->name, sizeof(b->name), "t%d", ++serial);
	snprintf(path, sizeof(path), "%s/scratch/log", lab.dir);
	lab_volume(b);
	b->log = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(pipe2(b->status, O_CLOEXEC), 0);
	assert_int_equal(
	    nx_image_open(lab.images, lab.image ? lab.image : NX_IMAGE_HOST,
		LAB_BASE, b->userns, &b->mounts, &b->fault),
	    0);
	nx_close(&b->userns);
	b->cgroup = nx_cgroup_make(lab.cgroups.nodes, b->name, false, &limits);
	assert_true(b->cgroup >= 0);
	b->boxed = (struct nx_boxed){-1, -1, -1};
}

/* Ready to spawn: a node that runs @command with sh, or idles. */
static inline void
lab_node(struct lab_box *b, const char *command)
{
	static char *envp[] = {"PATH=/usr/bin:/bin", NULL};

	lab_parts(b);
	b->argv[0] = "nexus-init";
	b->argv[1] = "--";
	if (command) {
		b->argv[2] = "/bin/sh";
		b->argv[3] = "-c";
		b->argv[4] = (char *)(uintptr_t)command;
	}
	b->box = (struct nx_box){
	    .kind = &nx_box_node,
	    .hostname = "lab",
	    .scratch = lab.scratch,
	    .map = {.outer_uid = LAB_BASE,
		.outer_gid = LAB_BASE,
		.count = NX_ID_RANGE},
	    .cgroup = b->cgroup,
	    .fds = {[0 ... NX_BOX_END - 1] = -1},
	    .filter = &lab.node,
	    .argv = b->argv,
	    .envp = envp,
	    .hosts = "127.0.0.1 localhost\n",
	    .resolv = "",
	    .fresh = true,
	};
	b->box.fds[NX_BOX_INIT] = lab.init;
	b->box.fds[NX_BOX_STATUS] = b->status[1];
	b->box.fds[NX_BOX_ROOT] = b->mounts.root;
	b->box.fds[NX_BOX_USR] = b->mounts.usr;
	b->box.fds[NX_BOX_VOLUME] = b->volume;
	b->box.fds[NX_BOX_LOG] = b->log;
}

/* Through the gate up to the exec: 0, or what the child complained about. */
static inline int
lab_start(struct lab_box *b)
{
	struct nx_gate_msg msg;
	struct pollfd p;
	bool went = false;
	int fd, r;

	r = nx_box_spawn(&b->box, &b->boxed, &b->fault);
	if (r < 0)
		return r;
	for (;;) {
		p = (struct pollfd){.fd = b->boxed.gate, .events = POLLIN};
		if (poll(&p, 1, 10000) <= 0)
			return -ETIMEDOUT;
		r = nx_gate_recv(b->boxed.gate, &msg, &fd);
		nx_close(&fd);
		if (r < 0)
			return r;
		if (msg.kind == NX_GATE_FAILED) {
			b->fault = msg.fault;
			return msg.fault.error;
		}
		if (msg.kind == NX_GATE_READY)
			went = true;
		if (msg.kind == NX_GATE_READY)
			(void)nx_gate_send(b->boxed.gate, NX_GATE_GO, 0, -1);
		if (msg.kind == NX_GATE_CLOSED)
			return went ? 0 : -EPIPE;
	}
}

/* Waits for the end; the exit status of init, as waitpid gives it. */
static inline int
lab_wait(struct lab_box *b, int ms)
{
	struct pollfd p = {.fd = b->boxed.pidfd, .events = POLLIN};
	int status = -1;

	if (poll(&p, 1, ms) <= 0)
		return -1;
	assert_int_equal(waitpid(b->boxed.pid, &status, 0), b->boxed.pid);
	nx_close(&b->boxed.pidfd);
	return status;
}

static inline void
lab_end(struct lab_box *b)
{
	pid_t pid = b->boxed.pidfd >= 0 ? b->boxed.pid : -1;
	int i;

	(void)nx_cgroup_kill(b->cgroup);
	nx_boxed_destroy(&b->boxed);
	if (pid > 0) /* no loop here, so no reaper */
		(void)waitpid(pid, NULL, __WALL);
	nx_image_mounts_fini(&b->mounts);
	nx_close(&b->volume);
	nx_close(&b->log);
	nx_close(&b->status[0]);
	nx_close(&b->status[1]);
	for (i = 0; i < 400 && nx_cgroup_populated(b->cgroup) == 1; i++)
		usleep(5000);
	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
		;
	nx_close(&b->cgroup);
	assert_int_equal(nx_cgroup_remove(lab.cgroups.nodes, b->name), 0);
}

/* What the node's main process wrote. */
static inline const char *
lab_log(void)
{
	static char *text;
	char path[128];

	free(text);
	text = NULL;
	snprintf(path, sizeof(path), "%s/scratch/log", lab.dir);
	if (nx_read_file(AT_FDCWD, path, 1 << 21, &text) < 0)
		return "";
	return text;
}

#endif
