/*
 * Both ends of a gate. The child is ours until it execs, but what it sends is
 * checked all the same: a node that got hold of one could say anything.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/fd.h"
#include "common/rights.h"
#include "nodemgr/box/gate.h"

int
nx_step(struct nx_fault *f, int r, const char *what)
{
	/* the innermost step knows best */
	if (r < 0 && f->error == 0) {
		f->error = r;
		snprintf(f->step, sizeof(f->step), "%s", what);
	}
	return r;
}

static int
gate_send(int gate, const struct nx_gate_msg *msg, int fd)
{
	return nx_send_fds(gate, msg, sizeof(*msg), &fd, fd >= 0, 0);
}

int
nx_gate_send(int gate, enum nx_gate_kind kind, int value, int fd)
{
	struct nx_gate_msg msg = {.kind = kind, .value = value};

	return gate_send(gate, &msg, fd);
}

int
nx_gate_fail(int gate, const struct nx_fault *fault)
{
	struct nx_gate_msg msg = {.kind = NX_GATE_FAILED, .fault = *fault};

	return gate_send(gate, &msg, -1);
}

int
nx_gate_recv(int gate, struct nx_gate_msg *ret_msg, int *ret_fd)
{
	struct nx_gate_msg msg;
	nx_cleanup_fd int fd = -1;
	size_t n_fds;
	ssize_t n = nx_recv_fds(gate, &msg, sizeof(msg), &fd, 1, 0, &n_fds);

	if (n == -EAGAIN)
		return 0;
	if (n == 0 || n == -ECONNRESET) {
		*ret_msg = (struct nx_gate_msg){.kind = NX_GATE_CLOSED};
		*ret_fd = -1;
		return 1;
	}
	if (n < 0)
		return (int)n;
	if (n != sizeof(msg))
		return -EPROTO;
	msg.fault.step[sizeof(msg.fault.step) - 1] = '\0';
	*ret_msg = msg;
	*ret_fd = nx_take_fd(&fd);
	return 1;
}
