/*
 * nodemgr: container nodes and functions.
 *
 * Trusts: the kernel, nexusd's word on who a peer is, storaged's mounts and
 * netd's links; of authd only who is deleted or revoked. Believes no gateway
 * without a ticket, and nothing that comes from inside a node.
 * Owns: <state_dir>/nodes (nodes.db, logs, status), <state_dir>/images, one
 * delegated cgroup, a mount namespace, and every node's processes. Nodes
 * outlive it; functions do not.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/daemon.h"
#include "common/err.h"
#include "nodemgr/calls/calls.h"
#include "nodemgr/nodes/nodes.h"
#include "nodemgr/sandbox.h"
#include "nodemgr/box/box.h"
#include "nodemgr/setup.h"
#include "proto/serve_nodemgr.h"

#define STOP_SECONDS 3

static struct nodemgr m;

static void
own_mounts(void)
{
	const char *cgroup =
	    m.conf.cgroup[0] == '/' ? m.conf.cgroup : "/sys/fs/cgroup/unified";
	const char *keep[] = {m.conf.common.state_dir, m.conf.common.run_dir,
	    "/proc", "/sys/fs/cgroup", cgroup, "/usr", "/etc", "/dev/null",
	    "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",
	    "/run/systemd/resolve", NULL};
	int r = nx_mounts_own(keep);

	if (r < 0)
		nx_fatal(r, "own mount namespace");
}

static void
seal_init(void)
{
	char self[PATH_MAX], path[PATH_MAX + 16];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	if (m.conf.init[0])
		snprintf(path, sizeof(path), "%s", m.conf.init);
	else
		snprintf(path, sizeof(path), "%s/nexus-init", dirname(self));
	m.init = nx_sealed_program(path);
	if (m.init < 0)
		nx_fatal(m.init, "%s", path);
}

static struct nx_daemon *daemon_self;

static void
quit(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	nx_daemon_quit(daemon_self);
}

static void
on_idle(struct nodemgr *self)
{
	quit(-1, 0, self);
}

/* A function that does not die in time is the next nodemgr's to remove. */
static void
on_stop(void *ctx)
{
	static const struct timeval patience = {.tv_sec = STOP_SECONDS};

	(void)event_base_once(m.base, -1, EV_TIMEOUT, quit, ctx, &patience);
	m.on_idle = on_idle;
	call_stop_all(ctx);
}

int
main(int argc, char **argv)
{
	struct nx_daemon d = {
	    .name = "nodemgr",
	    .role = NX_ROLE_NODE,
	    .sandbox = &nodemgr_sandbox,
	    .handlers = nodemgr_handlers,
	    .n_handlers = nodemgr_handlers_count,
	    .ctx = &m,
	    .on_peer = nodemgr_on_peer,
	    .on_stop = on_stop,
	    .conf = &m.conf,
	    .conf_keys = nodemgr_conf_keys,
	    .n_conf_keys = nodemgr_conf_count,
	};
	int r;

	nx_daemon_start(&d, argc, argv);
	m.base = d.base;
	daemon_self = &d;
	seal_init();
	own_mounts();
	nx_daemon_drop(&d);
	nodemgr_open(&m);
	d.tickets = m.tickets;
	nx_daemon_connect(&d);
	m.hub = d.hub;
	nodes_recover(&m);
	r = nx_daemon_run(&d);
	nodemgr_close(&m);
	return r;
}
