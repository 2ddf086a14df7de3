/* The doctor's checks: what of the kernel and the host Nexus lives on. */
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/sandbox.h"
#include "nexusctl/doctor.h"

#define STATE_DIR "/var/lib/nexus"

static void __attribute__((format(printf, 2, 3)))
saw(struct ctl_finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->what, sizeof(f->what), fmt, ap);
	va_end(ap);
}

static void __attribute__((format(printf, 3, 4)))
ill(struct ctl_finding *f, enum ctl_health health, const char *fmt, ...)
{
	va_list ap;

	f->health = health;
	va_start(ap, fmt);
	vsnprintf(f->cure, sizeof(f->cure), fmt, ap);
	va_end(ap);
}

static bool
has_word(const char *text, const char *word)
{
	size_t len = strlen(word), n;

	while (*(text += strspn(text, " \t\n"))) {
		n = strcspn(text, " \t\n");
		if (n == len && memcmp(text, word, len) == 0)
			return true;
		text += n;
	}
	return false;
}

static bool
file_has_word(const char *path, const char *word)
{
	nx_cleanup_free char *text = NULL;

	return nx_read_file(AT_FDCWD, path, 1 << 20, &text) >= 0 &&
	    has_word(text, word);
}

static void
look_kernel(struct ctl_finding *f)
{
	unsigned major = 0, minor = 0;
	struct utsname u;

	uname(&u);
	saw(f, "Linux %.60s", u.release);
	sscanf(u.release, "%u.%u", &major, &minor);
	if (major < 6 || (major == 6 && minor < 1))
		ill(f, CTL_BAD,
		    "Nexus is made for Linux 6.1 and later; Debian 12 and "
		    "Ubuntu 24.04 have it");
}

/* Where the second version of cgroups is mounted; hybrid hosts have it aside. */
static void
look_cgroups(struct ctl_finding *f)
{
	static const char *const roots[] = {
	    "/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	static const char *const wanted[] = {"memory", "cpu", "pids"};
	char missing[64] = "", path[128];
	const char *root = NULL;
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(roots) && !root; i++) {
		snprintf(path, sizeof(path), "%s/cgroup.controllers", roots[i]);
		if (access(path, R_OK) == 0)
			root = roots[i];
	}
	if (!root) {
		saw(f, "cgroup version 2 is not mounted");
		ill(f, CTL_WARNING,
		    "boot with systemd.unified_cgroup_hierarchy=1; until then "
		    "node creation needs limits = best-effort in nexus.conf");
		return;
	}
	for (i = 0; i < NX_ARRAY_SIZE(wanted); i++)
		if (!file_has_word(path, wanted[i])) {
			strcat(missing, " ");
			strcat(missing, wanted[i]);
		}
	saw(f, "version 2 at %s, %s%s", root,
	    *missing ? "without" : "with memory, cpu and pids", missing);
	if (*missing)
		ill(f, CTL_WARNING,
		    "limits cannot be enforced: boot with "
		    "systemd.unified_cgroup_hierarchy=1 "
		    "cgroup_no_v1=all, or set limits = best-effort in the "
		    "section [nodemgr] of nexus.conf");
}

static void
look_loop(struct ctl_finding *f)
{
	struct stat st;
	struct group *disk = getgrnam("disk");

	if (stat("/dev/loop-control", &st) < 0) {
		saw(f, "/dev/loop-control is not there");
		ill(f, CTL_BAD,
		    "modprobe loop, and echo loop "
		    ">/etc/modules-load.d/nexus.conf");
		return;
	}
	saw(f, "/dev/loop-control is %03o, group %u", st.st_mode & 0777,
	    (unsigned)st.st_gid);
	if (!disk || st.st_gid != disk->gr_gid || (st.st_mode & 0060) != 0060)
		ill(f, CTL_BAD,
		    "storaged reaches loop devices as a member of the group "
		    "disk: install udev, or chgrp disk /dev/loop* && chmod 660 "
		    "/dev/loop*");
}

static bool
file_contains(const char *path, const char *needle)
{
	nx_cleanup_fclose FILE *f = fopen(path, "re");
	char line[1024];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, needle))
			return true;
	return false;
}

/* In the kernel already, or a module that can be loaded. */
static bool
kernel_has(const char *module, const char *file_system)
{
	static const char *const lists[] = {"modules.builtin", "modules.dep"};
	char path[160], needle[64];
	struct utsname u;
	size_t i;

	if (file_system && file_has_word("/proc/filesystems", file_system))
		return true;
	snprintf(path, sizeof(path), "/sys/module/%s", module);
	if (access(path, F_OK) == 0)
		return true;
	uname(&u);
	snprintf(needle, sizeof(needle), "/%s.ko", module);
	for (i = 0; i < NX_ARRAY_SIZE(lists); i++) {
		snprintf(path, sizeof(path), "/lib/modules/%.64s/%s", u.release,
		    lists[i]);
		if (file_contains(path, needle))
			return true;
	}
	return false;
}

static void
look_file_systems(struct ctl_finding *f)
{
	bool overlay = kernel_has("overlay", "overlay");
	bool ext4 = kernel_has("ext4", "ext4");

	saw(f, "overlay: %s, ext4: %s", overlay ? "yes" : "no",
	    ext4 ? "yes" : "no");
	if (!overlay || !ext4)
		ill(f, CTL_BAD,
		    "this kernel lacks what nodes are made of; install the "
		    "distribution's own kernel");
}

static void
look_network(struct ctl_finding *f)
{
	static const char *const modules[] = {"bridge", "veth", "nf_tables"};
	char missing[64] = "";
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(modules); i++)
		if (!kernel_has(modules[i], NULL)) {
			strcat(missing, " ");
			strcat(missing, modules[i]);
		}
	saw(f, *missing ? "no trace of:%s" : "bridge, veth, nf_tables%s",
	    missing);
	/* A kernel with everything built in may not say so. */
	if (*missing)
		ill(f, CTL_WARNING,
		    "if nodes get no address: modprobe%s, or install the "
		    "distribution's own kernel",
		    missing);
}

static uint64_t
sysctl(const char *path, uint64_t otherwise)
{
	nx_cleanup_free char *text = NULL;

	if (nx_read_file(AT_FDCWD, path, 64, &text) < 0)
		return otherwise;
	return strtoull(text, NULL, 10);
}

static void
look_user_namespaces(struct ctl_finding *f)
{
	uint64_t max = sysctl("/proc/sys/user/max_user_namespaces", 0);

	saw(f, "%" PRIu64 " user namespaces at most", max);
	if (max == 0)
		ill(f, CTL_BAD, "sysctl -w user.max_user_namespaces=15000");
	else if (max < 1000)
		ill(f, CTL_WARNING,
		    "every node and function takes one or two: sysctl -w "
		    "user.max_user_namespaces=15000");
}

/* A user namespace of 65536 ids, as a descriptor, through a child that waits
 * in it. */
static int
user_namespace(void)
{
	char path[64];
	int gate[2], fd = -1;
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC) < 0)
		return -errno;
	pid = (pid_t)syscall(
	    SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		char c;

		close(gate[1]);
		_exit(read(gate[0], &c, 1) < 0);
	}
	if (pid > 0) {
		snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
		fd = nx_write_file(AT_FDCWD, path, "0 1000000 65536");
		snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
		if (fd == 0)
			fd = nx_write_file(AT_FDCWD, path, "0 1000000 65536");
		snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
		if (fd == 0)
			fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		fd = fd == -1 ? -errno : fd;
	nx_close(&gate[1]);
	nx_close(&gate[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return fd;
}

static const char *
state_dir(void)
{
	return access(STATE_DIR, F_OK) == 0 ? STATE_DIR : "/var/lib";
}

/* The real thing: an idmapped view of the directory that volumes live in. */
static void
look_idmapped(struct ctl_finding *f)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP};
	nx_cleanup_fd int tree = -1;
	nx_cleanup_fd int userns = -1;

	if (geteuid() != 0) {
		saw(f, "not tried");
		ill(f, CTL_WARNING, "run nexusctl doctor as root to try it");
		return;
	}
	userns = user_namespace();
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, state_dir(),
	    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	attr.userns_fd = (__u64)(unsigned)userns;
	if (userns >= 0 && tree >= 0 &&
	    syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr,
		sizeof(attr)) == 0) {
		saw(f, "%s can be", state_dir());
		return;
	}
	saw(f, "%s cannot be: %s", state_dir(),
	    userns < 0 ? strerror(-userns) : strerror(errno));
	ill(f, CTL_BAD,
	    "keep /var/lib/nexus on a local file system such as ext4, xfs or "
	    "btrfs, not on a network or overlay file system");
}

static void
look_sandbox(struct ctl_finding *f)
{
	int abi = nx_landlock_abi();

	saw(f, "seccomp: %s, Landlock: %s",
	    prctl(PR_GET_SECCOMP) >= 0 ? "yes" : "no", abi > 0 ? "yes" : "no");
	if (prctl(PR_GET_SECCOMP) < 0)
		ill(f, CTL_BAD,
		    "the daemons refuse to run without seccomp; install the "
		    "distribution's own kernel");
	else if (abi <= 0)
		ill(f, CTL_WARNING,
		    "a second line of defence is missing: boot with "
		    "lsm=landlock,... if the kernel has it");
}

static void
look_tools(struct ctl_finding *f)
{
	static const struct {
		const char *path, *package;
	} tools[] = {
	    {"/sbin/mkfs.ext4", "e2fsprogs"}, {"/usr/bin/python3", "python3"}};
	char missing[64] = "";
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(tools); i++)
		if (access(tools[i].path, X_OK) != 0) {
			strcat(missing, " ");
			strcat(missing, tools[i].package);
		}
	saw(f, *missing ? "missing:%s" : "mkfs.ext4, python3%s", missing);
	if (*missing)
		ill(f, CTL_BAD, "apt-get install%s", missing);
}

static void
look_space(struct ctl_finding *f)
{
	struct statvfs v;
	uint64_t free;

	if (statvfs(state_dir(), &v) < 0) {
		saw(f, "%s: %s", state_dir(), strerror(errno));
		ill(f, CTL_BAD, "mount a file system there");
		return;
	}
	free = (uint64_t)v.f_bavail * v.f_frsize;
	saw(f, "%s free at %s", nx_size_format(free), state_dir());
	if (free < 1ULL << 30)
		ill(f, CTL_WARNING,
		    "volumes are allocated in full: make room, or put a larger "
		    "file system there");
}

static void
look_clock(struct ctl_finding *f)
{
	struct timex t = {0};
	int state = adjtimex(&t);

	saw(f, state == TIME_ERROR ? "not synchronized" : "synchronized");
	if (state == TIME_ERROR)
		ill(f, CTL_WARNING,
		    "sign-in codes and tokens expire by it: apt-get install "
		    "systemd-timesyncd, or chrony");
}

const struct ctl_check ctl_checks[] = {
    {"kernel", look_kernel},
    {"cgroups", look_cgroups},
    {"user namespaces", look_user_namespaces},
    {"idmapped mounts", look_idmapped},
    {"file systems", look_file_systems},
    {"loop devices", look_loop},
    {"network", look_network},
    {"sandbox", look_sandbox},
    {"tools", look_tools},
    {"space", look_space},
    {"clock", look_clock},
};
const size_t ctl_checks_count = NX_ARRAY_SIZE(ctl_checks);
