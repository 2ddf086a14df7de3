/*
 * The one daemon skeleton. Every main.c reads as the same script:
 *
 *	nx_daemon_start(&d, argc, argv);	options, configuration, log
 *	... open what needs the start-up privilege ...
 *	nx_daemon_drop(&d);			nx_sandbox_drop
 *	... databases, worker threads ...
 *	nx_daemon_connect(&d);			hub, hello to nexusd
 *	nx_daemon_run(&d);			filter, READY=1, loop
 *
 * Options of every daemon: -c FILE, -d (debug), -V, -h.
 */
#ifndef NX_DAEMON_H
#define NX_DAEMON_H

#include <event2/event.h>

#include "common/conf.h"
#include "common/hub.h"
#include "common/sandbox.h"
#include "common/wire.h"

struct nx_daemon {
	/* filled in by main */
	const char *name;
	enum nx_role role;
	const struct nx_sandbox *sandbox;
	const struct nx_handler *handlers;
	size_t n_handlers;
	void *ctx;
	struct nx_tickets *tickets;
	void (*on_peer)(struct nx_peer *peer, bool up, void *ctx);
	/* SIGTERM or SIGINT: finish; call nx_daemon_quit when done. NULL:
	 * quits at once. */
	void (*on_stop)(void *ctx);
	void (*on_nexusd_lost)(void *ctx); /* set: no reconnect (gatewayd) */
	/* It has one thread, does not fork, and logs each request: lines are
	 * written once a turn of the loop (nx_log_keep). */
	bool says_much;
	void *conf; /* starts with struct nx_conf_common */
	const struct nx_conf_key *conf_keys;
	size_t n_conf_keys;

	/* filled in by the skeleton */
	struct event_base *base;
	struct nx_hub *hub;
	struct nx_wire *wire;
	/* @sandbox adjusted to the configuration: root becomes
	 * <run_dir>/empty; main may set paths between start and run. */
	struct nx_sandbox sandbox_copy;
	int listen_fds; /* inherited sockets from descriptor 3 up (LISTEN_FDS) */
};

void nx_daemon_start(struct nx_daemon *d, int argc, char **argv);
void nx_daemon_drop(struct nx_daemon *d);
void nx_daemon_connect(struct nx_daemon *d);
/* Returns the process's exit status. Tells a supervisor that watches
 * (WATCHDOG_USEC) three times within its patience that the loop turns. */
int nx_daemon_run(struct nx_daemon *d);
void nx_daemon_quit(struct nx_daemon *d);
/* sd_notify(3) protocol without the library; the socket is opened at start. */
void nx_notify_supervisor(const char *text, const int *fds, size_t n_fds);

#endif
