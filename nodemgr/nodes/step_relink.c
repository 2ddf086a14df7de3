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
	return op->ran && op->node->pidfd >= 0;
}

static enum op_turn
no_socket(struct op *op)
{
	op_fail(op, NX__STATUS__UNAVAILABLE,
	    "no socket of the node's network came");
	return OP_FAILED;
}

static enum op_turn
fetched(struct op *op)
{
	if (op->netlink >= 0)
		return OP_NEXT;
	return op->closed || op->fault.error ? no_socket(op) : OP_WAIT;
}

enum op_turn
netlink(struct op *op)
{
	if (nx_enter_netlink(op->node->pidfd, &op->boxed, &op->fault) < 0)
		return no_socket(op);
	(void)gate_open(op);
	op->heard = fetched;
	return op_after(op, FETCH_MS, no_socket);
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
	op_quiet(op);
	return net_attach(op, relinked);
}
