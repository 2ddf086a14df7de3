/*
 * The child's half of a box: nodemgr's copy, with all capabilities of its own
 * new user namespace, on its way to nexus-init. What a node and a function have
 * not in common stands in two tables, one each beside what builds its root.
 */
#ifndef NODEMGR_CHILD_H
#define NODEMGR_CHILD_H

#include "nodemgr/box/box.h"

/* What is in /dev. */
struct nx_dev_plan {
	bool all;                          /* full, tty and pts, too */
	bool frozen;                       /* read-only once it is made */
	const char *shm_size, *shm_inodes; /* of the tmpfs on /dev/shm */
};

struct nx_box_kind {
	/* Builds the root and pivots into it. */
	int (*root)(const struct nx_box *box, struct nx_fault *f);
	/* Writes files into it, from within. May be NULL. */
	int (*furnish)(const struct nx_box *box);
	/* It has a network: hands out a netlink socket, and waits for GO. */
	bool network;
	uint64_t caps; /* kept, within its own user namespace */
	uint64_t nofile, nofile_max;
	/* what becomes stdout, stderr and init's log; 0: /dev/null */
	enum nx_box_fd out, err, log;
	struct nx_dev_plan dev;
};

_Noreturn void nx_box_child(const struct nx_box *box, int gate);

/* Own tmpfs on /dev of @root with clones of the host's harmless devices. */
int nx_dev_make(int root, const struct nx_dev_plan *plan, struct nx_fault *f);
/* Own procfs and sysfs with what is masked and read-only. */
int nx_proc_make(int root, struct nx_fault *f);
/* hostname, hosts, resolv.conf, from within the root. */
int nx_etc_write(const struct nx_box *box);
/* Leaves @root as "/" and nothing else. */
int nx_root_enter(int root);
/* A tmpfs to build on; it is the current directory afterwards. */
int nx_scratch(int *ret_fd, const char *const *dirs);

/* All signals as they are by default, none blocked. 0 or -errno. */
int nx_signals_reset(void);
/* The lower of each and of what is now; never raises. 0 or -errno. */
int nx_rlimit_lower(int what, uint64_t soft, uint64_t hard);

#endif
