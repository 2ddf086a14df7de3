/*
 * What the host is asked for: a listening socket, kernel modules, forwarding.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "netd/lock.h"
#include "packaging/launcher/host.h"

#define FORWARD "/proc/sys/net/ipv4/ip_forward"
#define SAVED   UP_ROOT "/etc/.ip_forward"

int
up_listen(uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd, on = 1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		up_die("cannot make a socket: %s", strerror(errno));
	/* Connections of an earlier run may still be in TIME_WAIT. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ||
	    listen(fd, 1024) < 0) {
		if (errno == EADDRINUSE)
			up_die("port %u is taken by another program; choose "
			       "one that is free: make up PORT=%u",
			    port, port < 65000 ? port + 1010U : 8080U);
		up_die(
		    "cannot listen on 127.0.0.1:%u: %s", port, strerror(errno));
	}
	return fd;
}

void
up_lock_bridge(struct up *up)
{
	nx_cleanup_fd int netd = netd_lock("netd", up->net.bridge);

	/* That of netd is only looked at: netd will want it. */
	up->bridge_lock = netd_lock("up", up->net.bridge);
	if (netd == -EADDRINUSE || up->bridge_lock == -EADDRINUSE)
		up_die("another Nexus on this host uses the bridge %s. Give "
		       "this one its own, and a subnet: [netd] bridge and "
		       "[nexus] subnet in %s/etc/nexus.conf.",
		    up->net.bridge, up->opt.dir);
	if (netd < 0 || up->bridge_lock < 0)
		up_die("cannot lock the bridge's name: %s",
		    strerror(netd < 0 ? -netd : -up->bridge_lock));
}

static _Noreturn void
run_child(const char *const argv[], const char *env, bool quiet)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	nx_cleanup_free char *extra = env ? strdup(env) : NULL;
	char *envp[] = {path, extra, NULL};
	sigset_t none;
	int null;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0); /* Ctrl-C is for nexus-up */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(null, 0);
	if (quiet) {
		dup2(null, 1);
		dup2(null, 2);
	}
	/* execve takes, but does not touch, strings that are not const. */
	execvpe(argv[0], (char *const *)(uintptr_t)argv, envp);
	_exit(127);
}

pid_t
up_spawn(const char *const argv[], const char *env, bool quiet)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_child(argv, env, quiet);
	return pid;
}

int
up_run(const char *const argv[], const char *env, bool quiet, int timeout_ms)
{
	nx_cleanup_fd int pidfd = -1;
	struct pollfd p;
	int status, r;
	pid_t pid;

	pid = up_spawn(argv, env, quiet);
	if (pid < 0)
		return pid;
	pidfd = pidfd_open(pid, 0);
	p = (struct pollfd){.fd = pidfd, .events = POLLIN};
	do {
		r = poll(&p, 1, timeout_ms);
	} while (r < 0 && errno == EINTR);
	if (r == 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return r == 0 ? -ETIMEDOUT : status;
}

void
up_modules(void)
{
	const char *const argv[] = {"modprobe", "-qa", "loop", "overlay",
	    "bridge", "veth", "nf_tables", "nft_chain_nat", "nft_masq",
	    "nft_ct", "nft_reject_inet", NULL};

	(void)up_run(argv, NULL, true, 5000);
}

void
up_forward_save(void)
{
	nx_cleanup_free char *old = NULL;
	nx_cleanup_fd int fd = -1;

	if (nx_read_file(AT_FDCWD, FORWARD, 15, &old) < 0)
		return;
	/* One that is there already is of a run that could not put it back. */
	fd = open(SAVED, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		dprintf(fd, "%s", old);
}

int
up_forward_restore(void)
{
	nx_cleanup_free char *old = NULL;
	int r;

	r = nx_read_file(AT_FDCWD, SAVED, 15, &old);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = nx_write_file(AT_FDCWD, FORWARD, old[0] == '1' ? "1" : "0");
	if (r == 0 && unlink(SAVED) < 0)
		r = -errno;
	return r;
}
