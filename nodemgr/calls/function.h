/*
 * Function calls (LAMBDA_RUN). One call, one box: its own namespaces, cgroup,
 * uid and tmpfs, no capability, no network, the narrower filter; destroyed
 * afterwards. So many run at a time, so many more wait.
 *
 * A runtime is a line in a table: what to execute in the box. One that forks
 * from a warm interpreter instead has its place in run_spawn().
 */
#ifndef NODEMGR_FUNCTION_H
#define NODEMGR_FUNCTION_H

#include "nodemgr/nodemgr.h"
#include "nodemgr/calls/output.h"
#include "nodemgr/box/box.h"

#define FUNCTION_CODE_MAX   (1U << 20)
#define FUNCTION_OUTPUT_MAX (1U << 20)
#define FUNCTION_FLOOD      (16U << 20) /* more than this ends the call */
#define FUNCTION_WORK       (64ULL << 20)
#define FUNCTION_PIDS       64
#define FUNCTION_SLOTS      1024

struct runtime {
	const char *name;
	const char *program;
	const char *argv[6];
};
/* NULL: there is none of that name. */
const struct runtime *runtime_find(const char *name);

struct run {
	struct run *next;
	struct nodemgr *m;
	struct nx_request *r;
	const struct nx_peer *peer; /* to compare only */
	const struct runtime *runtime;
	uint64_t user; /* outlives @r, which the answer frees */
	uint64_t memory;
	uint32_t timeout_ms;
	int code, cgroup, status;
	unsigned slot, tries;
	char name[16]; /* of the cgroup */
	struct nx_boxed boxed;
	struct nx_fault fault;
	struct output out, err;
	struct event *gate_event, *timer;
	uint64_t begun_us, exec_us;
	bool failed, timed_out, flooded;
};

void function_peer_gone(struct nodemgr *m, const struct nx_peer *peer);
/* Kills all, begins no more; nodemgr is going. m->on_idle is called when the
 * last one is gone, at once if there is none. */
void function_stop_all(struct nodemgr *m);

/* run.c: takes a slot and starts; answers in the end. */
void run_start(struct run *run);
void run_free(struct run *run);
/* function.c: a slot is free again. */
void function_next(struct nodemgr *m);

#endif
