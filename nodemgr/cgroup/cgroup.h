/*
 * The cgroups of nodes and functions: one delegated subtree of cgroup v2, with
 * nodes/<id> and functions/<id> below it. Everything goes through directory
 * descriptors that were opened at start.
 *
 *	auto	the subtree is the daemon's own cgroup; it moves itself into a
 *		leaf (self/) first, because a cgroup with controllers for its
 *		children may hold no process
 *	PATH	the supervisor prepared one, and made the cgroup.procs of the
 *		common ancestor writable for us (CLONE_INTO_CGROUP asks for it)
 */
#ifndef NODEMGR_CGROUP_H
#define NODEMGR_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/node_limits.h"

struct nx_cgroups {
	char path[256];
	int nodes, functions; /* directories */
	bool controllers;     /* memory, cpu and pids are all here */
};

/* What the table of a node's limits (common/node_limits.h) has a file for;
 * functions have the same. */
struct nx_limits {
	uint64_t value[NX_NODE_LIMITS];
	bool oom_group; /* the whole group dies when memory is out */
};

struct nx_cgroup_stat {
	uint64_t memory, memory_peak, cpu_us, oom_kills;
	uint32_t pids;
};

/* @where: "auto" or an absolute path. 0, or -errno with a sentence in @error. */
int nx_cgroups_open(
    const char *where, struct nx_cgroups *ret_cgroups, char error[256]);
void nx_cgroups_close(struct nx_cgroups *c);

/* Sets every limit and reads it back: *limits holds what the kernel has then.
 * 0; -ENOTSUP when it took another value; -errno. */
int nx_cgroup_limit(int cgroup, struct nx_limits *limits);
/*
 * Makes the group @name in @parent, with @limits if @enforce. The group's
 * directory, or -errno, and nothing is left then.
 */
int nx_cgroup_make(
    int parent, const char *name, bool enforce, struct nx_limits *limits);
int nx_cgroup_open(int parent, const char *name);
/* SIGKILL for everything in it. 0 or -errno. */
int nx_cgroup_kill(int cgroup);
/* Is any process in it? 1, 0 or -errno. */
int nx_cgroup_populated(int cgroup);
/* Removes it with what is below; -EBUSY while a process is in it; 0 when there
 * is none of that name. */
int nx_cgroup_remove(int parent, const char *name);
/* SIGKILL for everything in the groups below it; those that are empty go. 0 or
 * -errno. */
int nx_cgroup_kill_below(int cgroup);
/* What one process holds in memory, in bytes; 0 when it is gone. Two counters of
 * the kernel's: reading them costs the same however much there is. Pages of files
 * on disks are not its: whoever uses the file has the same ones. */
uint64_t nx_process_memory(long pid);
/* What it uses, with what is below it. Where the host has no controllers,
 * memory and pids are summed over its processes. 0 or -errno. */
int nx_cgroup_read(int cgroup, struct nx_cgroup_stat *ret_stat);
/* Is @pid in the group @name of the subtree? */
bool nx_cgroup_holds(int cgroup, int pid);

#endif
