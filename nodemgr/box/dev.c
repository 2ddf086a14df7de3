/*
 * /dev of a node or function: an own tmpfs. A device is a clone of the host's,
 * taken before the root is left and checked to be what its name says; so
 * nothing that the root filesystem contains is ever taken for a device
 * (CVE-2025-31133, CVE-2026-41579).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/box/child.h"
#include "nodemgr/box/mnt.h"

static const struct {
	const char *name;
	unsigned major, minor;
	bool always; /* else where the plan says all */
} devices[] = {
    {"null", 1, 3, true},
    {"zero", 1, 5, true},
    {"full", 1, 7, false},
    {"random", 1, 8, true},
    {"urandom", 1, 9, true},
    {"tty", 5, 0, false},
};

static const struct {
	const char *name, *target;
} links[] = {
    {"fd", "/proc/self/fd"},
    {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"},
    {"ptmx", "pts/ptmx"},
};

static int
add_device(int dev, const char *name, unsigned major, unsigned minor)
{
	nx_cleanup_fd int clone = -1, at = -1;
	char path[32];
	struct stat st;
	int r;

	snprintf(path, sizeof(path), "/dev/%s", name);
	clone = nx_mnt_clone(AT_FDCWD, path);
	if (clone < 0)
		return clone;
	if (fstat(clone, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(major, minor))
		return -ENODEV;
	r = nx_mnt_set(clone, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, -1);
	if (r < 0)
		return r;
	at = openat(dev, name, O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (at < 0)
		return -errno;
	return nx_mnt_attach(clone, at);
}

static int
add_devices(int dev, bool all)
{
	size_t i;
	int r;

	for (i = 0; i < NX_ARRAY_SIZE(devices); i++) {
		if (!all && !devices[i].always)
			continue;
		r = add_device(
		    dev, devices[i].name, devices[i].major, devices[i].minor);
		if (r < 0)
			return r;
	}
	for (i = 0; i < NX_ARRAY_SIZE(links); i++)
		if (symlinkat(links[i].target, dev, links[i].name) < 0)
			return -errno;
	return 0;
}

static int
add_mount(int dev, const char *name, const char *fstype,
    const struct nx_mnt_opt *opts, size_t n, uint64_t attrs)
{
	nx_cleanup_fd int at = nx_mkdir_beneath(dev, name, 0755);
	nx_cleanup_fd int mnt = -1;

	if (at < 0)
		return at;
	mnt = nx_mnt_new(fstype, opts, n, attrs, NULL);
	return mnt < 0 ? mnt : nx_mnt_attach(mnt, at);
}

static int
add_pts(int dev)
{
	static const struct nx_mnt_opt opts[] = {{"newinstance", NULL},
	    {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}};

	return add_mount(dev, "pts", "devpts", opts, NX_ARRAY_SIZE(opts),
	    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
}

static int
add_shm(int dev, const struct nx_dev_plan *plan)
{
	const struct nx_mnt_opt opts[] = {{"size", plan->shm_size},
	    {"nr_inodes", plan->shm_inodes}, {"mode", "1777"}};

	return add_mount(dev, "shm", "tmpfs", opts, NX_ARRAY_SIZE(opts),
	    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV);
}

int
nx_dev_make(int root, const struct nx_dev_plan *plan, struct nx_fault *f)
{
	static const struct nx_mnt_opt opts[] = {
	    {"mode", "0755"}, {"size", "1m"}, {"nr_inodes", "1024"}};
	nx_cleanup_fd int at = nx_mkdir_beneath(root, "dev", 0755);
	nx_cleanup_fd int dev = -1;

	NX_TRY(f, at, "open /dev of the root");
	dev = nx_mnt_new("tmpfs", opts, NX_ARRAY_SIZE(opts),
	    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, NULL);
	NX_TRY(f, dev, "make a tmpfs for /dev");
	NX_TRY(f, nx_mnt_attach(dev, at), "mount /dev");
	NX_TRY(f, add_devices(dev, plan->all), "add devices to /dev");
	if (plan->all)
		NX_TRY(f, add_pts(dev), "mount /dev/pts");
	NX_TRY(f, add_shm(dev, plan), "make /dev/shm");
	/* nothing is to be made there; a node's programs do, with sockets */
	if (plan->frozen)
		NX_TRY(f, nx_mnt_set(dev, MOUNT_ATTR_RDONLY, -1),
		    "make /dev read-only");
	return 0;
}
