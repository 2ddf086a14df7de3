/*
 * A netd that is new repairs the link of a running node if it is not what it
 * should be. It reaches the node's network through a netlink socket, which a
 * child fetches from in there.
 */
#include <errno.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "nodemgr/box/box.h"
#include "nodemgr/nodes/steps.h"

#define FETCH_MS 5000

bool
relink_wanted(struct op *op)
{
	return op->ran && op->node->warden.p.pidfd >= 0;
}

/* The link stays as it is; the next netd that comes asks again. */
static enum op_turn
no_socket(struct op *op)
{
	op_fail(op, NX__STATUS__UNAVAILABLE,
	    "no socket of the node's network came");
	return OP_FAILED;
}

/* One message is all that is awaited. */
static bool
on_heard(void *arg, const struct nx_gate_msg *msg, int *fd)
{
	struct op *op = arg;

	if (msg->kind == NX_GATE_NETLINK && nx_fd_is(*fd, NX_FD_RTNETLINK))
		op->netlink = nx_take_fd(fd);
	nx_warden_destroy(&op->helper);
	op_continue(op, op->netlink >= 0 ? OP_NEXT : no_socket(op));
	return false;
}

static void
on_late(void *arg)
{
	op_continue(arg, no_socket(arg));
}

/* Of its end nobody needs to hear: without a message the gate closes. */
static const struct nx_warden_ops helper_ops = {
    .heard = on_heard,
    .late = on_late,
};

enum op_turn
netlink(struct op *op)
{
	struct nx_warden *w = &op->helper;

	nx_assert(op->netlink < 0 && w->p.pid < 0);
	nx_warden_init(w, op->m->base, &helper_ops, op);
	if (nx_enter_netlink(op->node->uid_base, op->node->warden.p.pidfd,
		&w->p, &op->fault) < 0)
		return no_socket(op);
	nx_warden_watch(w, FETCH_MS);
	return OP_WAIT;
}

static enum op_turn
relinked(struct op *op, const struct nx_reply *reply)
{
	if (reply->status == NX__STATUS__OK)
		return OP_NEXT;
	op_fail_reply(op, reply, "no network for the node");
	return OP_FAILED;
}

enum op_turn
relink(struct op *op)
{
	nx_assert(op->netlink >= 0);
	return net_attach(op, relinked);
}
