/*
 * nexus-init: PID 1 of a node or function. Static, because it runs inside
 * foreign root filesystems; executed from a sealed copy in memory, because what
 * runs beside it is hostile. It starts the main process, forwards signals to
 * it, reaps orphans, writes the main process's output to a log of bounded size
 * and how it ended to a status file; then it ends, and the kernel ends
 * everything else in here. It outlives nodemgr, and so do log and status.
 *
 *	nexus-init [-l LOG_LIMIT] [-p] [--] [COMMAND [ARG]...]
 *	nexus-init -x -- COMMAND [ARG]...
 *
 * -x: for a command in a node that runs (exec). It is no init then, but becomes
 * COMMAND at once.
 *
 * Descriptor 3 is the gate (nodemgr/box/gate.h): it closes when COMMAND has been
 * executed, or says why it cannot be. Without -x, 4 is the status file or pipe
 * and 5 the log, a regular file. -p: the output passes through, there is no
 * log. Without a command it idles until SIGTERM. All three lead out of the
 * node: init is not dumpable, so /proc/1/fd is closed to everybody in here, and
 * the main process gets none of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nodemgr/box/box.h"

#define GATE_FD   3
#define STATUS_FD 4
#define LOG_FD    5
#define PIECE     32768

static long log_limit = 1 << 20;
static bool pass_through;
static pid_t main_pid = -1;
static char buffer[PIECE];

/* Moves the last half of the log to its start and cuts the rest off. */
static off_t
compact(off_t size)
{
	static char piece[PIECE];
	off_t keep = log_limit / 2, from = size - keep, to = 0;
	ssize_t n;

	if (from <= 0)
		return size;
	while (to < keep) {
		n = pread(LOG_FD, piece, PIECE, from + to);
		if (n <= 0 || pwrite(LOG_FD, piece, (size_t)n, to) != n)
			break;
		to += n;
	}
	return ftruncate(LOG_FD, to) < 0 ? size : to;
}

/* A log that cannot be written (a full disk) must not stop the node. */
static void
log_put(const char *text, size_t len)
{
	struct stat st;
	off_t size;

	if (fstat(LOG_FD, &st) < 0)
		return;
	size = st.st_size;
	if (size + (off_t)len > log_limit)
		size = compact(size);
	(void)!pwrite(LOG_FD, text, len, size);
}

/* Reads at most @pieces; false at the end of the file. */
static bool
pump(int fd, int pieces)
{
	ssize_t n;

	while (pieces-- > 0) {
		n = read(fd, buffer, sizeof(buffer));
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return false;
		log_put(buffer, (size_t)n);
	}
	return true;
}

static void
record(const char *what, int value)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%s %d\n", what, value);

	(void)!write(STATUS_FD, text, (size_t)n);
}

static void
say(const char *what, const char *whom, int error)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "nexus-init: %s: %s: %s\n", what,
	    whom, strerror(error));

	if (n > (int)sizeof(text) - 1)
		n = sizeof(text) - 1;
	(void)!write(2, text, (size_t)n);
}

/* Whoever waits for the exec learns why it failed. */
static _Noreturn void
cannot(const char *command, int error)
{
	struct nx_gate_msg msg = {.kind = NX_GATE_FAILED,
	    .value = NX_GATE_PROGRAM,
	    .fault = {.error = -error}};

	snprintf(msg.fault.step, sizeof(msg.fault.step), "%s", command);
	(void)send(GATE_FD, &msg, sizeof(msg), MSG_NOSIGNAL);
	_exit(error == ENOENT ? 127 : 126);
}

static void
run(char **command, int out)
{
	sigset_t none;
	int error;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (out >= 0 && (dup2(out, 1) < 0 || dup2(out, 2) < 0))
		_exit(126);
	execvp(command[0], command);
	error = errno;
	say("cannot run", command[0], error);
	cannot(command[0], error);
}

/* The read end of the main process's output, -1 when it passes through. */
static int
start(char **command)
{
	int pair[2] = {-1, -1};

	if (!pass_through && pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
		_exit(125);
	/* the program expects a pipe that waits */
	if (pair[1] >= 0)
		(void)fcntl(pair[1], F_SETFL, 0);
	main_pid = fork();
	if (main_pid == 0)
		run(command, pair[1]);
	if (main_pid < 0) {
		record("unstarted", errno);
		_exit(125);
	}
	if (pair[1] >= 0)
		close(pair[1]);
	return pair[0];
}

/* Reaps everything; exits with the main process. */
static void
reap(int out)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != main_pid)
			continue;
		if (out >= 0)
			(void)pump(out, 64);
		if (WIFSIGNALED(status)) {
			record("signal", WTERMSIG(status));
			_exit(128 + WTERMSIG(status));
		}
		record("exit", WEXITSTATUS(status));
		_exit(WEXITSTATUS(status));
	}
}

static void
handle(int signals, int out)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == sizeof(info)) {
		int sig = (int)info.ssi_signo;

		if (sig == SIGCHLD) {
			reap(out);
		} else if (main_pid > 0) {
			(void)kill(main_pid, sig);
		} else if (sig == SIGTERM || sig == SIGINT) {
			record("exit", 0);
			_exit(0);
		}
	}
}

static void
loop(int signals, int out)
{
	struct pollfd fds[2] = {
	    {.fd = signals, .events = POLLIN},
	    {.fd = out, .events = POLLIN},
	};

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents && !pump(out, 1))
			fds[1].fd = out = -1;
		if (fds[0].revents)
			handle(signals, out);
	}
}

/* Executes @name, or what is first of that name in PATH; returns why not. Unlike
 * execvp(3) it hands no file to a shell that is no script. */
static int
try_exec(char **command)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];
	int error = ENOENT, len;

	if (strchr(command[0], '/') || !path) {
		execv(command[0], command);
		return errno;
	}
	for (; *path; path += len + (path[len] == ':')) {
		len = (int)strcspn(path, ":");
		snprintf(file, sizeof(file), "%.*s/%s", len, path, command[0]);
		execv(file, command);
		if (errno != ENOENT && errno != ENOTDIR)
			error = errno;
	}
	return error;
}

static _Noreturn void
become(char **command)
{
	if (!command[0])
		cannot("", ENOENT);
	cannot(command[0], try_exec(command));
}

int
main(int argc, char **argv)
{
	sigset_t all;
	int opt, signals, out = -1;
	bool instead = false, gate;

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_NAME, "nexus-init", 0, 0, 0);
	gate = fcntl(GATE_FD, F_SETFD, FD_CLOEXEC) == 0;
	(void)fcntl(LOG_FD, F_SETFD, FD_CLOEXEC);
	(void)fcntl(STATUS_FD, F_SETFD, FD_CLOEXEC);
	while ((opt = getopt(argc, argv, "+l:px")) != -1) {
		if (opt == 'l')
			log_limit = strtol(optarg, NULL, 10);
		else if (opt == 'p')
			pass_through = true;
		else if (opt == 'x')
			instead = true;
		else
			return 125;
	}
	if (instead)
		become(argv + optind);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return 125;
	if (optind < argc)
		out = start(argv + optind);
	if (gate)
		close(
		    GATE_FD); /* the main process has its own, until its exec */
	loop(signals, out);
}
