/*
 * The steps that plans are made of, each with its undo; see op.h for what they
 * may return. plans.c puts them together.
 */
#ifndef NODEMGR_STEPS_H
#define NODEMGR_STEPS_H

#include "nodemgr/nodes/op.h"

/* Making a node (step_make.c). */
op_step_fn row_make, row_unmake, volume_make, volume_unmake;

/* Launching it (step_launch.c): from its volume to its running. */
bool start_wanted(struct op *op);
op_step_fn attach, unattach, box, network, unnetwork, go, run, unrun, active;

/* NET_ATTACH with op->netlink, which it consumes; @replied as in op_call(). */
enum op_turn net_attach(struct op *op,
    enum op_turn (*replied)(struct op *op, const struct nx_reply *reply));

/* The box of a node (launch_box.c): from the volume's mount to a process that
 * waits at the gate. 0, or -errno with the step in @f. */
int make_box(struct op *op, struct nx_fault *f);

/* Its end (step_end.c). */
bool stop_wanted(struct op *op), end_wanted(struct op *op);
op_step_fn mark, term, note, empty, inactive, detach, row_ended;

/* Deleting it (step_delete.c). Nothing is undone: what may be refused is asked
 * first, while the node still runs. */
bool delete_wanted(struct op *op);
void delete_answer(struct op *op, struct nx_request *r);
op_step_fn drain, kill_all, deleting, volume_delete, unlink_net;

/* A netd that is new (step_relink.c). */
bool relink_wanted(struct op *op);
op_step_fn netlink, relink;

#endif
