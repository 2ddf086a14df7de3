/* The skeleton every main.c is written on: see daemon.h. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/rights.h"

#define WAIT_FOR_NEXUSD_MS 10000

static int notify_fd = -1;
static uint64_t watchdog_us; /* 0: nobody watches */

/* --- the supervisor ---------------------------------------------------------*/

/* Connected before the sandbox: afterwards there is no path to it. */
static void
open_notify(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	socklen_t len;

	if (!path || (path[0] != '/' && path[0] != '@') ||
	    strlen(path) >= sizeof(sun.sun_path))
		return;
	(void)stpcpy(sun.sun_path, path);
	len =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify_fd >= 0 &&
	    connect(notify_fd, (struct sockaddr *)&sun, len) < 0)
		nx_close(&notify_fd);
	(void)unsetenv("NOTIFY_SOCKET");
}

/* sd_watchdog_enabled(3) */
static void
read_watchdog(void)
{
	const char *usec = getenv("WATCHDOG_USEC"),
		   *pid = getenv("WATCHDOG_PID");

	if (usec && (!pid || atol(pid) == (long)getpid()))
		watchdog_us = strtoull(usec, NULL, 10);
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
}

void
nx_notify_supervisor(const char *text, const int *fds, size_t n_fds)
{
	if (notify_fd >= 0)
		(void)nx_send_fds(
		    notify_fd, text, strlen(text), fds, n_fds, MSG_DONTWAIT);
}

static int
inherited_sockets(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	int n = 0, i;

	if (pid && fds && atol(pid) == (long)getpid())
		n = atoi(fds);
	if (n < 0 || n > 1024)
		n = 0;
	for (i = 3; i < 3 + n; i++)
		(void)fcntl(i, F_SETFD, FD_CLOEXEC);
	return n;
}

/* --- options ----------------------------------------------------------------*/

_Noreturn static void
usage(const char *name, int status)
{
	(void)fprintf(status ? stderr : stdout,
	    "usage: %s [-dhV] [-c FILE]\n"
	    "  -c FILE  configuration (default " NX_CONF_FILE ")\n"
	    "  -d       log debug messages\n"
	    "  -h       this help\n"
	    "  -V       print the version\n",
	    name);
	exit(status);
}

static const char *
parse_options(struct nx_daemon *d, int argc, char **argv)
{
	const char *path = NX_CONF_FILE;
	bool debug = false;
	int c;

	while ((c = getopt(argc, argv, "c:dhV")) != -1)
		switch (c) {
		case 'c': path = optarg; break;
		case 'd': debug = true; break;
		case 'h': usage(d->name, 0);
		case 'V': (void)printf("%s %s\n", d->name, NX_VERSION); exit(0);
		default: usage(d->name, 2);
		}
	if (optind != argc)
		usage(d->name, 2);
	nx_log_open(d->name, debug);
	return path;
}

/* Descriptors 0 to 2 exist, so that no later one takes their place. */
static void
secure_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		(void)close(fd);
}

static void
on_event_log(int severity, const char *message)
{
	if (severity >= EVENT_LOG_WARN)
		nx_warn("event=libevent message=\"%s\"", message);
}

static void
on_event_fatal(int error)
{
	nx_fatal(0, "libevent: internal error %d", error);
}

/*
 * Threads that mostly wait need no heap of their own: with glibc's eight for
 * each core what one of them freed is kept for it alone (mallopt(3)). A buffer
 * of 128 KiB and more goes back to the kernel when it is freed, and does not
 * grow that limit for the next ones, as it would unless it were set.
 */
static void
bound_heap(void)
{
	(void)mallopt(M_ARENA_MAX, 2);
	(void)mallopt(M_MMAP_THRESHOLD, 128 << 10);
}

void
nx_daemon_start(struct nx_daemon *d, int argc, char **argv)
{
	static struct nx_conf_common plain;
	char error[256];
	const char *path;
	int r;

	bound_heap();
	secure_stdio();
	path = parse_options(d, argc, argv);
	d->sandbox_copy = *d->sandbox;
	tzset(); /* reads /etc/localtime while it is still there */
	d->listen_fds = inherited_sockets();
	(void)nx_fd_cloexec_from(3);
	open_notify();
	read_watchdog();
	if (!d->conf)
		d->conf = &plain;
	r = nx_conf_load(
	    path, d->name, d->conf, d->conf_keys, d->n_conf_keys, error);
	if (r < 0)
		nx_fatal(0, "%s", error[0] ? error : strerror(-r));
	event_set_log_callback(on_event_log);
	event_set_fatal_callback(on_event_fatal);
	d->base = event_base_new();
	if (!d->base)
		nx_fatal(-ENOMEM, "event loop");
	(void)signal(SIGPIPE, SIG_IGN);
}

void
nx_daemon_drop(struct nx_daemon *d)
{
	const struct nx_conf_common *conf = d->conf;
	static char root[512];

	/* Where the empty directory is depends on the configuration. */
	if (d->sandbox_copy.root) {
		(void)snprintf(root, sizeof(root), "%s/empty", conf->run_dir);
		d->sandbox_copy.root = root;
	}
	nx_sandbox_drop(&d->sandbox_copy);
}

static void
on_peer(struct nx_peer *peer, bool up, void *ctx)
{
	static struct nx_log_rate admins;
	struct nx_daemon *d = ctx;

	if (!up && d->wire) {
		if (peer->role == NX_ROLE_SWITCH)
			nx_wire_peer_down(d->wire);
		else
			nx_wire_edge_down(d->wire, peer);
	}
	/* An administrator's tool comes and goes with every command. */
	if (peer->role != NX_ROLE_SWITCH &&
	    (peer->role != NX_ROLE_ADMIN || nx_log_may(&admins, "peer")))
		nx_info("event=peer-%s peer=%s.%u", up ? "up" : "down",
		    nx_role_name(peer->role), peer->instance);
	if (d->on_peer)
		d->on_peer(peer, up, d->ctx);
}

static void
register_handlers(struct nx_daemon *d)
{
	size_t i;

	for (i = 0; i < d->n_handlers; i++)
		nx_hub_handle(
		    d->hub, d->handlers[i].method, d->handlers[i].fn, d->ctx);
}

void
nx_daemon_connect(struct nx_daemon *d)
{
	const struct nx_conf_common *conf = d->conf;
	struct nx_hub_config hub = {.base = d->base,
	    .self = d->role,
	    .ctx = d,
	    .tickets = d->tickets,
	    .on_peer = on_peer};
	struct nx_wire_config wire = {.base = d->base,
	    .reconnect = !d->on_nexusd_lost,
	    .on_lost = d->on_nexusd_lost,
	    .ctx = d->ctx};
	char path[512];
	int r = nx_hub_new(&hub, &d->hub);

	if (r < 0)
		nx_fatal(r, "hub");
	register_handlers(d);
	if (d->role == NX_ROLE_SWITCH)
		return; /* nexusd is what the others connect to */
	(void)snprintf(path, sizeof(path), "%s/nexus.sock", conf->run_dir);
	wire.hub = d->hub;
	wire.path = path;
	r = nx_wire_new(&wire, WAIT_FOR_NEXUSD_MS, &d->wire);
	if (r < 0)
		nx_fatal(r, "nexusd at %s", path);
}

static void
on_signal(evutil_socket_t signum, short what, void *arg)
{
	struct nx_daemon *d = arg;

	(void)what;
	nx_info("event=stopping signal=%d", (int)signum);
	nx_notify_supervisor("STOPPING=1", NULL, 0);
	if (d->on_stop)
		d->on_stop(d->ctx);
	else
		nx_daemon_quit(d);
}

static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	nx_notify_supervisor("WATCHDOG=1", NULL, 0);
}

/* From a timer of the loop: what it proves is that the loop turns. */
static struct event *
keep_watchdog(struct nx_daemon *d)
{
	const uint64_t third = watchdog_us / 3;
	const struct timeval tv = {.tv_sec = (time_t)(third / 1000000),
	    .tv_usec = (suseconds_t)(third % 1000000)};
	struct event *ev = event_new(d->base, -1, EV_PERSIST, on_watchdog, d);

	if (!ev || (third > 0 && event_add(ev, &tv) < 0))
		nx_fatal(-ENOMEM, "watchdog");
	return ev;
}

/* --- the log, once a turn ---------------------------------------------------*/

static void
on_flush(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	nx_log_flush();
}

/* Behind what is to be done in this turn already. */
static void
flush_soon(void *arg)
{
	event_active(arg, EV_TIMEOUT, 0);
}

static struct event *
keep_log(struct nx_daemon *d)
{
	struct event *ev = evtimer_new(d->base, on_flush, NULL);

	if (!ev)
		nx_fatal(-ENOMEM, "log");
	if (d->says_much)
		nx_log_keep(flush_soon, ev);
	return ev;
}

int
nx_daemon_run(struct nx_daemon *d)
{
	struct event *watchdog = keep_watchdog(d);
	struct event *flush = keep_log(d);
	struct event *term = evsignal_new(d->base, SIGTERM, on_signal, d);
	struct event *interrupt = evsignal_new(d->base, SIGINT, on_signal, d);
	int r;

	if (!term || !interrupt || event_add(term, NULL) < 0 ||
	    event_add(interrupt, NULL) < 0)
		nx_fatal(-ENOMEM, "signals");
	nx_sandbox_filter(&d->sandbox_copy);
	nx_info("event=ready version=" NX_VERSION);
	nx_notify_supervisor("READY=1", NULL, 0);
	r = event_base_dispatch(d->base);
	event_free(watchdog);
	event_free(term);
	event_free(interrupt);
	nx_log_keep(NULL, NULL);
	event_free(flush);
	d->wire = nx_wire_free(d->wire);
	d->hub = nx_hub_free(d->hub);
	return r == 0 && event_base_got_exit(d->base) ? 0 : 1;
}

void
nx_daemon_quit(struct nx_daemon *d)
{
	(void)event_base_loopexit(d->base, NULL);
}
