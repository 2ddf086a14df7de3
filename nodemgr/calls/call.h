/*
 * Inside calls/: one call. queue.c says whether and when, call.c begins and
 * ends it, answer.c says how it went.
 *
 *	WAITING		in m->waiting: no place is free, or none of its user's
 *	STARTING	has a place, its box is being made
 *	RUNNING		the runtime runs; until its end, its deadline, or until
 *			nobody waits for it any more
 *	CLEARING	answered; its place is free when its cgroup is gone
 */
#ifndef NODEMGR_CALL_H
#define NODEMGR_CALL_H

#include "nodemgr/box/box.h"
#include "nodemgr/calls/calls.h"
#include "nodemgr/calls/output.h"
#include "nodemgr/calls/runtimes.h"

#define CALL_FLOOD (16U << 20) /* output beyond this ends the call */
#define CALL_WORK  (64ULL << 20)
#define CALL_SLOTS 1024

enum call_state { WAITING, STARTING, RUNNING, CLEARING };
/* What it was ended for; CALL_BY_ITSELF: nothing so far. */
enum call_end { CALL_BY_ITSELF, CALL_OVERSIZED, CALL_FLOODED, CALL_LATE };

struct call {
	struct call *next;
	struct nodemgr *m;
	enum call_state state;
	struct nx_request *r;       /* NULL: answered */
	const struct nx_peer *peer; /* to compare only; NULL: gone */
	uint64_t number;            /* the caller's, to cancel it by; 0: none */
	uint64_t user;              /* outlives @r, which the answer frees */
	const struct runtime *runtime;
	uint64_t memory;
	uint32_t timeout_ms;
	int code, status; /* memfd; how init says its main process ended */
	unsigned slot;    /* of CALL_SLOTS: its uid, and its cgroup's name */
	struct nx_warden warden;
	struct nx_fault fault;
	struct output out, err;
	struct event *memory_watch;
	uint64_t begun_us, exec_us;
	enum call_end end;
};

/* queue.c: the place is free again. Frees @c. */
void call_over(struct call *c);

/* call.c. WAITING; NULL: out of memory. */
struct call *call_new(struct nodemgr *m);
void call_begin(struct call *c); /* answers in the end */
/* Kills it. What is told is @why, unless something came first: an earlier @why, or
 * the kernel when its memory was out. */
void call_end(struct call *c, enum call_end why);
/* Nobody waits for it: kills it, if it runs. */
void call_abandon(struct call *c);
void call_free(struct call *c);

/* answer.c: both answer, and leave c->r NULL */
void call_answer(struct call *c, const struct rusage *usage);
void call_refuse_fault(struct call *c);

/* memory.c: where no cgroup counts, we do. Starts; stops with NULL-safe
 * call_memory_unwatch(). */
void call_memory_watch(struct call *c);
void call_memory_unwatch(struct call *c);

#endif
