/*
 * Memory of a function where no cgroup counts it (best-effort hosts): each
 * process is bounded by RLIMIT_DATA and none can make a memfd (box/filter.c),
 * so what is left to bound is the sum over its processes, with what they share.
 * It is summed up every WATCH_MS, from two counters of each process; the kernel
 * keeps them, reading them costs the same however much there is.
 *
 * Weaker than a cgroup: what is taken between two looks is seen at the next;
 * buffers of pipes and sockets are not counted.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "nodemgr/calls/call.h"

#define WATCH_MS 50
/* A fork shares its pages with its parent until one of them writes, and both
 * count them. So much of each further process is not held against it. */
#define FORK_SHARE (8ULL << 20)

/* The kilobytes behind "<name>:", in bytes. */
static uint64_t
field(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	return p ? strtoull(p + strlen(name), NULL, 10) << 10 : 0;
}

static uint64_t
memory_of(long pid)
{
	nx_cleanup_free char *text = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	if (nx_read_file(AT_FDCWD, path, 8192, &text) < 0)
		return 0;
	return field(text, "\nRssAnon:") + field(text, "\nRssShmem:");
}

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
		own = memory_of(pid);
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
	c->oversized = true;
	nx_warden_kill(&c->warden);
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
