/*
 * The private view of the file system. Everything here is of this mount
 * namespace and is gone with its last process, however that ends.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "packaging/launcher/place.h"

#define CGROUP "/sys/fs/cgroup"
/* A volume each, so more than anybody has; an unused node costs an inode. */
#define LOOPS 1024U

static void
make_dir(const char *path, mode_t mode)
{
	if ((mkdir(path, mode) < 0 && errno != EEXIST) || chmod(path, mode) < 0)
		up_die("cannot make %s: %s", path, strerror(errno));
}

static void
bind(const char *from, const char *name)
{
	char to[64];

	snprintf(to, sizeof(to), UP_ROOT "/%s", name);
	make_dir(to, 0755);
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		up_die("cannot bind %s to %s: %s", from, to, strerror(errno));
}

/* Built under a strict umask, nobody but root could execute the programs. */
static void
share_programs(const struct up *up)
{
	DIR *d = opendir(up->opt.bin);
	struct dirent *e;
	struct stat st;

	if (!d || fstat(dirfd(d), &st) < 0 ||
	    ((st.st_mode & 0555) != 0555 &&
		fchmod(dirfd(d), (st.st_mode | 0555) & 0755) < 0))
		up_die("cannot use %s: %s", up->opt.bin, strerror(errno));
	while ((e = readdir(d))) {
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) <
			0 ||
		    !S_ISREG(st.st_mode) || (st.st_mode & 0555) == 0555)
			continue;
		if (fchmodat(
			dirfd(d), e->d_name, (st.st_mode | 0555) & 0755, 0) < 0)
			up_die("cannot make %s/%s executable: %s", up->opt.bin,
			    e->d_name, strerror(errno));
	}
	closedir(d);
}

static const struct {
	const char *name;
	unsigned major, minor;
	mode_t mode;
} devices[] = {
    {"null", 1, 3, 0666},
    {"zero", 1, 5, 0666},
    {"full", 1, 7, 0666},
    {"random", 1, 8, 0666},
    {"urandom", 1, 9, 0666},
    {"tty", 5, 0, 0666},
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
device(int dir, const char *name, mode_t mode, dev_t dev, gid_t gid)
{
	if (mknodat(dir, name, mode, dev) < 0 ||
	    fchownat(dir, name, 0, gid, 0) < 0 ||
	    fchmodat(dir, name, mode & 0777, 0) < 0)
		return -errno;
	return 0;
}

/* A loop device may have partitions: then every max_part + 1st minor is one. */
static unsigned
loop_step(void)
{
	nx_cleanup_free char *text = NULL;
	unsigned max_part = 0, step = 1;

	if (nx_read_file(AT_FDCWD, "/sys/module/loop/parameters/max_part", 15,
		&text) > 0)
		sscanf(text, "%u", &max_part);
	while (step <= max_part)
		step <<= 1;
	return step;
}

/* Major 7 is loop's and misc minor 237 its control, in every kernel. */
static int
loop_devices(int dir)
{
	struct group *disk = getgrnam("disk");
	gid_t gid = disk ? disk->gr_gid : 0;
	unsigned step = loop_step();
	char name[16];
	int r;

	r = device(dir, "loop-control", S_IFCHR | 0660, makedev(10, 237), gid);
	for (unsigned i = 0; r == 0 && i < LOOPS; i++) {
		snprintf(name, sizeof(name), "loop%u", i);
		r = device(
		    dir, name, S_IFBLK | 0660, makedev(7, i * step), gid);
	}
	return r;
}

static int
fill_dev(int dir)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < NX_ARRAY_SIZE(devices); i++)
		r = device(dir, devices[i].name, S_IFCHR | devices[i].mode,
		    makedev(devices[i].major, devices[i].minor), 0);
	for (size_t i = 0; r == 0 && i < NX_ARRAY_SIZE(links); i++)
		if (symlinkat(links[i].target, dir, links[i].name) < 0)
			r = -errno;
	if (r == 0)
		r = loop_devices(dir);
	return r;
}

/*
 * A /dev of our own, for three reasons: without udev the host's loop devices
 * are root's alone, and changing them would change the host; a device the
 * kernel adds on demand is there before it is asked for; and group disk, which
 * opens loop devices to storaged, would open the host's disks to it too.
 */
static void
private_dev(void)
{
	const char *where = UP_ROOT "/dev";
	nx_cleanup_fd int dir = -1;
	int r;

	make_dir(where, 0755);
	if (mount("dev", where, "tmpfs", MS_NOSUID | MS_NOEXEC,
		"mode=755,size=1M,nr_inodes=1536") < 0)
		up_die("cannot mount a /dev: %s", strerror(errno));
	dir = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = dir < 0 ? -errno : fill_dev(dir);
	if (r < 0) {
		up_warn("this host lets nobody make device nodes (%s); using "
			"its own /dev: volumes need /dev/loop* to belong to "
			"group disk.",
		    strerror(-r));
		umount2(where, MNT_DETACH);
		return;
	}
	make_dir(UP_ROOT "/dev/shm", 01777);
	make_dir(UP_ROOT "/dev/pts", 0755);
	/* Not everywhere, and no daemon depends on it. */
	(void)mount("/dev/pts", UP_ROOT "/dev/pts", NULL, MS_BIND, NULL);
	if (mount(where, "/dev", NULL, MS_MOVE, NULL) < 0)
		up_die("cannot set up a /dev: %s", strerror(errno));
}

/* Read-only in some containers, version 1 on hybrid hosts: then one of ours. */
static void
find_cgroup2(void)
{
	struct statfs fs;

	if (statfs(CGROUP, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC ||
	    access(CGROUP "/cgroup.procs", W_OK) < 0) {
		if (mount("cgroup2", CGROUP, "cgroup2",
			MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
			up_die("cannot mount cgroup version 2, which nodes "
			       "live in: %s. The kernel needs it, and a "
			       "container its permission.",
			    strerror(errno));
	}
}

void
up_enter(const struct up *up)
{
	/* Before: the new namespace has a mount of its own for where we are,
	 * and none for a descriptor. */
	if (fchdir(up->opt.dir_fd) < 0)
		up_die("cannot enter %s: %s", up->opt.dir, strerror(errno));
	if (unshare(CLONE_NEWNS) < 0)
		up_die("cannot make a mount namespace: %s", strerror(errno));
	/* Slave: what the host unmounts is not kept busy by us. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount("nexus", "/mnt", "tmpfs", MS_NOSUID | MS_NODEV,
		"mode=755,size=16M") < 0)
		up_die("cannot make a private /mnt: %s", strerror(errno));
	make_dir(UP_ROOT, 0755);
	bind("etc", "etc");
	bind("state", "state");
	bind("run", "run");
	share_programs(up);
	bind(up->opt.bin, "bin");
	make_dir(UP_ROOT "/notify", 0711);
	private_dev();
	find_cgroup2();
	if (chdir("/") < 0)
		up_die("cannot leave %s: %s", up->opt.dir, strerror(errno));
}
