/* Between sandbox.c (dropping) and seccomp.c, landlock.c (filtering). */
#ifndef NX_SANDBOX_INTERNAL_H
#define NX_SANDBOX_INTERNAL_H

#include "common/sandbox.h"

/* 0 or -errno each. */
int nx_seccomp_load(const struct nx_sandbox *s);
int nx_landlock_restrict(const struct nx_sandbox *s);

/* One group of calls; the lists are in sandbox_sets.c. */
struct nx_sys_list {
	enum nx_sys_set set;
	const struct nx_sys_rule *rules;
	size_t n;
};
extern const struct nx_sys_list nx_sys_lists[];
extern const size_t nx_sys_lists_count;

#endif
