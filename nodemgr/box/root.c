/*
 * What the roots of nodes and functions have in common: a tmpfs to build on,
 * and the step from the old root to the new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/box/child.h"
#include "nodemgr/box/mnt.h"
#include "nodemgr/box/sys.h"

int
nx_scratch(int *ret_fd, const char *const *dirs)
{
	static const struct nx_mnt_opt opts[] = {
	    {"size", "64k"}, {"nr_inodes", "32"}, {"mode", "0755"}};
	nx_cleanup_fd int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	nx_cleanup_fd int fd = -1;
	int r;

	if (here < 0)
		return -errno;
	fd = nx_mnt_new("tmpfs", opts, NX_ARRAY_SIZE(opts),
	    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, NULL);
	if (fd < 0)
		return fd;
	r = nx_mnt_attach(fd, here);
	if (r < 0)
		return r;
	for (; *dirs; dirs++)
		if (mkdirat(fd, *dirs, 0755) < 0)
			return -errno;
	if (fchdir(fd) < 0)
		return -errno;
	*ret_fd = nx_take_fd(&fd);
	return 0;
}

int
nx_root_enter(int root)
{
	int r;

	if (fchdir(root) < 0)
		return -errno;
	/* the old root lands on top of the new one, and is detached there */
	r = sys_pivot_root(".", ".");
	if (r < 0)
		return r;
	if (umount2(".", MNT_DETACH) < 0)
		return -errno;
	return NX_SYS(chdir("/"));
}
