/*
 * User namespaces; see idmap.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/reaper.h"
#include "nodemgr/box/idmap.h"

#define IDLE_STACK 16384

static int
write_map(
    pid_t pid, const char *file, uint32_t inner, uint32_t outer, uint32_t count)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	snprintf(text, sizeof(text), "%u %u %u\n", inner, outer, count);
	return nx_write_file(AT_FDCWD, path, text);
}

int
nx_idmap_write(pid_t pid, const struct nx_idmap *map)
{
	int r;

	r = write_map(
	    pid, "gid_map", map->inner_gid, map->outer_gid, map->count);
	if (r < 0)
		return r;
	return write_map(
	    pid, "uid_map", map->inner_uid, map->outer_uid, map->count);
}

int
nx_idmap_userns_of(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Waits to be killed. It shares our memory, so it touches none of it; and it
 * has copies of our descriptors, so it must not stay when we die. */
static int
idle(void *arg)
{
	pid_t parent = (pid_t)(intptr_t)arg;

	(void)syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (syscall(SYS_getppid) != parent)
		syscall(SYS_exit, 0);
	for (;;)
		(void)syscall(SYS_pause);
	return 0;
}

static void
on_idle_gone(int status, const struct rusage *usage, void *stack)
{
	(void)status;
	(void)usage;
	free(stack);
}

int
nx_idmap_userns(const struct nx_idmap *map)
{
	char *stack = malloc(IDLE_STACK);
	int fd = -1, r;
	pid_t pid;

	if (!stack)
		return -ENOMEM;
	/* without a copy of our address space: a third of the time. The stack
	 * is its own until it is reaped: killed is not yet gone */
	pid = clone(idle, stack + IDLE_STACK,
	    CLONE_NEWUSER | CLONE_VM | SIGCHLD, (void *)(intptr_t)getpid());
	if (pid < 0) {
		r = -errno;
		free(stack);
		return r;
	}
	nx_reaper_watch(pid, on_idle_gone, stack);
	r = nx_idmap_write(pid, map);
	if (r == 0)
		r = fd = nx_idmap_userns_of(pid);
	(void)kill(pid, SIGKILL);
	return r < 0 ? r : fd;
}
