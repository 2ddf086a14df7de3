/*
 * The children of a program under test: whether there are any, and whether one is
 * on its way out. proc(5).
 */
#ifndef NODEMGR_CHILDREN_H
#define NODEMGR_CHILDREN_H

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Without reaping any. */
static inline bool
has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Has @pid been killed, or ended otherwise, and is only not reaped yet? By its
 * state, its flags (PF_EXITING) and the signals that wait for it. */
static inline bool
is_dying(int pid)
{
	char path[64], text[1024] = "", state = 0;
	unsigned flags = 0;
	unsigned long signals = 0;
	const char *after;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	after = strrchr(text, ')');
	if (!after ||
	    sscanf(after,
		") %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d"
		" %*d %*d %*d %*d %*u %*u %*d %*u %*u %*u %*u %*u %*u %lu",
		&state, &flags, &signals) != 3)
		return false;
	return state == 'Z' || (flags & 4) || (signals >> (SIGKILL - 1) & 1);
}

static inline bool
has_dying_children(void)
{
	FILE *f = fopen("/proc/thread-self/children", "re");
	bool dying = false;
	int pid;

	while (f && !dying && fscanf(f, "%d", &pid) == 1)
		dying = is_dying(pid);
	if (f)
		(void)fclose(f);
	return dying;
}

/* A watch can have memory of its own, which is given back when its child has
 * been reaped and not when the reaper stops. */
static inline void
reap_the_dying(struct event_base *base)
{
	while (has_dying_children())
		event_base_loop(base, EVLOOP_NONBLOCK);
}

#endif
