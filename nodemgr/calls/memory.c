/*
 * Memory of a function where no cgroup counts it (best-effort hosts): each
 * process is bounded by RLIMIT_DATA and none can make a memfd (box/filter.c),
 * so what is left to bound is the sum over its processes, with what they share.
 * It is summed up every WATCH_MS.
 *
 * Weaker than a cgroup: what is taken between two looks is seen at the next;
 * buffers of pipes and sockets are not counted.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "nodemgr/calls/call.h"

#define WATCH_MS 50
/* A fork shares its pages with its parent until one of them writes, and both
 * count them. So much of each further process is not held against it. */
#define FORK_SHARE (8ULL << 20)

static uint64_t
memory_of_all(int cgroup)
{
	nx_cleanup_free char *text = NULL;
	uint64_t sum = 0, own;
	char *p, *end;
	long pid;
	bool first = true;

	if (nx_read_file(cgroup, "cgroup.procs", 1 << 16, &text) < 0)
		return 0;
	for (p = text; (pid = strtol(p, &end, 10)) > 0; p = end) {
		own = nx_process_memory(pid);
		if (!first)
			own -= own < FORK_SHARE ? own : FORK_SHARE;
		sum += own;
		first = false;
	}
	return sum;
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct call *c = arg;

	(void)fd;
	(void)what;
	if (memory_of_all(c->warden.cgroup) <= c->memory)
		return;
	nx_info(
	    "event=function-oversized user=%llu", (unsigned long long)c->user);
	call_end(c, CALL_OVERSIZED);
	call_memory_unwatch(c);
}

void
call_memory_watch(struct call *c)
{
	const struct timeval every = {.tv_usec = WATCH_MS * 1000};

	nx_assert(!c->memory_watch);
	if (c->m->cgroups.controllers)
		return;
	c->memory_watch = event_new(c->m->base, -1, EV_PERSIST, on_look, c);
	nx_assert(c->memory_watch && event_add(c->memory_watch, &every) == 0);
}

void
call_memory_unwatch(struct call *c)
{
	if (c->memory_watch)
		event_free(c->memory_watch);
	c->memory_watch = NULL;
}
