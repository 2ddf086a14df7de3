/* Between the files of the healer only: the one queue they share. */
#ifndef STORAGED_HEALER_INTERNAL_H
#define STORAGED_HEALER_INTERNAL_H

#include <event2/event.h>
#include <sys/queue.h>

#include "storaged/care/copy.h"
#include "storaged/care/healer.h"
#include "storaged/care/said.h"

#define HEALER_SLICE 128 /* chunks looked at before others get a turn */

struct report {
	TAILQ_ENTRY(report) entry;
	int64_t chunk, volume;
};

enum drain_todo {
	DRAIN_NEXT,      /* the next chunk */
	DRAIN_REPAIR,    /* this one: a bad replica can be rewritten */
	DRAIN_ELSEWHERE, /* this one: to a volume that has none */
};

struct drain {
	TAILQ_ENTRY(drain) entry;
	struct volume *volume;
	struct catalog_chunk chunk; /* the one being looked at */
	enum drain_todo todo;
	int64_t after;
	int64_t tried; /* a chunk, so often: for want of something of ours */
	unsigned tries;
	struct drained result;
	size_t room; /* of result.risks */
	healer_drained *done;
	void *arg;
};

struct healer {
	struct storaged *s;
	bool running; /* one copy or check at a time */
	TAILQ_HEAD(, report) reports;
	size_t n_reports;
	bool repairing; /* what runs is of a report */
	/* Of replicas, as enum catalog_damage and as a copy's result. */
	struct said reported, tried;
	TAILQ_HEAD(, drain) drains; /* the first is being worked on */
	bool trash_in_the_way;      /* of a copy: look again a little later */
	bool scanning;
	struct catalog_degraded scan;
	struct {
		bool scanning, end; /* end: of the list of one volume */
		int64_t volume, after, file; /* keys: where it is */
		uint64_t files, copied;
		uint64_t looked_us; /* CLOCK_MONOTONIC */
	} away;
	struct event *again, *tick;
};

/* Starts what is next, unless something runs. */
void healer_next(struct healer *h);
/* healer_next, from the loop, in @ms. True, for a return. */
bool healer_go_on(struct healer *h, unsigned ms);

/* Where another replica of @chunk can go, NULL: nowhere. It is to be on another
 * disk than those there are, but that on the volume @old, which is given up (0:
 * none); with @elsewhere it must. */
struct volume *healer_target(struct healer *h,
    const struct catalog_chunk *chunk, int64_t old, bool elsewhere);
/* May a bad replica on @v be rewritten where it is? */
bool healer_may_rewrite(const struct volume *v);

/* Walks what volumes held that cannot be reached (away.c); true when it goes on
 * later. From the beginning; when the time has come. */
bool away_step(struct healer *h);
void away_look(struct healer *h);
void away_tick(struct healer *h);

/* Works on the first drain. True when it goes on later. */
bool drain_step(struct healer *h);
void drain_free(struct drain *d);

#endif
