/*
 * Mounts by descriptor; see mnt.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "nodemgr/box/mnt.h"
#include "nodemgr/box/sys.h"

/* The kernel leaves "e overlay: ..." in the context after a failure. */
static void
read_why(int fs, char *why)
{
	ssize_t n;
	int saved = errno;

	if (!why)
		return;
	n = read(fs, why, NX_MNT_WHY - 1);
	why[n > 0 ? n : 0] = '\0';
	if (n > 2 && why[1] == ' ')
		memmove(why, why + 2, strlen(why + 2) + 1);
	why[strcspn(why, "\n")] = '\0';
	errno = saved;
}

int
nx_mnt_new(const char *fstype, const struct nx_mnt_opt *opts, size_t n,
    uint64_t attrs, char *why)
{
	nx_cleanup_fd int fs = -1;
	int fd, error;
	size_t i;

	if (why)
		why[0] = '\0';
	fs = fsopen(fstype, FSOPEN_CLOEXEC);
	if (fs < 0)
		return -errno;
	for (i = 0; i < n; i++)
		if (fsconfig(fs,
			opts[i].value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
			opts[i].key, opts[i].value, 0) < 0)
			goto failed;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		goto failed;
	fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attrs);
	if (fd < 0)
		goto failed;
	return fd;
failed:
	error = -errno;
	read_why(fs, why);
	return error;
}

int
nx_mnt_clone(int dirfd, const char *path)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
	int fd;

	if (path[0] == '\0')
		flags |= AT_EMPTY_PATH;
	fd = open_tree(dirfd, path, flags);
	return fd < 0 ? -errno : fd;
}

int
nx_mnt_set(int fd, uint64_t attrs, int userns_fd)
{
	struct mount_attr attr = {.attr_set = attrs};

	if (userns_fd >= 0) {
		attr.attr_set |= MOUNT_ATTR_IDMAP;
		attr.userns_fd = (unsigned)userns_fd;
	}
	if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	return 0;
}

int
nx_mnt_attach(int mnt, int at)
{
	if (move_mount(mnt, "", at, "",
		MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

int
nx_mnt_attach_at(int mnt, int dirfd, const char *path)
{
	nx_cleanup_fd int at = nx_beneath(dirfd, path);

	return at < 0 ? at : nx_mnt_attach(mnt, at);
}

int
nx_beneath(int dirfd, const char *path)
{
	return sys_openat2(dirfd, path, O_PATH | O_NOFOLLOW,
	    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

int
nx_mkdir_beneath(int dirfd, const char *name, unsigned mode)
{
	nx_cleanup_fd int fd = -1;
	struct stat st;

	if (mkdirat(dirfd, name, mode) < 0 && errno != EEXIST)
		return -errno;
	fd = nx_beneath(dirfd, name);
	if (fd < 0)
		return fd == -ELOOP ? -ENOTDIR : fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? nx_take_fd(&fd) : -ENOTDIR;
}
