/*
 * nexusd, the switchboard: identifies each program by its kernel-verified uid,
 * makes socketpairs, hands one end to each side. It carries no payload.
 *
 * Trusts: the kernel. Owns: <run_dir>/nexus.sock and one connection per
 * program. Its death costs nothing but new introductions.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "nexusd/sandbox.h"
#include "nexusd/switchboard.h"
#include "proto/serve_nexusd.h"

#define RESERVED_FDS 8

static struct switchboard board;
static struct event *acceptor, *resume;
/* Given up one at a time when descriptors run out, so that a client that must
 * be turned away can still be. */
static int reserve[RESERVED_FDS];

static void
fill_reserve(void)
{
	size_t i;

	for (i = 0; i < RESERVED_FDS; i++)
		if (reserve[i] < 0)
			reserve[i] = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	fill_reserve();
	(void)event_add(acceptor, NULL);
}

/* Out of descriptors: turn one away and pause, or the loop would spin. */
static void
pause_accepting(int listener)
{
	struct timeval second = {.tv_sec = 1};
	int fd;

	nx_close(&reserve[0]);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	nx_close(&fd);
	board.refused++;
	nx_warn("event=out-of-descriptors");
	(void)event_del(acceptor);
	(void)evtimer_add(resume, &second);
}

static void
on_accept(evutil_socket_t listener, short what, void *arg)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)what;
	(void)arg;
	if (fd >= 0)
		switchboard_accept(&board, fd, -1);
	else if (errno == EMFILE || errno == ENFILE)
		pause_accepting(listener);
}

/* Anyone may connect; who is not known by uid is turned away. */
static int
make_listener(const char *run_dir)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, n;

	n = snprintf(
	    sun.sun_path, sizeof(sun.sun_path), "%s/nexus.sock", run_dir);
	if (n < 0 || (size_t)n >= sizeof(sun.sun_path))
		nx_fatal(0, "run_dir = %s is too long for a socket", run_dir);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		nx_fatal(-errno, "socket");
	if (unlink(sun.sun_path) < 0 && errno != ENOENT)
		nx_fatal(-errno, "%s", sun.sun_path);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		nx_fatal(-errno, "bind %s", sun.sun_path);
	if (chmod(sun.sun_path, 0666) < 0 || listen(fd, 128) < 0)
		nx_fatal(-errno, "%s", sun.sun_path);
	return fd;
}

static void
start_accepting(struct nx_daemon *d, int listener)
{
	memset(reserve, 0xff, sizeof(reserve));
	fill_reserve();
	(void)nx_fd_nonblock(listener, true);
	acceptor =
	    event_new(d->base, listener, EV_READ | EV_PERSIST, on_accept, NULL);
	resume = evtimer_new(d->base, on_resume, NULL);
	if (!acceptor || !resume || event_add(acceptor, NULL) < 0)
		nx_fatal(-ENOMEM, "events");
}

int
main(int argc, char **argv)
{
	struct nx_daemon d = {.name = "nexusd",
	    .role = NX_ROLE_SWITCH,
	    .sandbox = &nexusd_sandbox,
	    .handlers = nexusd_handlers,
	    .n_handlers = nexusd_handlers_count,
	    .ctx = &board,
	    .on_peer = switchboard_peer};
	const struct nx_conf_common *conf;
	const char *missing = NULL;
	int listener = -1;

	nx_daemon_start(&d, argc, argv);
	conf = d.conf;
	if (switchboard_init(&board, d.base, &missing) < 0)
		nx_fatal(0,
		    "there is no user %s; systemd-sysusers makes it from "
		    "sysusers.d/nexus.conf",
		    missing);
	/* Above all of those before a restart, whatever happens to the clock:
	 * what lives on refuses an older one. */
	board.generation = nx_now_us();
	board.since = nx_wall_us() / 1000000;
	nx_daemon_connect(&d);
	board.hub = d.hub;
	if (d.listen_fds > 0)
		listener = store_restore(
		    &board, d.listen_fds, getenv("LISTEN_FDNAMES"));
	if (listener < 0) {
		listener = make_listener(conf->run_dir);
		store_keep_listener(listener);
	}
	nx_daemon_drop(&d);
	start_accepting(&d, listener);
	return nx_daemon_run(&d);
}
