/*
 * Opening images as detached mounts; see image.h.
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
#include "nodemgr/image.h"
#include "nodemgr/mnt.h"

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

/* A read-only clone of @path, its ids mapped through @map (NULL: not). */
static int
open_layer(int dirfd, const char *path, uint64_t attrs,
    const struct nx_idmap *map, bool map_optional)
{
	nx_cleanup_fd int mnt = nx_mnt_clone(dirfd, path), userns = -1;
	int r;

	if (mnt < 0)
		return mnt;
	r = nx_mnt_set(mnt, attrs | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, -1);
	if (r < 0)
		return r;
	if (map) {
		userns = nx_idmap_userns(map);
		if (userns < 0)
			return userns;
		r = nx_mnt_set(mnt, 0, userns);
		if (r < 0 && !(map_optional && r == -EINVAL))
			return r;
	}
	return nx_take_fd(&mnt);
}

int
nx_image_open(int images, const char *name, uint32_t uid_base,
    struct nx_image_mounts *ret_mounts, struct nx_fault *f)
{
	const struct nx_idmap whole = {
		.outer_uid = uid_base,
		.outer_gid = uid_base,
		.count = NX_ID_RANGE,
	};
	/* the skeleton's files are nodemgr's and have to look like root's */
	const struct nx_idmap squash = {
		.inner_uid = getuid(),
		.inner_gid = getgid(),
		.outer_uid = uid_base,
		.outer_gid = uid_base,
		.count = 1,
	};
	bool host = strcmp(name, NX_IMAGE_HOST) == 0;
	struct nx_image_mounts m = {-1, -1};

	m.root = open_layer(images, name, 0, host ? &squash : &whole, false);
	NX_TRY(f, m.root, "open the image with mapped ids");
	if (host) {
		/* a filesystem that cannot be idmapped (another overlay) still
		 * serves: its files belong to nobody then */
		m.usr = open_layer(AT_FDCWD, "/usr", 0, &whole, true);
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

	m.root = open_layer(
	    images, NX_IMAGE_HOST, MOUNT_ATTR_NOSUID, NULL, false);
	NX_TRY(f, m.root, "open the image");
	m.usr = open_layer(AT_FDCWD, "/usr", MOUNT_ATTR_NOSUID, NULL, false);
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
