/*
 * The lock on an instance's directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/fd.h"
#include "packaging/launcher/place.h"

static pid_t
holder(int fd)
{
	char buf[32] = "";

	if (pread(fd, buf, sizeof(buf) - 1, 0) <= 0)
		return 0;
	return (pid_t)atoi(buf);
}

static bool
alive(pid_t pid)
{
	return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

void
up_lock(struct up *up)
{
	char path[PATH_MAX + 8];
	int tries = 100;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/lock", up->opt.dir);
	up->lock_fd = openat(up->opt.dir_fd, "lock",
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (up->lock_fd < 0)
		up_die("cannot open %s: %s", path, strerror(errno));
	while (flock(up->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			up_die("cannot lock %s: %s", path, strerror(errno));
		pid = holder(up->lock_fd);
		if (alive(pid))
			up_die("a Nexus already runs from %s (process %d). "
			       "Stop it with Ctrl-C there or \"kill %d\", or "
			       "choose another directory with --state.",
			    up->opt.dir, (int)pid, (int)pid);
		if (tries-- == 0)
			up_die("what is left of an earlier run still holds %s; "
			       "see who with \"fuser %s\".",
			    path, path);
		usleep(100000);
	}
	if (ftruncate(up->lock_fd, 0) < 0 ||
	    dprintf(up->lock_fd, "%d\n", (int)getpid()) < 0)
		up_die("cannot write %s: %s", path, strerror(errno));
}
