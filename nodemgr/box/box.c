/*
 * Making a box, seen from outside: nodemgr clones the first process straight
 * into its cgroup and all its namespaces, and writes the maps of ids that it
 * alone may write. Trusts the child only until it has executed nexus-init.
 */
#include <sys/resource.h>

#include "common/err.h"
#include "common/namespaces.h"
#include "nodemgr/box/child.h"
#include "nodemgr/box/owner.h"

/* The soft limit, which is what a new user namespace gets; 0: as it is. */
static int
limit_procs(uint64_t procs, struct rlimit *ret_before)
{
	struct rlimit want;

	if (getrlimit(RLIMIT_NPROC, ret_before) < 0)
		return -errno;
	want = *ret_before;
	if (procs && procs < want.rlim_cur)
		want.rlim_cur = procs;
	return NX_SYS(setrlimit(RLIMIT_NPROC, &want));
}

static pid_t
clone_it(
    const struct nx_box *box, struct nx_boxed *b, int *gate, struct nx_fault *f)
{
	struct rlimit before;
	pid_t pid;

	NX_TRY(f, limit_procs(box->max_procs, &before), "limit processes");
	pid = nx_boxed_clone(NX_NAMESPACES, box->cgroup, b, gate, f);
	nx_assert(pid == 0 || setrlimit(RLIMIT_NPROC, &before) == 0);
	return pid;
}

/* Nobody is in its new user namespace before that. */
static int
write_maps(const struct nx_boxed *b, const struct nx_box *box)
{
	int r = nx_owner_files(box->map.outer_uid);

	if (r == 0)
		r = nx_idmap_write(b->pid, &box->map);
	return r < 0 ? r : nx_gate_send(b->gate, NX_GATE_MAPPED, 0, -1);
}

int
nx_box_spawn(const struct nx_box *box, struct nx_boxed *ret_boxed,
    struct nx_fault *ret_fault)
{
	struct nx_boxed b;
	int gate, r;
	pid_t pid;

	NX_TRY(ret_fault, nx_owner_take(box->map.outer_uid), "be its owner");
	pid = clone_it(box, &b, &gate, ret_fault);
	if (pid == 0)
		nx_box_child(box, gate);
	r = pid < 0 ? pid
		    : nx_step(ret_fault, write_maps(&b, box), "write id maps");
	nx_owner_return();
	if (r < 0 && pid > 0)
		nx_boxed_destroy(&b);
	if (r == 0)
		*ret_boxed = b;
	return r;
}
