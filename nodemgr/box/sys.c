/*
 * System calls that the C library does not wrap; see sys.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nodemgr/box/sys.h"

pid_t
sys_clone3(struct clone_args *args)
{
	long pid = syscall(SYS_clone3, args, sizeof(*args));

	return pid < 0 ? -errno : (pid_t)pid;
}

int
sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {
	    .flags = flags | O_CLOEXEC,
	    .resolve = resolve,
	};
	long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int
sys_pivot_root(const char *new_root, const char *put_old)
{
	return syscall(SYS_pivot_root, new_root, put_old) < 0 ? -errno : 0;
}

int
sys_execveat(
    int dirfd, const char *path, char *const argv[], char *const envp[])
{
	(void)syscall(SYS_execveat, dirfd, path, argv, envp, AT_EMPTY_PATH);
	return -errno;
}
