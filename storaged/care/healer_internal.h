/* Between the files of the healer only: the one queue they share. */
#ifndef STORAGED_HEALER_INTERNAL_H
#define STORAGED_HEALER_INTERNAL_H

#include <event2/event.h>
#include <sys/queue.h>

#include "storaged/care/copy.h"
#include "storaged/care/healer.h"
#include "storaged/care/said.h"

#define HEALER_SLICE 128  /* chunks looked at before others get a turn */
#define TALLY_SLICE  4096 /* degraded files counted in one turn */

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

#define SPREAD_KEYS 32U

/* How fast copies move that nobody waits for. */
struct moves {
	uint64_t until_us; /* CLOCK_MONOTONIC: the next one not before */
	uint64_t began_us, bytes, chunks;
	uint64_t rate; /* bytes a second, lately */
	double chunk_rate;
};

struct healer {
	struct storaged *s;
	bool running; /* one copy or check at a time */
	bool stopped; /* and no further one */
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
	struct moves moves;
	struct {
		bool scanning, end;    /* end: of the list of one volume */
		int64_t volume, after; /* keys: where it is */
		uint64_t stuck;
		uint64_t again_us; /* CLOCK_MONOTONIC: not before */
	} out;                     /* evacuate.c */
	struct {
		bool scanning, again;
		int64_t after; /* a chunk's key: where it is */
		int64_t keys[SPREAD_KEYS];
		size_t n, at;
		uint64_t moved, left;
		uint64_t unspread;  /* as the last pass left it */
		uint64_t looked_us; /* CLOCK_MONOTONIC */
	} spread;
	struct {
		bool counting;
		int64_t after;     /* a file's key: where it is */
		uint64_t n, known; /* so far; as the last count left it */
		struct event *step;
	} tally; /* tally.c */
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

/* Moves away what is on volumes that are to be emptied (evacuate.c), and copies
 * that share a disk (spread.c); true when it goes on later. From the beginning;
 * when the time has come. */
bool evacuate_step(struct healer *h);
void evacuate_look(struct healer *h);
void evacuate_tick(struct healer *h);
bool spread_step(struct healer *h);
void spread_look(struct healer *h);
void spread_tick(struct healer *h);
/* True, and it goes on then, while what was moved is rested for. */
bool moves_wait(struct healer *h);
void moves_rest(struct healer *h, uint64_t bytes);
void moves_count(struct moves *m, uint64_t bytes);

/* Counts what is degraded; when the time has come. */
bool tally_init(struct healer *h);
void tally_fini(struct healer *h);
void tally_tick(struct healer *h);

/* Works on the first drain. True when it goes on later. */
bool drain_step(struct healer *h);
void drain_free(struct drain *d);

#endif
