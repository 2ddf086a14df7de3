/*
 * /proc and /sys of a node: its own procfs, freshly made, so that nobody can
 * have laid a false one there (CVE-2019-19921, CVE-2025-52881); sysfs and its
 * own cgroup read-only. What tells about the host or changes it is covered, by
 * descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/box/child.h"
#include "nodemgr/box/mnt.h"

#define TIGHT (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static const char *const masked_proc[] = {"acpi", "asound", "interrupts",
    "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list",
    "timer_stats", NULL};
static const char *const masked_sys[] = {"firmware", "devices/virtual/powercap",
    "fs/selinux",
    /* loop devices name the files behind them: where the state is */
    "devices/virtual/block", NULL};
static const char *const read_only_proc[] = {
    "bus", "fs", "irq", "sys", "sysrq-trigger", NULL};

/* Clones that cover: a file by the null device, a directory by an empty one. */
struct covers {
	int null, empty;
};

static int
cover(int dir, const char *path, const struct covers *c)
{
	nx_cleanup_fd int at = nx_beneath(dir, path), mnt = -1;
	struct stat st;

	if (at == -ENOENT)
		return 0;
	if (at < 0)
		return at;
	if (fstat(at, &st) < 0)
		return -errno;
	mnt = nx_mnt_clone(S_ISDIR(st.st_mode) ? c->empty : c->null, "");
	return mnt < 0 ? mnt : nx_mnt_attach(mnt, at);
}

static int
cover_all(int dir, const char *const *paths, const struct covers *c)
{
	int r = 0;

	for (; r == 0 && *paths; paths++)
		r = cover(dir, *paths, c);
	return r;
}

static int
freeze(int dir, const char *path)
{
	nx_cleanup_fd int at = nx_beneath(dir, path), mnt = -1;
	int r;

	if (at == -ENOENT)
		return 0;
	if (at < 0)
		return at;
	mnt = nx_mnt_clone(at, "");
	if (mnt < 0)
		return mnt;
	r = nx_mnt_set(mnt, MOUNT_ATTR_RDONLY | TIGHT, -1);
	return r < 0 ? r : nx_mnt_attach(mnt, at);
}

/* ping without a capability, for every group of the node. */
static void
allow_ping(int proc)
{
	(void)nx_write_file(proc, "sys/net/ipv4/ping_group_range", "0 65534");
}

static int
cover_thermal(int sys, const struct covers *c)
{
	char path[64];
	int cpu, r = 0;

	for (cpu = 0; r == 0 && cpu < 4096; cpu++) {
		snprintf(path, sizeof(path), "devices/system/cpu/cpu%d", cpu);
		if (faccessat(sys, path, F_OK, 0) < 0)
			break;
		snprintf(path, sizeof(path),
		    "devices/system/cpu/cpu%d/thermal_throttle", cpu);
		r = cover(sys, path, c);
	}
	return r;
}

/* A new @fstype on @name of @root; the attached mount's descriptor. */
static int
make_mount(int root, const char *name, const char *fstype, uint64_t attrs)
{
	nx_cleanup_fd int at = nx_mkdir_beneath(root, name, 0555);
	nx_cleanup_fd int mnt = -1;
	int r;

	if (at < 0)
		return at;
	mnt = nx_mnt_new(fstype, NULL, 0, attrs, NULL);
	if (mnt < 0)
		return mnt;
	r = nx_mnt_attach(mnt, at);
	return r < 0 ? r : nx_take_fd(&mnt);
}

static int
open_covers(int root, struct covers *c)
{
	static const struct nx_mnt_opt opts[] = {
	    {"size", "4k"}, {"nr_inodes", "2"}, {"mode", "0555"}};
	nx_cleanup_fd int empty = nx_mnt_new("tmpfs", opts, NX_ARRAY_SIZE(opts),
	    TIGHT | MOUNT_ATTR_RDONLY, NULL);
	struct stat st;
	int r;

	if (empty < 0)
		return empty;
	/* 6.1 clones only what is attached: below our own scratch tmpfs */
	if (mkdir("empty", 0755) < 0)
		return -errno;
	r = nx_mnt_attach_at(empty, AT_FDCWD, "empty");
	if (r < 0)
		return r;
	c->null = nx_beneath(root, "dev/null");
	if (c->null < 0)
		return c->null;
	if (fstat(c->null, &st) < 0 || !S_ISCHR(st.st_mode))
		return -ENODEV;
	c->empty = nx_take_fd(&empty);
	return 0;
}

static int
make_proc(int root, const struct covers *c, struct nx_fault *f)
{
	nx_cleanup_fd int proc = make_mount(root, "proc", "proc", TIGHT);
	size_t i;

	NX_TRY(f, proc, "mount /proc");
	allow_ping(proc);
	NX_TRY(f, cover_all(proc, masked_proc, c), "mask parts of /proc");
	for (i = 0; read_only_proc[i]; i++)
		NX_TRY(f, freeze(proc, read_only_proc[i]),
		    "make parts of /proc read-only");
	return 0;
}

static int
make_sys(int root, const struct covers *c, struct nx_fault *f)
{
	nx_cleanup_fd int sys =
	    make_mount(root, "sys", "sysfs", TIGHT | MOUNT_ATTR_RDONLY);
	nx_cleanup_fd int group = -1;

	NX_TRY(f, sys, "mount /sys");
	NX_TRY(f, cover_all(sys, masked_sys, c), "mask parts of /sys");
	NX_TRY(f, cover_thermal(sys, c), "mask parts of /sys");
	group = nx_mnt_new("cgroup2", NULL, 0, TIGHT | MOUNT_ATTR_RDONLY, NULL);
	NX_TRY(f, group, "make a cgroup mount");
	NX_TRY(f, nx_mnt_attach_at(group, sys, "fs/cgroup"),
	    "mount /sys/fs/cgroup");
	return 0;
}

int
nx_proc_make(int root, struct nx_fault *f)
{
	struct covers c = {-1, -1};
	int r;

	NX_TRY(f, open_covers(root, &c), "prepare masks");
	r = make_proc(root, &c, f);
	if (r == 0)
		r = make_sys(root, &c, f);
	nx_close(&c.null);
	nx_close(&c.empty);
	return r;
}
