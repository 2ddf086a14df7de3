/*
 * A box: one process in all namespaces of its own, in a cgroup of its own,
 * which becomes nexus-init. The door of box/, and of all that happens in there:
 * filters, maps of ids, mounts by descriptor, entering, and the wardens that
 * watch what came of it.
 *
 * nx_box_spawn() is the parent's half: it clones, writes the maps, opens the
 * gate. box_child.c is the child's half; it trusts nothing that it finds in the
 * root filesystem. What nodes and functions have not in common is in two tables
 * (child.h).
 */
#ifndef NODEMGR_BOX_H
#define NODEMGR_BOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "nodemgr/box/enter.h"
#include "nodemgr/box/filter.h"
#include "nodemgr/box/gate.h"
#include "nodemgr/box/idmap.h"
#include "nodemgr/box/mnt.h"
#include "nodemgr/box/mounts.h"
#include "nodemgr/box/owner.h"
#include "nodemgr/box/sealed.h"
#include "nodemgr/box/syscalls.h"
#include "nodemgr/box/terminal.h"
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

struct nx_box_kind;
extern const struct nx_box_kind nx_box_node, nx_box_function;

struct nx_box {
	const struct nx_box_kind *kind;
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
	/* function */
	uint64_t work_size; /* bytes of /tmp */
	/* of each process, and of each user in it; 0: none */
	uint64_t max_data, max_procs;
};

/* 0, or -errno with the step in *ret_fault, and then nothing is left. */
int nx_box_spawn(const struct nx_box *box, struct nx_boxed *ret_boxed,
    struct nx_fault *ret_fault);

#endif
