/*
 * Leaving nothing behind.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "netd/teardown.h"
#include "packaging/launcher/cgroup.h"
#include "packaging/launcher/config.h"
#include "packaging/launcher/host.h"
#include "packaging/launcher/tidy.h"

#define LOOPS_MS 3000 /* autoclear acts when the last mount is gone */
#define ENDED_MS 2000 /* a daemon's own children end when they see it gone */

/* Who is left when every daemon has ended, and had time to see it. */
static int
left_over(const struct up *up, char name[32])
{
	nx_cleanup_free char *comm = NULL;
	char path[64];
	pid_t one = 0;
	int n = 0;

	for (int waited = 0; waited < ENDED_MS; waited += 20) {
		n = up_cgroup_count(up, &one);
		if (n == 0)
			return 0;
		usleep(20000);
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)one);
	if (nx_read_file(AT_FDCWD, path, 31, &comm) > 0)
		snprintf(name, 32, "%.*s", (int)strcspn(comm, "\n"), comm);
	return n;
}

static unsigned
tidy_cgroup(const struct up *up, enum up_tidy_when when)
{
	char name[32] = "?";
	unsigned bad = 0;
	int left, r;

	left = when == UP_TIDY_AFTER ? left_over(up, name) : 0;
	if (left > 0) {
		up_warn("%d processes were left and are killed, one is %s.",
		    left, name);
		bad++;
	}
	r = up_cgroup_remove(up);
	if (r < 0) {
		up_warn("cannot remove the cgroup %s: %s", up->cgroup,
		    strerror(-r));
		bad++;
	}
	return bad;
}

static unsigned
tidy_network(const struct up *up)
{
	char error[256];
	unsigned bad = 0;
	int r;

	r = netd_teardown_unused(up->net.bridge, error);
	if (r < 0) {
		up_warn("%s", error);
		bad++;
	}
	r = up_forward_restore();
	if (r < 0) {
		up_warn(
		    "cannot put net.ipv4.ip_forward back: %s", strerror(-r));
		bad++;
	}
	return bad;
}

/*
 * Is @loop on the file that is at @path for us? Another instance's files have
 * the same names in its own namespace, so the kernel's name of a loop's file
 * is not enough.
 */
static bool
is_on(const char *loop, const char *path)
{
	char device[300];
	nx_cleanup_fd int fd = -1;
	struct loop_info64 info;
	struct stat st;

	snprintf(device, sizeof(device), "/dev/%s", loop);
	if (stat(path, &st) < 0)
		return false;
	fd = open(device, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && ioctl(fd, LOOP_GET_STATUS64, &info) == 0 &&
	    info.lo_inode == st.st_ino &&
	    makedev(info.lo_device >> 8 & 0xfff,
		(info.lo_device & 0xff) | (info.lo_device >> 12 & 0xfff00)) ==
	    st.st_dev;
}

/* Loop devices whose file is below our state. @ret_name: one of them. */
static unsigned
count_loops(char ret_name[32])
{
	static const char ours[] = UP_ROOT "/state/";
	DIR *d = opendir("/sys/block");
	struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d))) {
		nx_cleanup_free char *file = NULL;
		char path[300];

		if (strncmp(e->d_name, "loop", 4) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/loop/backing_file", e->d_name);
		if (nx_read_file(dirfd(d), path, 8192, &file) < 0)
			continue;
		file[strcspn(file, "\n")] = '\0';
		if (strncmp(file, ours, sizeof(ours) - 1) != 0 ||
		    !is_on(e->d_name, file))
			continue;
		n++;
		snprintf(ret_name, 32, "%.31s", e->d_name);
	}
	if (d)
		closedir(d);
	return n;
}

static unsigned
tidy_loops(void)
{
	char name[32] = "";
	unsigned n = 0;

	for (int waited = 0; waited < LOOPS_MS; waited += 20) {
		n = count_loops(name);
		if (n == 0)
			return 0;
		usleep(20000);
	}
	up_warn("%u loop devices are still in use, one is %s; see \"losetup "
		"-l\".",
	    n, name);
	return n;
}

unsigned
up_tidy(const struct up *up, enum up_tidy_when when)
{
	unsigned bad;

	up_env_remove(up);
	bad = tidy_cgroup(up, when);
	bad += tidy_network(up);
	bad += tidy_loops();
	(void)unlink(UP_ROOT "/run/nexus.sock");
	return bad;
}
