/*
 * One call, from its cgroup to the moment when nothing of it is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "nodemgr/calls/call.h"
#include "nodemgr/images/images.h"

#define START_MS 10000

static const struct nx_warden_ops ops;

struct call *
call_new(struct nodemgr *m)
{
	struct call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->m = m;
	c->code = c->status = c->out.fd = c->err.fd = -1;
	nx_warden_init(&c->warden, m->base, &ops, c);
	return c;
}

void
call_free(struct call *c)
{
	nx_assert(!c->r);
	call_memory_unwatch(c);
	nx_warden_destroy(&c->warden);
	output_fini(&c->out);
	output_fini(&c->err);
	nx_close(&c->code);
	nx_close(&c->status);
	free(c);
}

/* --- the end -------------------------------------------------------------------- */

static void
clear(struct call *c)
{
	nx_assert(!c->r && c->state != CLEARING);
	c->state = CLEARING;
	call_memory_unwatch(c);
	if (nx_warden_empty(&c->warden))
		call_over(c);
}

static void
on_emptied(void *arg)
{
	call_over(arg);
}

/* init is gone, and with it everything in its pid namespace: the pipes have
 * ends that nobody holds. */
static void
on_ended(void *arg, int status, const struct rusage *usage)
{
	struct call *c = arg;

	(void)status;
	nx_assert(c->state == STARTING || c->state == RUNNING);
	nx_warden_listen(&c->warden);
	if (!c->exec_us)
		c->exec_us = nx_now_us();
	output_drain(&c->out);
	output_drain(&c->err);
	if (c->fault.error)
		call_refuse_fault(c);
	else
		call_answer(c, usage);
	clear(c);
}

void
call_abandon(struct call *c)
{
	c->peer = NULL;
	/* its end is answered into nothing, and frees the place */
	if (c->state == STARTING || c->state == RUNNING)
		nx_warden_kill(&c->warden);
}

/* --- on the way ------------------------------------------------------------------- */

/* Closed by the exec of the runtime, or by the death of who was to be it. */
static bool
on_heard(void *arg, const struct nx_gate_msg *msg, int *fd)
{
	struct call *c = arg;

	(void)fd;
	if (msg->kind == NX_GATE_FAILED) {
		c->fault = msg->fault;
		return false;
	}
	if (msg->kind != NX_GATE_CLOSED)
		return true;
	nx_assert(c->state == STARTING);
	c->state = RUNNING;
	c->exec_us = nx_now_us();
	nx_warden_deadline(&c->warden, c->timeout_ms);
	call_memory_watch(c);
	return false;
}

/* A process that holds much, on a busy host, takes its time to die: meanwhile
 * its deadline may pass. */
void
call_end(struct call *c, enum call_end why)
{
	struct nx_cgroup_stat stat = {0};

	if (c->end == CALL_BY_ITSELF) {
		(void)nx_cgroup_read(c->warden.cgroup, &stat);
		c->end = stat.oom_kills > 0 ? CALL_OVERSIZED : why;
	}
	nx_warden_kill(&c->warden);
}

static void
on_late(void *arg)
{
	call_end(arg, CALL_LATE);
}

static void
on_drop(void *arg)
{
	struct call *c = arg;

	if (c->out.dropped + c->err.dropped >= CALL_FLOOD &&
	    c->end == CALL_BY_ITSELF)
		call_end(c, CALL_FLOODED);
}

static const struct nx_warden_ops ops = {
    .heard = on_heard,
    .late = on_late,
    .ended = on_ended,
    .emptied = on_emptied,
};

/* --- the beginning ---------------------------------------------------------------- */

static bool
slot_used(const struct nodemgr *m, const struct call *self, unsigned slot)
{
	for (const struct call *c = m->running; c; c = c->next)
		if (c != self && c->slot == slot)
			return true;
	return false;
}

static int
make_group(struct call *c)
{
	struct nodemgr *m = c->m;
	char name[16];
	struct nx_limits limits = {
	    .value = {[NX_NODE_MEMORY] = c->memory,
		[NX_NODE_CPU] = CALL_CPU,
		[NX_NODE_PIDS] = CALL_PIDS},
	    .oom_group = true,
	};

	for (c->slot = 0; slot_used(m, c, c->slot); c->slot++)
		nx_assert(c->slot < CALL_SLOTS);
	snprintf(name, sizeof(name), "f%u", c->slot);
	return nx_warden_group(&c->warden, m->cgroups.functions, name,
	    m->cgroups.controllers, &limits, &c->fault);
}

/* What stdout, stderr and the status go into; our ends are in @c. */
struct ends {
	int out, err, status;
};

static int
make_pipes(struct call *c, struct ends *e)
{
	struct event_base *base = c->m->base;
	int pair[2];

	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	c->status = pair[0];
	e->status = pair[1];
	if (output_open(&c->out, base, CALL_OUTPUT_MAX, on_drop, c, &e->out) <
		0 ||
	    output_open(&c->err, base, CALL_OUTPUT_MAX, on_drop, c, &e->err) <
		0)
		return -EMFILE;
	return 0;
}

static char *const function_env[] = {
    (char *)(uintptr_t) "PATH=/usr/local/bin:/usr/bin:/bin",
    (char *)(uintptr_t) "HOME=/tmp",
    (char *)(uintptr_t) "LANG=C.UTF-8",
    NULL,
};

/* A process for the call, in its box. */
static int
spawn(struct call *c, const struct ends *e)
{
	static char init[] = "nexus-init", through[] = "-p", end[] = "--";
	char *argv[12] = {init, through, end};
	struct nx_image_mounts mounts = {-1, -1};
	struct nodemgr *m = c->m;
	bool counted = m->cgroups.controllers;
	uint32_t uid = (uint32_t)m->conf.id_base - CALL_SLOTS + c->slot;
	struct nx_box box = {
	    .kind = &nx_box_function,
	    .hostname = "function",
	    .scratch = m->scratch,
	    .map = {1000, 1000, uid, uid, 1},
	    .cgroup = c->warden.cgroup,
	    .fds = {-1, -1, -1, -1, [NX_BOX_INIT] = m->init,
		[NX_BOX_STATUS] = e->status, [NX_BOX_VOLUME] = -1,
		[NX_BOX_LOG] = -1, [NX_BOX_CODE] = c->code,
		[NX_BOX_OUT] = e->out, [NX_BOX_ERR] = e->err},
	    .filter = &m->function_filter,
	    .argv = argv,
	    .envp = function_env,
	    .work_size = c->memory / 2 < CALL_WORK ? c->memory / 2 : CALL_WORK,
	    .max_procs = CALL_PIDS,
	    .max_data = counted ? 0 : c->memory,
	};
	int r;

	for (size_t i = 0; c->runtime->argv[i]; i++)
		argv[3 + i] = (char *)(uintptr_t)c->runtime->argv[i];
	r = nx_image_open_plain(m->images, &mounts, &c->fault);
	if (r < 0)
		return r;
	box.fds[NX_BOX_ROOT] = mounts.root;
	box.fds[NX_BOX_USR] = mounts.usr;
	r = nx_box_spawn(&box, &c->warden.p, &c->fault);
	nx_image_mounts_fini(&mounts);
	return r;
}

static int
try_begin(struct call *c)
{
	struct ends e = {-1, -1, -1};
	int r = make_group(c);

	if (r == 0)
		r = nx_step(&c->fault, make_pipes(c, &e), "make pipes");
	if (r == 0)
		r = spawn(c, &e);
	nx_close(&e.out);
	nx_close(&e.err);
	nx_close(&e.status);
	nx_close(&c->code);
	return r;
}

void
call_begin(struct call *c)
{
	nx_assert(c->state == WAITING);
	c->state = STARTING;
	c->begun_us = nx_now_us();
	if (try_begin(c) == 0) {
		nx_warden_watch(&c->warden, START_MS);
		return;
	}
	call_refuse_fault(c);
	clear(c);
}
