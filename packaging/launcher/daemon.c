/*
 * One daemon: started, watched, started again.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "packaging/launcher/config.h"
#include "packaging/launcher/death.h"
#include "packaging/launcher/supervise_internal.h"

#define BACKOFF_MS     100
#define BACKOFF_MAX_MS 5000
#define LAST_MS        2000 /* for what was said while we did not listen */
#define STABLE_US      10000000ULL /* ran this long: the back-off starts anew */

static void
timer_set(struct daemon *d, unsigned ms)
{
	struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};

	event_add(d->timer, &tv);
}

void
up_daemon_start(struct daemon *d)
{
	struct up *up = d->s->up;
	struct up_pass pass = {0};
	pid_t pid;

	if (d->p->keeps)
		pass = up_notify_kept(d->notify);
	if (d->p->http)
		pass = (struct up_pass){
		    .fds = &up->listen_fd, .n = 1, .names = "http"};
	pid = up_child_start(up, d->p, &d->ids, &pass, d->output_fd);
	d->ready = d->late = false;
	d->started_us = nx_now_us();
	if (pid < 0) {
		up_warn("cannot start %s: %s", d->p->name, strerror(-pid));
		timer_set(d, BACKOFF_MAX_MS);
		return;
	}
	d->pid = pid;
	timer_set(d, READY_MS);
}

void
up_daemon_env(struct up_supervisor *s)
{
	struct up_pid pids[UP_PROGRAMS];
	int r;

	for (size_t i = 0; i < UP_PROGRAMS; i++)
		pids[i] = (struct up_pid){
		    .name = up_programs[i].name, .pid = s->daemons[i].pid};
	r = up_env_write(s->up, pids, UP_PROGRAMS);
	if (r < 0)
		up_warn("cannot write %s/nexus.env: %s", s->up->opt.dir,
		    strerror(-r));
}

static void
watch(struct daemon *d)
{
	d->late = false;
	if (!d->s->stopping)
		timer_set(d, UP_WATCHDOG_MS);
}

static void
on_notice(enum up_notice notice, void *arg)
{
	struct daemon *d = arg;

	if (!d->pid)
		return;
	if (notice == UP_NOTICE_ALIVE && d->ready)
		watch(d);
	if (notice != UP_NOTICE_READY || d->ready)
		return;
	d->ready = true;
	watch(d);
	if (d->s->started && !d->s->stopping) {
		up_say("%s is back.", d->p->name);
		up_daemon_env(d->s);
	}
}

/*
 * Its loop does not turn: it waits for ever somewhere, or was stopped. We may
 * have been stopped ourselves, with what it said still unread, so it gets
 * another moment. SIGKILL, because a stopped process takes no other.
 */
static void
silent(struct daemon *d)
{
	if (!d->late) {
		d->late = true;
		timer_set(d, LAST_MS);
		return;
	}
	up_warn("%s has not answered for %d s; killing it.", d->p->name,
	    UP_WATCHDOG_MS / 1000);
	kill(d->pid, SIGKILL);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *d = arg;

	(void)fd, (void)what;
	if (d->s->stopping)
		return;
	if (!d->pid) {
		up_daemon_start(d);
		return;
	}
	if (d->ready) {
		silent(d);
		return;
	}
	/* At first start up_start() says so itself, with everybody's state. */
	if (d->s->started) {
		up_warn("%s is not ready after %d s; killing it.", d->p->name,
		    READY_MS / 1000);
		kill(d->pid, SIGKILL);
	}
}

void
up_daemon_died(struct daemon *d, int status)
{
	struct up_supervisor *s = d->s;
	char why[256];

	up_death_describe(d->pid, status, why, sizeof(why));
	d->pid = 0;
	d->ready = false;
	event_del(d->timer);
	if (s->stopping) {
		/* Before its loop ran, SIGTERM ends it the plain way. */
		if (WIFEXITED(status) ? WEXITSTATUS(status) != 0
				      : WTERMSIG(status) != SIGTERM)
			up_warn("%s %s while stopping.", d->p->name, why);
		return;
	}
	if (!s->started) {
		if (!s->bad) {
			s->bad = d;
			up_warn("%s %s before it was ready.", d->p->name, why);
		}
		return;
	}
	if (nx_now_us() - d->started_us > STABLE_US)
		d->backoff_ms = BACKOFF_MS;
	up_warn("%s %s; starting it again in %u ms.", d->p->name, why,
	    d->backoff_ms);
	timer_set(d, d->backoff_ms);
	d->backoff_ms *= 2;
	if (d->backoff_ms > BACKOFF_MAX_MS)
		d->backoff_ms = BACKOFF_MAX_MS;
}

void
up_daemon_init(struct up_supervisor *s, size_t i)
{
	struct daemon *d = &s->daemons[i];

	d->s = s;
	d->p = &up_programs[i];
	d->backoff_ms = BACKOFF_MS;
	up_ids_find(s->up, d->p, &d->ids);
	d->output = up_output_new(s->base, s->up, d->p->name, &d->output_fd);
	d->notify = up_notify_new(s->base, d->p, d->ids.uid, on_notice, d);
	d->timer = evtimer_new(s->base, on_timer, d);
	if (!d->timer)
		up_die("out of memory");
}

void
up_daemon_fini(struct daemon *d)
{
	nx_close(&d->output_fd);
	d->output = up_output_free(d->output);
	d->notify = up_notify_free(d->notify);
	event_free(d->timer);
}
