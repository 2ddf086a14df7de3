/*
 * Which calls are accepted, and whose turn it is.
 *
 * Why this is safe to grant: the code is a sealed memfd that nodemgr copies and
 * never looks at; it runs as a uid of its own that owns nothing, in a box with
 * less than any node has. A call is cancelled by who made it, and by nobody
 * else: a peer names its own calls only.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/log.h"
#include "nodemgr/calls/call.h"
#include "proto/serve_nodemgr.h"

#define TIMEOUT_MS     10000
#define TIMEOUT_MAX_MS 900000
#define MEMORY         (128ULL << 20)
#define MEMORY_MIN     (16ULL << 20)

static bool
request_ok(struct nodemgr *m, struct nx_request *r,
    const Nx__LambdaRunRequest *request)
{
	const struct runtime *runtime = runtime_find(request->runtime);
	size_t size;
	int check = nx_memfd_check(r->fds[0], CALL_CODE_MAX, &size);

	if (!runtime)
		nx_refuse(r, NX__STATUS__INVALID,
		    "unknown runtime: %s is available", runtime_names());
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
		    "the program %s is not installed on this host",
		    runtime->program);
	else
		return nodemgr_limits_ok(m, r);
	return false;
}

static struct call *
accept_call(struct nodemgr *m, struct nx_request *r,
    const Nx__LambdaRunRequest *request)
{
	struct call *c = call_new(m);

	if (!c)
		return NULL;
	c->r = r;
	c->peer = r->peer;
	c->number = request->number;
	c->user = r->who.user_id;
	c->runtime = runtime_find(request->runtime);
	c->memory = request->memory ? request->memory : MEMORY;
	c->timeout_ms = request->timeout_ms ? request->timeout_ms : TIMEOUT_MS;
	c->code = nx_take_fd(&r->fds[0]);
	return c;
}

/* --- whose turn ------------------------------------------------------------------ */

/* How many of @list are @user's. */
static unsigned
count_of(const struct call *list, uint64_t user)
{
	unsigned n = 0;

	for (; list; list = list->next)
		n += list->user == user;
	return n;
}

/* Of @places @taken are taken, @own of them by a user: one more is theirs while
 * they hold fewer than are free. One alone gets half, two a third each, and
 * however many there are, something is left for the next. */
static bool
is_fair(uint64_t places, uint64_t taken, unsigned own)
{
	return taken < places && own < places - taken;
}

static bool
may_run(const struct nodemgr *m, uint64_t user)
{
	return is_fair(
	    m->conf.functions, m->n_running, count_of(m->running, user));
}

static bool
may_wait(const struct nodemgr *m, uint64_t user)
{
	return is_fair(
	    m->conf.function_queue, m->n_waiting, count_of(m->waiting, user));
}

/* Of those that may run, the first of the user who has the fewest running. */
static struct call *
choose(const struct nodemgr *m)
{
	struct call *best = NULL;
	unsigned n, least = 0;

	for (struct call *c = m->waiting; c; c = c->next) {
		n = count_of(m->running, c->user);
		if (may_run(m, c->user) && (!best || n < least)) {
			best = c;
			least = n;
		}
	}
	return best;
}

static bool
unlink_from(struct call **list, const struct call *c)
{
	for (; *list; list = &(*list)->next)
		if (*list == c) {
			*list = c->next;
			return true;
		}
	return false;
}

static void
begin(struct call *c)
{
	struct nodemgr *m = c->m;

	c->next = m->running;
	m->running = c;
	m->n_running++;
	m->runs++;
	call_begin(c);
}

static void
stop_waiting(struct call *c)
{
	nx_assert(c->state == WAITING && c->m->n_waiting > 0);
	nx_assert(unlink_from(&c->m->waiting, c));
	c->m->n_waiting--;
}

static void
give_up(struct call *c)
{
	stop_waiting(c);
	nx_refuse(nx_take_ptr(c->r), NX__STATUS__DEADLINE,
	    "too many functions run: the call waited too long");
	call_free(c);
}

/* A call that begins may fail at once, and end up in call_over() again: from
 * the start each time. */
static void
next(struct nodemgr *m)
{
	struct call *c;

	while ((c = choose(m))) {
		if (!c->peer || c->r->deadline_us <= nx_now_us()) {
			give_up(c);
			continue;
		}
		stop_waiting(c);
		begin(c);
	}
}

void
call_over(struct call *c)
{
	struct nodemgr *m = c->m;

	nx_assert(c->state == CLEARING && m->n_running > 0);
	nx_assert(unlink_from(&m->running, c));
	m->n_running--;
	call_free(c);
	next(m);
	if (!m->running && m->on_idle)
		m->on_idle(m);
}

/* --- requests --------------------------------------------------------------------- */

void
serve_lambda_run(struct nx_request *r, const Nx__LambdaRunRequest *request,
    struct nodemgr *m)
{
	struct call *c, **end;

	if (!request_ok(m, r, request))
		return;
	if (!may_run(m, r->who.user_id) && !may_wait(m, r->who.user_id)) {
		nx_refuse(r, NX__STATUS__LIMIT,
		    "too many functions run: try again in a moment");
		return;
	}
	c = accept_call(m, r, request);
	if (!c) {
		nx_refuse(r, NX__STATUS__INTERNAL, "out of memory");
		return;
	}
	if (may_run(m, c->user)) {
		begin(c);
		return;
	}
	for (end = &m->waiting; *end; end = &(*end)->next)
		;
	*end = c;
	m->n_waiting++;
}

/* Ends those of @peer's that are called @number; 0: all. */
static void
abandon(struct nodemgr *m, const struct nx_peer *peer, uint64_t number)
{
	struct call *c, *after;

	for (c = m->waiting; c; c = after) {
		after = c->next;
		if (c->peer == peer && (!number || c->number == number))
			give_up(c);
	}
	for (c = m->running; c; c = c->next)
		if (c->peer == peer && (!number || c->number == number))
			call_abandon(c);
}

void
serve_lambda_cancel(struct nx_request *r,
    const Nx__LambdaCancelRequest *request, struct nodemgr *m)
{
	/* one that is over already is as good as cancelled */
	if (request->number)
		abandon(m, r->peer, request->number);
	nx_answer_lambda_cancel(r);
}

void
call_peer_gone(struct nodemgr *m, const struct nx_peer *peer)
{
	abandon(m, peer, 0);
}

void
call_stop_all(struct nodemgr *m)
{
	m->conf.functions = 0; /* no place for another one */
	for (struct call *c = m->running; c; c = c->next)
		nx_warden_kill(&c->warden);
	if (!m->running && m->on_idle)
		m->on_idle(m);
}
