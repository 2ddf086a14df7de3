/*
 * One function call, from its cgroup to its answer; see function.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "common/reaper.h"
#include "nodemgr/calls/function.h"
#include "nodemgr/images/image.h"
#include "proto/node.rpc.h"

#define START_MS 10000

/* --- the end -------------------------------------------------------------------- */

void
run_free(struct run *run)
{
	if (run->gate_event)
		event_free(run->gate_event);
	if (run->timer)
		event_free(run->timer);
	nx_boxed_destroy(&run->boxed);
	output_fini(&run->out);
	output_fini(&run->err);
	nx_close(&run->code);
	nx_close(&run->cgroup);
	nx_close(&run->status);
	free(run);
}

static void
forget(struct run *run)
{
	struct nodemgr *m = run->m;
	struct run **link;

	for (link = &m->running; *link; link = &(*link)->next)
		if (*link == run) {
			*link = run->next;
			break;
		}
	m->n_running--;
	run_free(run);
	function_next(m);
	if (!m->running && m->on_idle)
		m->on_idle(m);
}

static void
set_timer(
    struct run *run, uint64_t ms, void (*fn)(evutil_socket_t, short, void *))
{
	struct timeval tv = {
	    .tv_sec = (time_t)(ms / 1000),
	    .tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};

	if (run->timer)
		event_free(run->timer);
	run->timer = evtimer_new(run->m->base, fn, run);
	nx_assert(run->timer && event_add(run->timer, &tv) == 0);
}

/* The answer is on its way already; the slot is free when the cgroup is. */
static void
on_clear(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;

	(void)fd;
	(void)what;
	if (run->cgroup >= 0) {
		(void)nx_cgroup_kill(run->cgroup);
		if (nx_cgroup_remove(run->m->cgroups.functions, run->name) <
			0 &&
		    run->tries++ < 2000) {
			set_timer(run, run->tries < 5 ? 1 : 5, on_clear);
			return;
		}
	}
	forget(run);
}

/* --- the answer ------------------------------------------------------------------ */

static void
describe_end(struct run *run, const struct nx_cgroup_stat *stat,
    Nx__LambdaRunReply *reply)
{
	static char exit_[] = "exit", signal_[] = "signal",
		    timeout[] = "timeout", memory[] = "out-of-memory",
		    output[] = "output-limit";
	char text[32] = "", word[16] = "";
	int value = 0;
	ssize_t n = read(run->status, text, sizeof(text) - 1);

	if (n <= 0 || sscanf(text, "%15s %d", word, &value) != 2) {
		snprintf(word, sizeof(word), "signal");
		value = SIGKILL;
	}
	reply->reason = exit_;
	reply->exit_code = value;
	if (!strcmp(word, "signal")) {
		reply->reason = signal_;
		reply->exit_code = 128 + value;
	}
	if (stat->oom_kills) {
		reply->reason = memory;
		reply->exit_code = 128 + SIGKILL;
	}
	if (run->flooded) {
		reply->reason = output;
		reply->exit_code = 128 + SIGKILL;
	}
	if (run->timed_out) {
		reply->reason = timeout;
		reply->exit_code = 124; /* as timeout(1) */
	}
}

static void
answer(struct run *run, const struct rusage *usage)
{
	Nx__LambdaRunReply reply = NX__LAMBDA_RUN_REPLY__INIT;
	struct nx_cgroup_stat stat = {0};
	int fds[2];

	(void)nx_cgroup_read(run->cgroup, &stat);
	describe_end(run, &stat, &reply);
	reply.execution_us = nx_now_us() - run->exec_us;
	reply.start_us = run->exec_us - run->begun_us;
	reply.peak_memory = stat.memory_peak ? stat.memory_peak
					     : (uint64_t)usage->ru_maxrss << 10;
	reply.limits_enforced = run->m->cgroups.controllers;
	reply.stdout_cut = run->out.dropped > 0;
	reply.stderr_cut = run->err.dropped > 0;
	fds[0] = nx_memfd_sealed("stdout", run->out.data, run->out.len);
	fds[1] = nx_memfd_sealed("stderr", run->err.data, run->err.len);
	nx_info("event=function runtime=%s user=%llu reason=%s start_us=%llu "
		"execution_us=%llu",
	    run->runtime->name, (unsigned long long)run->r->who.user_id,
	    reply.reason, (unsigned long long)reply.start_us,
	    (unsigned long long)reply.execution_us);
	if (fds[0] >= 0 && fds[1] >= 0) {
		nx_answer_lambda_run(run->r, &reply, fds, 2);
		return;
	}
	nx_close(&fds[0]);
	nx_close(&fds[1]);
	nx_refuse(run->r, NX__STATUS__INTERNAL, "out of memory");
}

static void
refuse(struct run *run)
{
	nx_refuse(run->r, NX__STATUS__INTERNAL,
	    "the function did not start: %s: %s", run->fault.step,
	    strerror(-run->fault.error));
}

/* --- on the way ------------------------------------------------------------------- */

/* 0: wait for more; 1: it has become the runtime, or failed. */
static int
hear(struct run *run)
{
	struct nx_gate_msg msg;
	int fd, r;

	if (run->boxed.gate < 0)
		return 1;
	while ((r = nx_gate_recv(run->boxed.gate, &msg, &fd)) == 1) {
		nx_close(&fd);
		if (msg.kind != NX_GATE_FAILED)
			return 1;
		run->failed = true;
		run->fault = msg.fault;
	}
	return r < 0;
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct run *run = arg;

	(void)fd;
	(void)what;
	run->timed_out = true;
	(void)nx_cgroup_kill(run->cgroup);
}

static void
on_gate(evutil_socket_t gate, short what, void *arg)
{
	struct run *run = arg;

	(void)gate;
	(void)what;
	if (!hear(run))
		return;
	event_free(run->gate_event);
	run->gate_event = NULL;
	run->exec_us = nx_now_us();
	set_timer(run, run->timeout_ms, on_timeout);
}

/* init is gone, and with it everything in its pid namespace: the pipes have
 * ends that nobody holds. */
static void
on_end(int status, const struct rusage *usage, void *arg)
{
	struct run *run = arg;

	(void)status;
	(void)hear(run);
	if (!run->exec_us)
		run->exec_us = nx_now_us();
	run->boxed.pid = -1;
	if (run->gate_event)
		event_free(run->gate_event);
	run->gate_event = NULL;
	nx_close(&run->boxed.pidfd);
	output_drain(&run->out);
	output_drain(&run->err);
	if (run->failed)
		refuse(run);
	else
		answer(run, usage);
	on_clear(-1, 0, run);
}

static void
on_drop(void *arg)
{
	struct run *run = arg;

	if (run->out.dropped + run->err.dropped < FUNCTION_FLOOD ||
	    run->flooded)
		return;
	run->flooded = true;
	(void)nx_cgroup_kill(run->cgroup);
}

/* --- the beginning ---------------------------------------------------------------- */

static bool
slot_used(const struct nodemgr *m, const struct run *self, unsigned slot)
{
	const struct run *run;

	for (run = m->running; run; run = run->next)
		if (run != self && run->slot == slot)
			return true;
	return false;
}

static unsigned
free_slot(const struct run *self)
{
	unsigned slot = 0;

	while (slot_used(self->m, self, slot))
		slot++;
	return slot;
}

static int
make_cgroup(struct run *run)
{
	struct nodemgr *m = run->m;
	struct nx_limits limits = {
	    .memory = run->memory,
	    .cpu_weight = 100,
	    .pids = FUNCTION_PIDS,
	    .oom_group = true,
	};

	snprintf(run->name, sizeof(run->name), "f%u", run->slot);
	run->cgroup = nx_cgroup_make(
	    m->cgroups.functions, run->name, m->cgroups.controllers, &limits);
	return nx_step(&run->fault, run->cgroup, "make the cgroup");
}

static char *const function_env[] = {
    (char *)(uintptr_t) "PATH=/usr/local/bin:/usr/bin:/bin",
    (char *)(uintptr_t) "HOME=/tmp",
    (char *)(uintptr_t) "LANG=C.UTF-8",
    NULL,
};

/* A process for the call, in its box. */
static int
run_spawn(struct run *run, const int *write_ends, int status)
{
	static char init[] = "nexus-init", through[] = "-p", end[] = "--";
	char *argv[12] = {init, through, end};
	struct nx_image_mounts mounts = {-1, -1};
	struct nodemgr *m = run->m;
	uint32_t uid = (uint32_t)m->conf.id_base - FUNCTION_SLOTS + run->slot;
	struct nx_box box = {
	    .function = true,
	    .hostname = "function",
	    .scratch = m->scratch,
	    .map = {1000, 1000, uid, uid, 1},
	    .cgroup = run->cgroup,
	    .fds = {-1, -1, -1, -1, [NX_BOX_INIT] = m->init,
		[NX_BOX_STATUS] = status, [NX_BOX_VOLUME] = -1,
		[NX_BOX_LOG] = -1, [NX_BOX_CODE] = run->code,
		[NX_BOX_OUT] = write_ends[0], [NX_BOX_ERR] = write_ends[1]},
	    .filter = &m->function_filter,
	    .argv = argv,
	    .envp = function_env,
	    .work_size = run->memory / 2 < FUNCTION_WORK ? run->memory / 2
							 : FUNCTION_WORK,
	    .max_procs = FUNCTION_PIDS,
	    .max_data = m->cgroups.controllers ? 0 : run->memory,
	};
	size_t i;
	int r;

	for (i = 0; run->runtime->argv[i]; i++)
		argv[3 + i] = (char *)(uintptr_t)run->runtime->argv[i];
	r = nx_image_open_plain(m->images, &mounts, &run->fault);
	if (r < 0)
		return r;
	box.fds[NX_BOX_ROOT] = mounts.root;
	box.fds[NX_BOX_USR] = mounts.usr;
	r = nx_box_spawn(&box, &run->boxed, &run->fault);
	nx_image_mounts_fini(&mounts);
	return r;
}

static int
try_start(struct run *run)
{
	struct event_base *base = run->m->base;
	int ends[2] = {-1, -1}, status[2] = {-1, -1}, r;

	r = make_cgroup(run);
	if (r >= 0)
		r = nx_step(&run->fault,
		    NX_SYS(pipe2(status, O_CLOEXEC | O_NONBLOCK)), "pipe");
	if (r >= 0)
		r = nx_step(&run->fault,
		    output_open(&run->out, base, FUNCTION_OUTPUT_MAX, on_drop,
			run, &ends[0]),
		    "pipe");
	if (r >= 0)
		r = nx_step(&run->fault,
		    output_open(&run->err, base, FUNCTION_OUTPUT_MAX, on_drop,
			run, &ends[1]),
		    "pipe");
	if (r >= 0)
		r = run_spawn(run, ends, status[1]);
	run->status = status[0];
	nx_close(&status[1]);
	nx_close(&ends[0]);
	nx_close(&ends[1]);
	nx_close(&run->code);
	return r;
}

void
run_start(struct run *run)
{
	struct event_base *base = run->m->base;

	run->begun_us = nx_now_us();
	run->slot = free_slot(run);
	if (try_start(run) < 0) {
		refuse(run);
		on_clear(-1, 0, run);
		return;
	}
	run->gate_event = event_new(
	    base, run->boxed.gate, EV_READ | EV_PERSIST, on_gate, run);
	nx_assert(run->gate_event && event_add(run->gate_event, NULL) == 0);
	nx_reaper_watch(run->boxed.pid, on_end, run);
	set_timer(run, START_MS, on_timeout);
}
