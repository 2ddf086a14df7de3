/*
 * The warden of one boxed process: a node's init, a function, a command in a
 * node. Its gate until it has become what it was to become, a deadline,
 * its end, and the cgroup that is emptied afterwards. What that means is in the
 * operations of its owner; the order is
 *
 *	nx_warden_init()
 *	nx_warden_group()	a cgroup of its own, if it is to be emptied here
 *	nx_box_spawn() or nx_enter_spawn()
 *	nx_warden_watch()	from here on ops are called, from the loop
 *	nx_warden_empty()	kill what is left, until the cgroup is gone
 *	nx_warden_destroy()	at any time, and in the end
 *
 * A node outlives nodemgr: nx_warden_leave() instead of the last two, and in the
 * next nodemgr nx_warden_regroup() and nx_warden_adopt() instead of the three in
 * the middle.
 *
 * Nothing here waits.
 */
#ifndef NODEMGR_WARDEN_H
#define NODEMGR_WARDEN_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "nodemgr/box/gate.h"

struct nx_limits;

/* Kept by whoever spawns it. */
struct nx_boxed {
	pid_t pid;
	int pidfd, gate;
};

struct nx_warden_ops {
	/* A message came by the gate, the end of file (CLOSED) and a broken
	 * one (FAILED) included: the gate is closed then. @fd: what came with
	 * it, to be taken. False: no more of what is there now; so it must
	 * say when it has destroyed the warden. */
	bool (*heard)(void *arg, const struct nx_gate_msg *msg, int *fd);
	/* Its deadline has passed. */
	void (*late)(void *arg);
	/* It has ended. @status as waitpid(2) gives it; of one that was adopted
	 * -1, and no @usage. NULL: somebody else looks after that. */
	void (*ended)(void *arg, int status, const struct rusage *usage);
	/* Its cgroup is gone, or does not get empty and is given up. */
	void (*emptied)(void *arg);
};

struct nx_warden {
	struct nx_boxed p;
	/* its own cgroup, @name below @parent; -1: none */
	int parent, cgroup;
	char name[40];
	/* while it is watched */
	const struct nx_warden_ops *ops;
	void *arg;
	struct event_base *base;
	struct event *gate_event, *end_event, *timer;
	unsigned tries;
};

/* Borrows @base, @ops and @arg. */
void nx_warden_init(struct nx_warden *w, struct event_base *base,
    const struct nx_warden_ops *ops, void *arg);
/* Makes the cgroup @name below @parent (borrowed) for it, with @limits if
 * @enforce. 0, or -errno with the step in *f. */
int nx_warden_group(struct nx_warden *w, int parent, const char *name,
    bool enforce, struct nx_limits *limits, struct nx_fault *f);
/* The cgroup @name below @parent (borrowed) is its own: one before us made it.
 * 0, also when it has one; -errno: there is none. */
int nx_warden_regroup(struct nx_warden *w, int parent, const char *name);
/* Watches the end of a process that one before us made; there is no gate, and
 * nobody knows its status. Consumes @pidfd. */
void nx_warden_adopt(struct nx_warden *w, int pidfd);
/* The process in w->p lives: begins to call ops, with a deadline in @ms. Exits
 * when memory is out. */
void nx_warden_watch(struct nx_warden *w, uint64_t ms);
/* Another deadline, in @ms from now; 0: none. */
void nx_warden_deadline(struct nx_warden *w, uint64_t ms);
/* Calls ops->heard for what has come by the gate already: its end and its last
 * words come in any order. */
void nx_warden_listen(struct nx_warden *w);
/* SIGKILL for everything in its own cgroup. */
void nx_warden_kill(struct nx_warden *w);
/* Kills until the cgroup is gone; then it is destroyed. True: that is done; else
 * ops->emptied comes, from the loop. */
bool nx_warden_empty(struct nx_warden *w);
/* Ends all watches, destroys the process, closes the cgroup; fine for one that
 * was never watched. It is as after nx_warden_init() then. */
void nx_warden_destroy(struct nx_warden *w);
/* The same, but the process lives on. */
void nx_warden_leave(struct nx_warden *w);

/*
 * clone3 with @flags into @cgroup (-1: where we are), and a gate: in the parent
 * the pid, and *ret_boxed; in the child 0, and its end of the gate in *ret_gate.
 * -errno with the step in *f, and nothing is left.
 */
pid_t nx_boxed_clone(uint64_t flags, int cgroup, struct nx_boxed *ret_boxed,
    int *ret_gate, struct nx_fault *f);
/* Kills it, ends a watch on it, closes its descriptors. It may live a moment
 * longer: the reaper gets it in the end (common/reaper.h). */
void nx_boxed_destroy(struct nx_boxed *b);

#endif
