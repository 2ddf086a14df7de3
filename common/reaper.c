/*
 * Reaping of children. Owns SIGCHLD and every zombie of the program; trusts
 * only the kernel's word on who has ended.
 *
 * An end that no watch waits for is kept for a moment: a child made by another
 * child can be over before its number is known here.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "common/err.h"
#include "common/reaper.h"

#define KEPT       128
#define TURN_LIMIT 256 /* so many in one turn of the loop, then the others */

struct end {
	pid_t pid;
	uint64_t number; /* of all ends, from 1 */
	int status;
	struct rusage usage;
};

struct watch {
	struct watch *next;
	nx_reaped_fn *fn;
	void *arg;
	bool ended;
	struct end end; /* only the pid, until it has */
};

static struct {
	struct event *event;
	struct watch *watches;
	struct end kept[KEPT]; /* a ring: at number % KEPT */
	uint64_t number;
} reaper;

static struct watch *
find(pid_t pid)
{
	struct watch *w;

	for (w = reaper.watches; w; w = w->next)
		if (w->end.pid == pid && !w->ended)
			return w;
	return NULL;
}

static void
note(const struct end *end)
{
	struct watch *w = find(end->pid);

	if (w) {
		w->end = *end;
		w->ended = true;
	} else {
		reaper.kept[end->number % KEPT] = *end;
	}
}

/* A call may bring new watches and end others: from the start each time. */
static void
tell(void)
{
	struct watch **link, *w;

	for (link = &reaper.watches; (w = *link);) {
		if (!w->ended) {
			link = &w->next;
			continue;
		}
		*link = w->next;
		w->fn(w->end.status, &w->end.usage, w->arg);
		free(w);
		link = &reaper.watches;
	}
}

static void
on_child(evutil_socket_t signum, short what, void *arg)
{
	struct end end;
	unsigned n;

	(void)signum;
	(void)what;
	(void)arg;
	for (n = 0; n < TURN_LIMIT; n++) {
		end.pid = wait4(-1, &end.status, WNOHANG | __WALL, &end.usage);
		if (end.pid <= 0)
			break;
		end.number = ++reaper.number;
		note(&end);
	}
	if (n == TURN_LIMIT)
		event_active(reaper.event, 0, 1);
	tell();
}

int
nx_reaper_start(struct event_base *base)
{
	nx_assert(!reaper.event);
	reaper.event = evsignal_new(base, SIGCHLD, on_child, NULL);
	if (!reaper.event || event_add(reaper.event, NULL) < 0)
		return -ENOMEM;
	/* what ended before anybody listened */
	event_active(reaper.event, 0, 1);
	return 0;
}

void
nx_reaper_stop(void)
{
	struct watch *w;

	if (reaper.event)
		event_free(reaper.event);
	reaper.event = NULL;
	while ((w = reaper.watches)) {
		reaper.watches = w->next;
		free(w);
	}
}

static struct watch *
add(pid_t pid, nx_reaped_fn *fn, void *arg)
{
	struct watch *w = calloc(1, sizeof(*w));

	nx_assert(w && pid > 0);
	nx_assert(!find(pid));
	w->fn = fn;
	w->arg = arg;
	w->end.pid = pid;
	w->next = reaper.watches;
	reaper.watches = w;
	return w;
}

void
nx_reaper_watch(pid_t pid, nx_reaped_fn *fn, void *arg)
{
	(void)add(pid, fn, arg);
}

bool
nx_reaper_watches(pid_t pid)
{
	return find(pid) != NULL;
}

bool
nx_reaper_claim(pid_t pid, uint64_t since, nx_reaped_fn *fn, void *arg)
{
	struct watch *w = add(pid, fn, arg);
	size_t i;

	for (i = 0; i < KEPT; i++) {
		if (reaper.kept[i].pid != pid || reaper.kept[i].number <= since)
			continue;
		w->end = reaper.kept[i];
		w->ended = true;
		reaper.kept[i].pid = 0;
		if (reaper.event)
			event_active(reaper.event, 0, 1);
		return true;
	}
	return false;
}

uint64_t
nx_reaper_mark(void)
{
	return reaper.number;
}

void
nx_reaper_forget(pid_t pid)
{
	struct watch **link, *w;

	for (link = &reaper.watches; (w = *link); link = &w->next)
		if (w->end.pid == pid) {
			*link = w->next;
			free(w);
			return;
		}
}

bool
nx_pidfd_ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	int r;

	/* a signal that is just coming in interrupts even a poll that does not
	 * wait */
	do
		r = poll(&p, 1, 0);
	while (r < 0 && errno == EINTR);
	return pidfd < 0 || r == 1;
}
