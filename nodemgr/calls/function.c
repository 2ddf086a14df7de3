/*
 * Function calls: what is accepted, and whose turn it is; see function.h.
 *
 * Why this is safe to grant: the code is a sealed memfd that nodemgr copies and
 * never looks at; it runs as a uid of its own that owns nothing, in a box with
 * less than any node has.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "nodemgr/calls/function.h"
#include "proto/serve_nodemgr.h"

#define TIMEOUT_MS     10000
#define TIMEOUT_MAX_MS 900000
#define MEMORY         (128ULL << 20)
#define MEMORY_MIN     (16ULL << 20)

static const struct runtime runtimes[] = {
    /* -I: nothing of the environment; -u: what was printed before a kill
	 * is not lost */
    {"python3", "/usr/bin/python3",
	{"/usr/bin/python3", "-I", "-u", "/tmp/function.py", NULL}},
};

const struct runtime *
runtime_find(const char *name)
{
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(runtimes); i++)
		if (!strcmp(runtimes[i].name, name))
			return &runtimes[i];
	return NULL;
}

static bool
request_ok(struct nodemgr *m, struct nx_request *r,
    const Nx__LambdaRunRequest *request)
{
	const struct runtime *runtime = runtime_find(request->runtime);
	size_t size;
	int check = nx_memfd_check(r->fds[0], FUNCTION_CODE_MAX, &size);

	if (!runtime)
		nx_refuse(r, NX__STATUS__INVALID,
		    "unknown runtime: python3 is available");
	else if (check == -EFBIG)
		nx_refuse(
		    r, NX__STATUS__TOO_LARGE, "the code is larger than 1 MiB");
	else if (check < 0)
		nx_refuse(r, NX__STATUS__INVALID,
		    "the code must come as a sealed memfd");
	else if (request->timeout_ms > TIMEOUT_MAX_MS)
		nx_refuse(r, NX__STATUS__INVALID,
		    "the timeout is at most 900 seconds");
	else if (request->memory &&
	    (request->memory < MEMORY_MIN || request->memory > m->host_memory))
		nx_refuse(r, NX__STATUS__INVALID,
		    "memory must be between 16 MiB and %s",
		    nx_size_format(m->host_memory));
	else if (access(runtime->program, X_OK) < 0)
		nx_refuse(r, NX__STATUS__UNSUPPORTED,
		    "%s is not installed on this host", runtime->program);
	else
		return nodemgr_limits_ok(m, r);
	return false;
}

static struct run *
run_new(struct nodemgr *m, struct nx_request *r,
    const Nx__LambdaRunRequest *request)
{
	struct run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	run->m = m;
	run->r = r;
	run->peer = r->peer;
	run->user = r->who.user_id;
	run->runtime = runtime_find(request->runtime);
	run->memory = request->memory ? request->memory : MEMORY;
	run->timeout_ms =
	    request->timeout_ms ? request->timeout_ms : TIMEOUT_MS;
	run->code = nx_take_fd(&r->fds[0]);
	run->cgroup = run->status = run->out.fd = run->err.fd = -1;
	run->boxed = (struct nx_boxed){-1, -1, -1};
	return run;
}

/* How many of @list are @user's. */
static unsigned
count_of(const struct run *list, uint64_t user)
{
	unsigned n = 0;

	for (; list; list = list->next)
		n += list->user == user;
	return n;
}

/* One user gets three quarters of the places: something is left for others. */
static uint64_t
share(uint64_t places)
{
	return places - places / 4;
}

static bool
may_run(const struct nodemgr *m, uint64_t user)
{
	return m->n_running < m->conf.functions &&
	    count_of(m->running, user) < share(m->conf.functions);
}

static bool
may_wait(const struct nodemgr *m, uint64_t user)
{
	return m->n_waiting < m->conf.function_queue &&
	    count_of(m->waiting, user) < share(m->conf.function_queue);
}

static void
begin(struct run *run)
{
	struct nodemgr *m = run->m;

	run->next = m->running;
	m->running = run;
	m->n_running++;
	m->runs++;
	run_start(run);
}

void
serve_lambda_run(struct nx_request *r, const Nx__LambdaRunRequest *request,
    struct nodemgr *m)
{
	struct run *run, **end;

	if (!request_ok(m, r, request))
		return;
	if (!may_run(m, r->who.user_id) && !may_wait(m, r->who.user_id)) {
		nx_refuse(r, NX__STATUS__LIMIT,
		    "too many functions run: try again in a moment");
		return;
	}
	run = run_new(m, r, request);
	if (!run) {
		nx_refuse(r, NX__STATUS__INTERNAL, "out of memory");
		return;
	}
	if (may_run(m, r->who.user_id)) {
		begin(run);
		return;
	}
	for (end = &m->waiting; *end; end = &(*end)->next)
		;
	*end = run;
	m->n_waiting++;
}

static bool
still_wanted(struct run *run)
{
	if (run->peer && run->r->deadline_us > nx_now_us())
		return true;
	nx_refuse(run->r, NX__STATUS__DEADLINE,
	    "too many functions run: the call waited too long");
	return false;
}

void
function_next(struct nodemgr *m)
{
	struct run **link = &m->waiting, *run;

	while ((run = *link)) {
		if (!may_run(m, run->user)) {
			link = &run->next;
			continue;
		}
		*link = run->next;
		m->n_waiting--;
		if (still_wanted(run))
			begin(run);
		else
			run_free(run);
		link = &m->waiting; /* it may be another list now */
	}
}

void
function_peer_gone(struct nodemgr *m, const struct nx_peer *peer)
{
	struct run *run;

	for (run = m->waiting; run; run = run->next)
		if (run->peer == peer)
			run->peer = NULL;
	for (run = m->running; run; run = run->next) {
		if (run->peer != peer)
			continue;
		run->peer = NULL;
		if (run->cgroup >= 0)
			(void)nx_cgroup_kill(run->cgroup);
	}
}

void
function_stop_all(struct nodemgr *m)
{
	struct run *run;

	m->conf.functions = 0; /* no place for another one */
	for (run = m->running; run; run = run->next)
		if (run->cgroup >= 0)
			(void)nx_cgroup_kill(run->cgroup);
	if (!m->running && m->on_idle)
		m->on_idle(m);
}
