/*
 * authd: users, passwords, codes, sessions, tokens, tickets.
 *
 * Why it exists: so that nothing that faces the network, and nothing that has
 * privilege, ever sees a password hash or a signing key. It trusts nexusd about
 * who its peers are, gatewayd about nothing (a stranger speaks through it), the
 * administrator about what to do with users. It owns <state_dir>/auth and has
 * no capability at all.
 */
#include <stdio.h>
#include <string.h>

#include "authd/authd.h"
#include "authd/flows/flows.h"
#include "authd/sandbox.h"
#include "common/daemon.h"
#include "common/err.h"
#include "proto/serve_authd.h"

/* Answers what is pending while there is somebody to answer, and lets nothing
 * new in behind it. */
static void
on_stop(void *ctx)
{
	struct authd *a = ctx;

	auth_close(a);
	event_base_loopbreak(a->base);
}

static void
confine(void)
{
	nx_sandbox_paths(&authd_sandbox);
}

int
main(int argc, char **argv)
{
	static struct auth_conf conf;
	static struct authd a = {.conf = &conf};
	static char dir[4096];
	struct nx_daemon d = {
	    .name = "authd",
	    .role = NX_ROLE_AUTH,
	    .sandbox = &authd_sandbox,
	    .handlers = authd_handlers,
	    .n_handlers = authd_handlers_count,
	    .ctx = &a,
	    .on_peer = auth_on_peer,
	    .on_stop = on_stop,
	    .conf = &conf,
	    .conf_keys = auth_conf_keys,
	    .n_conf_keys = auth_conf_count,
	};
	char error[256] = "";
	int r;

	nx_daemon_start(&d, argc, argv);
	if (strcmp(conf.registration, "open") != 0 &&
	    strcmp(conf.registration, "closed") != 0)
		nx_fatal(0,
		    "[authd] registration = %s is neither open nor closed",
		    conf.registration);
	snprintf(dir, sizeof(dir), "%s/auth", conf.common.state_dir);
	authd_sandbox_dir(dir);
	nx_daemon_drop(&d);

	a.base = d.base;
	a.confine = confine;
	r = auth_open(&a, dir, 0, error);
	if (r < 0)
		nx_fatal(r, "%s", error);

	nx_daemon_connect(&d);
	a.hub = d.hub;
	r = nx_daemon_run(&d);
	return a.closing ? 0 : r;
}
