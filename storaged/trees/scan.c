/* See scan.h. Owns the order of steps, and nothing of what they look for. */
#include <stdlib.h>

#include "common/err.h"
#include "common/id.h"
#include "storaged/trees/scan.h"

#define SCANS_USER 4U /* at once */
#define SCANS_MAX  64U
#define WAIT_S     2U

struct scans {
	TAILQ_HEAD(, scan) list; /* the first is next */
	unsigned n;
	struct event *turn;
};

/* @took: the step before, which may have been longer than it should. */
static void
go_on(struct scans *ss, uint64_t took)
{
	uint64_t us = took > SCAN_STEP_US ? took : SCAN_STEP_US;
	struct timeval rest = {.tv_sec = (time_t)(us / 1000000),
	    .tv_usec = (suseconds_t)(us % 1000000)};

	if (ss->n > 0)
		(void)event_add(ss->turn, &rest);
}

/* Who has just had a step goes behind all others. */
static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct scans *ss = arg;
	struct scan *scan = TAILQ_FIRST(&ss->list);
	uint64_t began = nx_now_us();

	(void)fd;
	(void)what;
	nx_assert(scan && ss->n > 0);
	/* What ends frees itself, so it leaves the list before. */
	TAILQ_REMOVE(&ss->list, scan, entry);
	ss->n--;
	if (scan->step(scan)) {
		TAILQ_INSERT_TAIL(&ss->list, scan, entry);
		ss->n++;
	}
	go_on(ss, nx_now_us() - began);
}

struct scans *
scans_new(struct storaged *s)
{
	struct scans *ss = calloc(1, sizeof(*ss));

	if (!ss)
		return NULL;
	TAILQ_INIT(&ss->list);
	ss->turn = evtimer_new(s->base, on_turn, ss);
	return ss->turn ? ss : scans_free(ss);
}

struct scans *
scans_free(struct scans *ss)
{
	struct scan *scan;

	if (!ss)
		return NULL;
	while ((scan = TAILQ_FIRST(&ss->list))) {
		TAILQ_REMOVE(&ss->list, scan, entry);
		scan->drop(scan);
	}
	if (ss->turn)
		event_free(ss->turn);
	free(ss);
	return NULL;
}

bool
scans_add(struct scans *ss, struct scan *scan)
{
	const struct scan *o;
	unsigned own = 0;

	TAILQ_FOREACH(o, &ss->list, entry)
		own += o->user == scan->user;
	if (own >= SCANS_USER || ss->n >= SCANS_MAX)
		return false;
	TAILQ_INSERT_TAIL(&ss->list, scan, entry);
	if (ss->n++ == 0)
		go_on(ss, 0);
	return true;
}

void
scans_refuse(struct nx_request *r)
{
	r->retry_s = WAIT_S;
	nx_refuse(r, NX__STATUS__LIMIT,
	    "too many lists and searches are under way: try again in %u "
	    "seconds",
	    WAIT_S);
}
