/*
 * One command in a node, as exec.c leads it and exec_spawn.c begins it.
 */
#ifndef NODEMGR_EXEC_INTERNAL_H
#define NODEMGR_EXEC_INTERNAL_H

#include "nodemgr/box/box.h"
#include "nodemgr/nodes/node.h"

enum exec_state { STARTING, RUNNING, CLEARING, OVER };

struct exec {
	struct exec *next;
	struct nodemgr *m;
	enum exec_state state;
	uint64_t id;
	struct nx_request *start, *wait; /* whom to answer; NULL: nobody */
	const struct nx_peer *peer;      /* to compare only; NULL: gone */
	char node[NX_ID_LEN + 1];
	struct nx_warden warden; /* of who goes in first, and of the cgroup */
	uint64_t mark;           /* the command cannot have ended before */
	pid_t pid;               /* of the command; -1: not yet */
	bool tty, failed;
	bool silent; /* the gate has said all */
	bool ended;
	int ends[3], n_ends; /* for the caller */
	struct nx_fault fault;
	int status; /* as waitpid gives it */
};

/* Makes its cgroup and its terminal or pipes, and has it enter @n. 0, or -errno
 * with the step in x->fault; what was made by then is in @x all the same. */
int exec_spawn(
    struct exec *x, const struct node *n, const Nx__NodeExecRequest *request);

#endif
