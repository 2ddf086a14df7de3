/*
 * Making a terminal inside a node. The node's root is hostile and owns /dev: it
 * can put anything in the place of /dev/ptmx, but it can neither unmount
 * /dev/pts nor make a file there; so that is where we look, following no link,
 * and what we find is checked. The far end comes from the near one and never by
 * its name (CVE-2025-52565).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "common/fd.h"
#include "nodemgr/box/sys.h"
#include "nodemgr/box/terminal.h"

/* linux/termios.h and termios.h do not go together */
#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

bool
nx_terminal_is_near(int fd)
{
	struct statfs fs;
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
	    st.st_rdev == makedev(5, 2) && fstatfs(fd, &fs) == 0 &&
	    fs.f_type == DEVPTS_SUPER_MAGIC;
}

static int
open_near(void)
{
	nx_cleanup_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	nx_cleanup_fd int near = -1;

	if (root < 0)
		return -errno;
	near = sys_openat2(root, "dev/pts/ptmx", O_RDWR | O_NOCTTY,
	    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (near < 0)
		return near;
	return nx_terminal_is_near(near) ? nx_take_fd(&near) : -ENODEV;
}

int
nx_terminal_open(uint32_t rows, uint32_t columns, int *ret_near, int *ret_far)
{
	const struct winsize size = {
	    .ws_row = (unsigned short)(rows & 0xffff),
	    .ws_col = (unsigned short)(columns & 0xffff),
	};
	nx_cleanup_fd int near = open_near(), far = -1;
	int unlocked = 0;

	if (near < 0)
		return near;
	if (ioctl(near, TIOCSPTLCK, &unlocked) < 0)
		return -errno;
	far = ioctl(near, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (far < 0)
		return -errno;
	if (rows && columns && ioctl(near, TIOCSWINSZ, &size) < 0)
		return -errno;
	*ret_near = nx_take_fd(&near);
	*ret_far = nx_take_fd(&far);
	return 0;
}
