/*
 * The gate: a socketpair between nodemgr and a child of its own on the way into
 * a box. One fixed struct per datagram, at most one descriptor with it.
 *
 *	parent		child
 *	MAPPED ->			a box: the id maps are written
 *		    <-	NETLINK		a box: a socket of its network namespace
 *		    <-	READY		a box: the root filesystem stands
 *	GO ->				a box: become nexus-init, then the program
 *		    <-	CHILD		exec: the pid of who is in the node
 *		    <-	TERMINAL	exec: the near end of its terminal
 *		    <-	(end of file)	it has become what it was to become
 *		    <-	FAILED		at any point: which step, and why
 *
 * The end of file on the parent's side ends the child, too: a nodemgr that
 * dies in between leaves nobody waiting.
 */
#ifndef NODEMGR_GATE_H
#define NODEMGR_GATE_H

#include <errno.h>
#include <stdint.h>

struct nx_fault {
	int error; /* -errno */
	char step[120];
};

enum nx_gate_kind {
	NX_GATE_MAPPED = 1,
	NX_GATE_NETLINK,
	NX_GATE_READY,
	NX_GATE_GO,
	NX_GATE_CHILD, /* @value is the pid */
	NX_GATE_FAILED,
	NX_GATE_CLOSED, /* never sent: the end of file */
	NX_GATE_TERMINAL,
};

#define NX_GATE_PROGRAM 1 /* @value of FAILED: all was well up to its exec */

struct nx_gate_msg {
	uint32_t kind;
	int32_t value;
	struct nx_fault fault;
};

/* One message; *ret_fd takes the descriptor that came with it (-1: none).
 * 1, 0 when there is none yet, or -errno (-EPROTO: not one of ours). */
int nx_gate_recv(int gate, struct nx_gate_msg *ret_msg, int *ret_fd);
/* Borrows @fd (-1: none). 0 or -errno. */
int nx_gate_send(int gate, enum nx_gate_kind kind, int value, int fd);
int nx_gate_fail(int gate, const struct nx_fault *fault);

/* Remembers the step that failed, the first one only, and hands on @r. */
int nx_step(struct nx_fault *f, int r, const char *what);
#define NX_TRY(f, e, what)                            \
	do {                                          \
		int try_ = nx_step((f), (e), (what)); \
		if (try_ < 0)                         \
			return try_;                  \
	} while (0)
/* For calls that say it with -1 and errno. */
#define NX_SYS(e) ((e) < 0 ? -errno : 0)

#endif
