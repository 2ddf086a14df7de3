/*
 * A box: one process in all namespaces of its own, in a cgroup of its own,
 * which becomes nexus-init. What a node and a function have in common.
 *
 * nx_box_spawn() is the parent's half: it clones, writes the maps, opens the
 * gate. box_child.c is the child's half; it trusts nothing that it finds in the
 * root filesystem. Both talk over a gate (gate.h).
 */
#ifndef NODEMGR_BOX_H
#define NODEMGR_BOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "nodemgr/box/filter.h"
#include "nodemgr/box/gate.h"
#include "nodemgr/box/idmap.h"
#include "nodemgr/box/warden.h"

/* The descriptors a child gets, by their numbers in it. */
enum nx_box_fd {
	NX_BOX_GATE = 3,
	NX_BOX_INIT,   /* sealed nexus-init */
	NX_BOX_STATUS, /* where init writes how the main process ended */
	NX_BOX_ROOT,   /* detached mount: lower layer, or a function's root */
	NX_BOX_USR,    /* detached mount for /usr, or none */
	NX_BOX_VOLUME, /* node: detached, idmapped mount of its volume */
	NX_BOX_LOG,    /* node */
	NX_BOX_CODE,   /* function: sealed memfd */
	NX_BOX_OUT,    /* function: pipes */
	NX_BOX_ERR,
	NX_BOX_END
};

struct nx_box {
	bool function; /* else a node */
	const char *hostname;
	const char *scratch; /* an empty directory to build below */
	struct nx_idmap map;
	int cgroup;
	int fds[NX_BOX_END]; /* borrowed, -1: none; GATE is filled in */
	const struct nx_filter *filter;
	char *const *argv; /* of nexus-init */
	char *const *envp;
	/* node */
	const char *hosts, *resolv; /* contents of files in /etc */
	bool fresh; /* first start: write them, whatever is there */
	/* function; 0: none */
	uint64_t work_size; /* bytes of /tmp */
	uint64_t max_data, max_procs;
};

/* 0, or -errno with the step in *ret_fault, and then nothing is left. */
int nx_box_spawn(const struct nx_box *box, struct nx_boxed *ret_boxed,
    struct nx_fault *ret_fault);

/* --- the child's half ------------------------------------------------------ */

_Noreturn void nx_box_child(const struct nx_box *box, int gate);

/* Builds the root and pivots into it. */
int nx_node_root(struct nx_fault *f);
int nx_function_root(const struct nx_box *box, struct nx_fault *f);

/* Own tmpfs on /dev of @root with clones of the host's harmless devices. */
int nx_dev_make(int root, bool function, struct nx_fault *f);
/* Own procfs and sysfs with what is masked and read-only. */
int nx_proc_make(int root, struct nx_fault *f);
/* hostname, hosts, resolv.conf, from within the root. */
int nx_etc_write(const struct nx_box *box);
/* Leaves @root as "/" and nothing else. */
int nx_root_enter(int root);
/* A tmpfs to build on; it is the current directory afterwards. */
int nx_scratch(int *ret_fd, const char *const *dirs);

#endif
