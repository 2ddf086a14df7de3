/*
 * Starting, watching and stopping all of them.
 *
 * One event loop, and on top of it straight-line code that runs the loop until
 * something has happened or a time has passed: start-up and shut-down read as
 * what they are, a sequence.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <event2/event.h>

#include "common/err.h"
#include "common/id.h"
#include "packaging/launcher/cgroup.h"
#include "packaging/launcher/config.h"
#include "packaging/launcher/host.h"
#include "packaging/launcher/supervise.h"
#include "packaging/launcher/supervise_internal.h"

#define TERM_MS  5000  /* between SIGTERM and SIGKILL */
#define KILL_MS  2000  /* a killed process is gone by then */
#define NODES_MS 30000 /* for all nodes to stop */

/* --- the loop ---------------------------------------------------------------*/

typedef bool condition(struct up_supervisor *s, const struct daemon *d);

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
}

/* Runs the loop until @holds or @timeout_ms (-1: for ever) passed. */
static bool
run_until(struct up_supervisor *s, condition *holds, const struct daemon *d,
    int timeout_ms)
{
	uint64_t now = nx_now_us();
	uint64_t end = now + (uint64_t)timeout_ms * 1000;

	while (!holds(s, d)) {
		if (timeout_ms >= 0) {
			struct timeval left;

			now = nx_now_us();
			if (now >= end)
				return false;
			left.tv_sec = (time_t)((end - now) / 1000000);
			left.tv_usec = (suseconds_t)((end - now) % 1000000);
			event_add(s->tick, &left);
		}
		event_base_loop(s->base, EVLOOP_ONCE);
		event_del(s->tick);
	}
	return true;
}

/* --- making it --------------------------------------------------------------*/

static void
on_child(evutil_socket_t sig, short what, void *arg)
{
	struct up_supervisor *s = arg;
	int status;

	(void)sig, (void)what;
	for (size_t i = 0; i < UP_PROGRAMS; i++) {
		struct daemon *d = &s->daemons[i];

		if (d->pid && waitpid(d->pid, &status, WNOHANG) == d->pid)
			up_daemon_died(d, status);
	}
}

static void
on_ask(evutil_socket_t sig, short what, void *arg)
{
	struct up_supervisor *s = arg;

	(void)sig, (void)what;
	s->asked++;
}

struct up_supervisor *
up_supervisor_new(struct up *up)
{
	static const int asks[] = {SIGINT, SIGTERM, SIGHUP};
	struct up_supervisor *s = calloc(1, sizeof(*s));
	const struct daemon *nodemgr = NULL;

	if (!s || !(s->base = event_base_new()))
		up_die("cannot make an event loop");
	s->up = up;
	for (size_t i = 0; i < NX_ARRAY_SIZE(asks); i++)
		s->signals[i] = evsignal_new(s->base, asks[i], on_ask, s);
	s->signals[3] = evsignal_new(s->base, SIGCHLD, on_child, s);
	for (size_t i = 0; i < NX_ARRAY_SIZE(s->signals); i++)
		if (!s->signals[i] || event_add(s->signals[i], NULL) < 0)
			up_die("cannot watch for signals");
	s->tick = evtimer_new(s->base, on_tick, NULL);
	if (!s->tick)
		up_die("out of memory");
	for (size_t i = 0; i < UP_PROGRAMS; i++) {
		up_daemon_init(s, i);
		if (s->daemons[i].p->delegated)
			nodemgr = &s->daemons[i];
	}
	nx_assert(nodemgr);
	up_cgroup_make(up, nodemgr->ids.uid, nodemgr->ids.gid);
	return s;
}

struct up_supervisor *
up_supervisor_free(struct up_supervisor *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < UP_PROGRAMS; i++)
		up_daemon_fini(&s->daemons[i]);
	for (size_t i = 0; i < NX_ARRAY_SIZE(s->signals); i++)
		event_free(s->signals[i]);
	event_free(s->tick);
	event_base_free(s->base);
	free(s);
	return NULL;
}

/* --- starting ---------------------------------------------------------------*/

static bool
one_ready(struct up_supervisor *s, const struct daemon *d)
{
	return s->asked || s->bad || d->ready;
}

static bool
all_ready(struct up_supervisor *s, const struct daemon *d)
{
	(void)d;
	if (s->asked || s->bad)
		return true;
	for (size_t i = 0; i < UP_PROGRAMS; i++)
		if (!s->daemons[i].ready)
			return false;
	return true;
}

/* Says who was not ready and what it said last. */
static void
show_late(struct up_supervisor *s)
{
	for (size_t i = 0; i < UP_PROGRAMS; i++) {
		struct daemon *d = &s->daemons[i];

		if (d != s->bad && (d->ready || !d->pid || s->bad))
			continue;
		if (d != s->bad)
			up_warn("%s is not ready after %d s.", d->p->name,
			    READY_MS / 1000);
		up_output_show_last(d->output);
	}
}

int
up_start(struct up_supervisor *s)
{
	bool in_time;

	up_daemon_start(&s->daemons[0]);
	in_time = run_until(s, one_ready, &s->daemons[0], READY_MS);
	if (in_time && !s->asked && !s->bad) {
		for (size_t i = 1; i < UP_PROGRAMS; i++)
			up_daemon_start(&s->daemons[i]);
		in_time = run_until(s, all_ready, NULL, READY_MS);
	}
	if (s->asked)
		return 0;
	if (!in_time || s->bad) {
		show_late(s);
		return -1;
	}
	s->started = true;
	up_daemon_env(s);
	return 0;
}

static bool
was_asked(struct up_supervisor *s, const struct daemon *d)
{
	(void)d;
	return s->asked > 0;
}

bool
up_asked(const struct up_supervisor *s)
{
	return s->asked > 0;
}

void
up_watch(struct up_supervisor *s)
{
	(void)run_until(s, was_asked, NULL, -1);
}

/* --- stopping ---------------------------------------------------------------*/

/* A second Ctrl-C means: now. */
static bool
is_gone(struct up_supervisor *s, const struct daemon *d)
{
	return s->asked > 1 || !d->pid;
}

static bool
is_really_gone(struct up_supervisor *s, const struct daemon *d)
{
	(void)s;
	return !d->pid;
}

static bool
is_finished(struct up_supervisor *s, const struct daemon *d)
{
	siginfo_t info = {0};

	(void)d;
	return s->asked > 1 ||
	    waitid(P_PID, (id_t)s->helper, &info, WEXITED | WNOHANG | WNOWAIT) <
	    0 ||
	    info.si_pid != 0;
}

static void
stop_nodes(struct up_supervisor *s)
{
	const char *const argv[] = {
	    UP_ROOT "/bin/nexusctl", "node", "stop", "--all", "--keep", NULL};
	int status = 0;

	s->helper =
	    up_spawn(argv, "NEXUS_SOCK=" UP_ROOT "/run/nexus.sock", false);
	if (s->helper < 0)
		return;
	(void)run_until(s, is_finished, NULL, NODES_MS);
	if (waitpid(s->helper, &status, WNOHANG) == 0) {
		kill(s->helper, SIGKILL);
		waitpid(s->helper, &status, 0);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		up_warn("the nodes could not be stopped in order; they are "
			"killed.");
}

static bool
stop_daemon(struct up_supervisor *s, struct daemon *d)
{
	event_del(d->timer);
	if (!d->pid)
		return true;
	kill(d->pid, SIGTERM);
	if (run_until(s, is_gone, d, TERM_MS) && !d->pid)
		return true;
	if (s->asked <= 1)
		up_warn("%s does not stop; killing it.", d->p->name);
	kill(d->pid, SIGKILL);
	(void)run_until(s, is_really_gone, d, KILL_MS);
	return false;
}

unsigned
up_stop(struct up_supervisor *s)
{
	unsigned killed = 0;
	bool nodes = false;

	s->stopping = true;
	up_env_remove(s->up);
	for (size_t i = 0; i < UP_PROGRAMS; i++)
		if (s->daemons[i].p->delegated)
			nodes = s->daemons[i].ready;
	if (nodes && s->asked <= 1)
		stop_nodes(s);
	for (size_t i = UP_PROGRAMS; i-- > 0;)
		killed += !stop_daemon(s, &s->daemons[i]);
	return killed;
}
