/*
 * One daemon and the supervisor it belongs to; for supervise.c and daemon.c.
 */
#ifndef UP_SUPERVISE_INTERNAL_H
#define UP_SUPERVISE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <event2/event.h>

#include "packaging/launcher/child.h"
#include "packaging/launcher/notify.h"
#include "packaging/launcher/output.h"
#include "packaging/launcher/programs.h"
#include "packaging/launcher/up.h"

#define READY_MS 20000 /* for a daemon to say READY=1 */

struct daemon {
	struct up_supervisor *s;
	const struct up_program *p;
	struct up_ids ids;
	struct up_output *output;
	int output_fd;
	struct up_notify *notify;
	/* to restart it, to end waiting for READY, or for the next WATCHDOG */
	struct event *timer;
	pid_t pid; /* 0: not running */
	bool ready;
	bool late; /* its WATCHDOG is, and gets a last moment */
	uint64_t started_us;
	unsigned backoff_ms;
};

struct up_supervisor {
	struct up *up;
	struct event_base *base;
	struct event *signals[4];
	struct event *tick;
	struct daemon daemons[UP_PROGRAMS];
	bool started; /* all were ready once: failures restart */
	bool stopping;
	struct daemon *bad; /* ended before it was ready at first start */
	unsigned asked;     /* times the person asked to stop */
	pid_t helper;       /* nexusctl, stopping the nodes */
};

/* Everything that outlives its process. Dies with a sentence. */
void up_daemon_init(struct up_supervisor *s, size_t i);
void up_daemon_fini(struct daemon *d);
/* Starts its process; tries again later when that fails. */
void up_daemon_start(struct daemon *d);
/* Its process has ended: says so, and sees to a new one. */
void up_daemon_died(struct daemon *d, int status);
/* nexus.env with the present processes. */
void up_daemon_env(struct up_supervisor *s);

#endif
