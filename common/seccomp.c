/* The allow-list, built with libseccomp from groups and a daemon's own rules. */
#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/sandbox_internal.h"

static int
add_rule(scmp_filter_ctx ctx, const struct nx_sys_rule *rule)
{
	int nr = seccomp_syscall_resolve_name(rule->name);
	uint32_t action = rule->refuse_errno
	    ? SCMP_ACT_ERRNO((unsigned)rule->refuse_errno)
	    : SCMP_ACT_ALLOW;
	struct scmp_arg_cmp cmp = {.arg = rule->arg};
	int r;

	/* Unknown to this libseccomp, or not of this architecture. */
	if (nr == __NR_SCMP_ERROR || nr < 0)
		return 0;
	if (rule->test == NX_ARG_ANY)
		r = seccomp_rule_add_array(ctx, action, nr, 0, NULL);
	else {
		cmp.op =
		    rule->test == NX_ARG_EQ ? SCMP_CMP_EQ : SCMP_CMP_MASKED_EQ;
		cmp.datum_a =
		    rule->test == NX_ARG_EQ ? rule->value : rule->mask;
		cmp.datum_b = rule->value;
		r = seccomp_rule_add_array(ctx, action, nr, 1, &cmp);
	}
	return r == -EEXIST ? 0 : r;
}

static int
add_rules(scmp_filter_ctx ctx, const struct nx_sys_rule *rules, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		int r = add_rule(ctx, &rules[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Others' programs inherit nodemgr's filter and probe for calls that are newer
 * than it: those numbers get ENOSYS, as from an older kernel. The gap is
 * everything this libseccomp has no name for.
 */
static int
add_unknown(scmp_filter_ctx ctx)
{
	int nr;

	for (nr = 0; nr < 640; nr++) {
		char *name =
		    seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
		int r = 0;

		if (!name)
			r = seccomp_rule_add_array(
			    ctx, SCMP_ACT_ERRNO(ENOSYS), nr, 0, NULL);
		free(name);
		if (r < 0 && r != -EEXIST)
			return r;
	}
	return 0;
}

int
nx_seccomp_load(const struct nx_sandbox *s)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	size_t i;
	int r = 0;

	if (!ctx)
		return -ENOMEM;
	for (i = 0; i < nx_sys_lists_count && r == 0; i++)
		if (s->sys_sets & (uint32_t)nx_sys_lists[i].set)
			r = add_rules(
			    ctx, nx_sys_lists[i].rules, nx_sys_lists[i].n);
	if (r == 0)
		r = add_rules(ctx, s->sys, s->n_sys);
	if (r == 0 && s->unknown_enosys)
		r = add_unknown(ctx);
	if (r == 0)
		r = seccomp_attr_set(
		    ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0) /* every thread that exists already */
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0) /* a binary tree: few comparisons per call */
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}
