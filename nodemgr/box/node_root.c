/*
 * The root of a node, built by its first process within its own user
 * namespace: an overlay of the image and the node's volume, so that nobody
 * outside needs a capability for what happens in it. The upper layer was
 * written by the node, and an image by anybody: no path in them is followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/box/caps.h"
#include "nodemgr/box/child.h"
#include "nodemgr/box/mnt.h"

/* upper, work and data on the volume. Ids were mapped on the mount: root here
 * is uid 0 on the disk, whatever range the node has. */
static int
volume_dir(int volume, const char *name)
{
	nx_cleanup_fd int fd = nx_mkdir_beneath(volume, name, 0755);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_uid != 0 || st.st_gid != 0) &&
	    fchownat(volume, name, 0, 0, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int
mount_overlay(struct nx_fault *f)
{
	static const struct nx_mnt_opt opts[] = {
	    {"source", "node"},
	    {"lowerdir", "lower"},
	    {"upperdir", "volume/upper"},
	    {"workdir", "volume/work"},
	    {"userxattr", NULL},
	};
	char why[NX_MNT_WHY], step[sizeof(f->step)];
	struct statvfs st;
	int fd;

	fd = nx_mnt_new("overlay", opts, NX_ARRAY_SIZE(opts), 0, why);
	if (fd < 0) {
		snprintf(step, sizeof(step), "mount the root overlay%s%s",
		    why[0] ? ": " : "", why);
		return nx_step(f, fd, step);
	}
	/* overlayfs falls back to read-only without an error */
	if (fstatvfs(fd, &st) == 0 && (st.f_flag & ST_RDONLY)) {
		nx_close(&fd);
		return nx_step(f, -EROFS, "mount the root overlay writable");
	}
	return fd;
}

static int
place(int mnt, int root, const char *name)
{
	nx_cleanup_fd int at = nx_mkdir_beneath(root, name, 0755);

	return at < 0 ? at : nx_mnt_attach(mnt, at);
}

static int
place_data(int volume, int root)
{
	nx_cleanup_fd int data = nx_mnt_clone(volume, "data");

	return data < 0 ? data : place(data, root, "data");
}

static int
build(const struct nx_box *box, struct nx_fault *f)
{
	static const char *const dirs[] = {"lower", "volume", "root", NULL};
	nx_cleanup_fd int base = -1, root = -1;

	NX_TRY(f, nx_scratch(&base, dirs), "mount the scratch tmpfs");
	NX_TRY(f, nx_mnt_attach_at(NX_BOX_ROOT, base, "lower"),
	    "attach the image");
	NX_TRY(f, nx_mnt_attach_at(NX_BOX_VOLUME, base, "volume"),
	    "attach the volume");
	NX_TRY(f, volume_dir(NX_BOX_VOLUME, "upper"), "make upper");
	NX_TRY(f, volume_dir(NX_BOX_VOLUME, "work"), "make work");
	NX_TRY(f, volume_dir(NX_BOX_VOLUME, "data"), "make data");
	root = mount_overlay(f);
	if (root < 0)
		return root;
	NX_TRY(f, nx_mnt_attach_at(root, base, "root"), "attach the root");
	if (fcntl(NX_BOX_USR, F_GETFD) >= 0)
		NX_TRY(f, place(NX_BOX_USR, root, "usr"), "mount /usr");
	NX_TRY(f, place_data(NX_BOX_VOLUME, root), "mount /data");
	NX_TRY(f, nx_dev_make(root, &box->kind->dev, f), "make /dev");
	NX_TRY(f, nx_proc_make(root, f), "make /proc and /sys");
	NX_TRY(f, nx_root_enter(root), "enter the root");
	return 0;
}

const struct nx_box_kind nx_box_node = {
    .root = build,
    .furnish = nx_etc_write,
    .network = true,
    .caps = NX_CAPS_NODE,
    .nofile = 1024,
    .nofile_max = UINT64_MAX,
    .log = NX_BOX_LOG,
    .dev = {.all = true, .shm_size = "64m", .shm_inodes = "65536"},
};
