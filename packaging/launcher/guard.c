/*
 * The guard. The daemons are tied to nexus-up by their
 * parent-death signal as well, but nodemgr loses it whenever it changes its
 * file system uid, and nodes never had it. The cgroup holds them all.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "packaging/launcher/guard.h"
#include "packaging/launcher/tidy.h"

static _Noreturn void
guard(struct up *up, int pipe)
{
	char word;
	ssize_t n;

	(void)prctl(PR_SET_NAME, "nexus-up-guard", 0, 0, 0);
	(void)
	    setsid(); /* Ctrl-C is for nexus-up, and so is a closed terminal */
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	nx_close(&up->listen_fd); /* the lock stays: nobody starts meanwhile */
	do {
		n = read(pipe, &word, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	up_warn("nexus-up is gone; tidying up after it.");
	_exit(up_tidy(up, UP_TIDY_KILLED) != 0);
}

void
up_guard_start(struct up *up, struct up_guard *ret_guard)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		up_die("cannot start a guard: %s", strerror(errno));
	if (pid == 0) {
		nx_close(&fds[1]);
		guard(up, fds[0]);
	}
	nx_close(&fds[0]);
	*ret_guard = (struct up_guard){.pid = pid, .pipe = fds[1]};
}

void
up_guard_dismiss(struct up_guard *g)
{
	(void)nx_write_full(g->pipe, "", 1);
	nx_close(&g->pipe);
	while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
