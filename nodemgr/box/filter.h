/*
 * The seccomp filters of what runs in a sandbox: compiled once at start, kept
 * as BPF, loaded by the child as its last act. nodemgr's own filter is beneath
 * them; the strictest answer of all counts.
 *
 * syscalls.h lists the calls. A call on no list gets ENOSYS, so that a C
 * library newer than the list falls back to what it did before; a call that is
 * known and refused gets EPERM.
 */
#ifndef NODEMGR_FILTER_H
#define NODEMGR_FILTER_H

#include <linux/filter.h>

enum nx_filter_kind {
	NX_FILTER_NODE,
	NX_FILTER_FUNCTION,
	/* a function where no cgroup counts memory: none that is in no
	 * process's address space */
	NX_FILTER_FUNCTION_UNCOUNTED,
};

struct nx_filter {
	/* [0]: which calls; [1]: which arguments of those that are allowed */
	struct sock_fprog prog[2];
};

/* 0 or -errno. */
int nx_filter_compile(enum nx_filter_kind kind, struct nx_filter *ret_filter);
void nx_filter_fini(struct nx_filter *filter);
/* On the calling process, for good; it must have no_new_privs. 0 or -errno. */
int nx_filter_load(const struct nx_filter *filter);

#endif
