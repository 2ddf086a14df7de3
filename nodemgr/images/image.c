/*
 * Opening images as detached mounts; see images.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "nodemgr/images/images.h"
#include "nodemgr/box/box.h"

int
nx_image_check(int images, const char *name)
{
	nx_cleanup_fd int fd = -1;
	struct stat st;

	if (!nx_name_valid(name))
		return -EINVAL;
	fd = nx_beneath(images, name);
	if (fd < 0)
		return fd == -ELOOP ? -ENOENT : fd;
	if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return -ENOENT;
	return 0;
}

/* A read-only clone of @path, its ids mapped by @userns (-1: not). */
static int
open_layer(int dirfd, const char *path, uint64_t attrs, int userns)
{
	nx_cleanup_fd int mnt = nx_mnt_clone(dirfd, path);
	int r;

	if (mnt < 0)
		return mnt;
	r = nx_mnt_set(
	    mnt, attrs | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, userns);
	return r < 0 ? r : nx_take_fd(&mnt);
}

/* The skeleton's files are nodemgr's, and have to look like root's. */
static int
open_skeleton(int images, uint32_t uid_base)
{
	const struct nx_idmap squash = {
	    .inner_uid = getuid(),
	    .inner_gid = getgid(),
	    .outer_uid = uid_base,
	    .outer_gid = uid_base,
	    .count = 1,
	};
	nx_cleanup_fd int userns = nx_idmap_userns(&squash);

	if (userns < 0)
		return userns;
	return open_layer(images, NX_IMAGE_HOST, 0, userns);
}

int
nx_image_open(int images, const char *name, uint32_t uid_base, int userns,
    struct nx_image_mounts *ret_mounts, struct nx_fault *f)
{
	bool host = strcmp(name, NX_IMAGE_HOST) == 0;
	struct nx_image_mounts m = {-1, -1};

	m.root = host ? open_skeleton(images, uid_base)
		      : open_layer(images, name, 0, userns);
	NX_TRY(f, m.root, "open the image with mapped ids");
	if (host) {
		m.usr = open_layer(AT_FDCWD, "/usr", 0, userns);
		/* a filesystem that cannot be idmapped (another overlay) still
		 * serves: its files belong to nobody then */
		if (m.usr == -EINVAL)
			m.usr = open_layer(AT_FDCWD, "/usr", 0, -1);
		if (m.usr < 0) {
			nx_close(&m.root);
			return nx_step(f, m.usr, "open /usr");
		}
	}
	*ret_mounts = m;
	return 0;
}

int
nx_image_open_plain(
    int images, struct nx_image_mounts *ret_mounts, struct nx_fault *f)
{
	struct nx_image_mounts m = {-1, -1};

	m.root = open_layer(images, NX_IMAGE_HOST, MOUNT_ATTR_NOSUID, -1);
	NX_TRY(f, m.root, "open the image");
	m.usr = open_layer(AT_FDCWD, "/usr", MOUNT_ATTR_NOSUID, -1);
	if (m.usr < 0) {
		nx_close(&m.root);
		return nx_step(f, m.usr, "open /usr");
	}
	*ret_mounts = m;
	return 0;
}

void
nx_image_mounts_fini(struct nx_image_mounts *m)
{
	nx_close(&m->root);
	nx_close(&m->usr);
}
