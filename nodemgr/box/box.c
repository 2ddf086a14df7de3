/*
 * Making a box, seen from outside: nodemgr clones the first process straight
 * into its cgroup and all its namespaces, and writes the maps of ids that it
 * alone may write. Trusts the child only until it has executed nexus-init.
 */
#include "common/namespaces.h"
#include "nodemgr/box/child.h"

/* Nobody is in its new user namespace before that. */
static int
write_maps(const struct nx_boxed *b, const struct nx_box *box)
{
	int r = nx_idmap_write(b->pid, &box->map);

	return r < 0 ? r : nx_gate_send(b->gate, NX_GATE_MAPPED, 0, -1);
}

int
nx_box_spawn(const struct nx_box *box, struct nx_boxed *ret_boxed,
    struct nx_fault *ret_fault)
{
	struct nx_boxed b;
	int gate, r;
	pid_t pid =
	    nx_boxed_clone(NX_NAMESPACES, box->cgroup, &b, &gate, ret_fault);

	if (pid < 0)
		return pid;
	if (pid == 0)
		nx_box_child(box, gate);
	r = write_maps(&b, box);
	if (r < 0) {
		nx_boxed_destroy(&b);
		return nx_step(ret_fault, r, "write id maps");
	}
	*ret_boxed = b;
	return 0;
}
