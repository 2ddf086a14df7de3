/*
 * The state of the daemon: one loop, one database, the nodes in memory.
 *
 * Everything that takes time is a state machine: an operation (op.h) per node
 * and at most one at a time, a call (calls/call.h) per function, an exec
 * (exec.h) per command in a node.
 */
#ifndef NODEMGR_NODEMGR_H
#define NODEMGR_NODEMGR_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/conf.h"
#include "common/db.h"
#include "common/hub.h"
#include "common/subnet.h"
#include "nodemgr/cgroup/cgroup.h"
#include "nodemgr/box/box.h"

struct nodemgr_conf {
	struct nx_conf_common common;
	char *cgroup;      /* auto or a path */
	char *limits;      /* enforce or best-effort */
	char *init;        /* nexus-init; "": beside this program */
	uint64_t id_base;  /* first id of the first node */
	uint64_t log_size; /* bytes kept of a node's output */
	uint64_t functions, function_queue;
	uint64_t user_nodes, user_storage; /* of one user; 0: any */
};
extern const struct nx_conf_key nodemgr_conf_keys[];
extern const size_t nodemgr_conf_count;

struct node;
struct exec;
struct call;

struct nodemgr {
	struct nodemgr_conf conf;
	struct event_base *base;
	struct nx_hub *hub;
	struct nx_db *db;
	struct nx_tickets *tickets;
	struct nx_cgroups cgroups;
	bool best_effort;
	bool stopping; /* the loop is over: nothing new begins */
	char *scratch, *boot_id;
	int images, logs, status; /* directories */
	int init;                 /* sealed nexus-init */
	struct nx_filter node_filter, function_filter;
	struct nx_subnet subnet;
	uint64_t host_memory;
	struct node *nodes; /* oldest first */
	struct event *sampler;
	struct exec *execs;
	uint64_t last_exec;
	struct call *running, *waiting; /* functions */
	unsigned n_running, n_waiting;
	uint64_t runs;
	/* set while it stops: no function is left */
	void (*on_idle)(struct nodemgr *m);
};

/* A peer came or went: nx_daemon's on_peer. */
void nodemgr_on_peer(struct nx_peer *peer, bool up, void *ctx);

/* Are limits possible, or waived? Refuses @r with a sentence if not. */
bool nodemgr_limits_ok(struct nodemgr *m, struct nx_request *r);

#endif
