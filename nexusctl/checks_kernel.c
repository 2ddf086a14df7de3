/* The doctor's checks of the kernel: what nodes and daemons live on. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/sandbox.h"
#include "nexusctl/checks_internal.h"

void
ctl_look_kernel(struct ctl_finding *f)
{
	unsigned major = 0, minor = 0;
	struct utsname u;

	uname(&u);
	ctl_saw(f, "Linux %.60s", u.release);
	sscanf(u.release, "%u.%u", &major, &minor);
	if (major < 6 || (major == 6 && minor < 1))
		ctl_ill(f, CTL_BAD,
		    "Nexus is made for Linux 6.1 and later; Debian 12 and "
		    "Ubuntu 24.04 have it");
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

	if (file_system && ctl_file_has_word("/proc/filesystems", file_system))
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

void
ctl_look_file_systems(struct ctl_finding *f)
{
	bool overlay = kernel_has("overlay", "overlay");
	bool ext4 = kernel_has("ext4", "ext4");

	ctl_saw(f, "overlay: %s, ext4: %s", overlay ? "yes" : "no",
	    ext4 ? "yes" : "no");
	if (!overlay || !ext4)
		ctl_ill(f, CTL_BAD,
		    "this kernel lacks what nodes are made of; install the "
		    "distribution's own kernel");
}

void
ctl_look_network(struct ctl_finding *f)
{
	static const char *const modules[] = {"bridge", "veth", "nf_tables"};
	char missing[64] = "";
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(modules); i++)
		if (!kernel_has(modules[i], NULL)) {
			strcat(missing, " ");
			strcat(missing, modules[i]);
		}
	ctl_saw(f, *missing ? "no trace of:%s" : "bridge, veth, nf_tables%s",
	    missing);
	/* A kernel with everything built in may not say so. */
	if (*missing)
		ctl_ill(f, CTL_WARNING,
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

void
ctl_look_user_namespaces(struct ctl_finding *f)
{
	uint64_t max = sysctl("/proc/sys/user/max_user_namespaces", 0);

	ctl_saw(f, "%" PRIu64 " user namespaces at most", max);
	if (max == 0)
		ctl_ill(f, CTL_BAD, "sysctl -w user.max_user_namespaces=15000");
	else if (max < 1000)
		ctl_ill(f, CTL_WARNING,
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

/* The real thing: an idmapped view of the directory that volumes live in. */
void
ctl_look_idmapped(struct ctl_finding *f)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP};
	nx_cleanup_fd int tree = -1;
	nx_cleanup_fd int userns = -1;

	if (geteuid() != 0) {
		ctl_saw(f, "not tried");
		ctl_ill(
		    f, CTL_WARNING, "run nexusctl doctor as root to try it");
		return;
	}
	userns = user_namespace();
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, ctl_state_dir(),
	    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	attr.userns_fd = (__u64)(unsigned)userns;
	if (userns >= 0 && tree >= 0 &&
	    syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr,
		sizeof(attr)) == 0) {
		ctl_saw(f, "%s can be", ctl_state_dir());
		return;
	}
	ctl_saw(f, "%s cannot be: %s", ctl_state_dir(),
	    userns < 0 ? strerror(-userns) : strerror(errno));
	ctl_ill(f, CTL_BAD,
	    "keep /var/lib/nexus on a local file system such as ext4, xfs or "
	    "btrfs, not on a network or overlay file system");
}

void
ctl_look_sandbox(struct ctl_finding *f)
{
	int abi = nx_landlock_abi();

	ctl_saw(f, "seccomp: %s, Landlock: %s",
	    prctl(PR_GET_SECCOMP) >= 0 ? "yes" : "no", abi > 0 ? "yes" : "no");
	if (prctl(PR_GET_SECCOMP) < 0)
		ctl_ill(f, CTL_BAD,
		    "the daemons refuse to run without seccomp; install the "
		    "distribution's own kernel");
	else if (abi <= 0)
		ctl_ill(f, CTL_WARNING,
		    "a second line of defence is missing: boot with "
		    "lsm=landlock,... if the kernel has it");
}
