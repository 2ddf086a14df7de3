/*
 * maild: takes (address, subject, text) from authd and delivers.
 *
 * Why it exists: so that what speaks to mail servers, and parses what they
 * say, has no password hash, no key and no database in reach. It trusts authd
 * only to have a reason; addresses, subjects and texts are checked again. It
 * owns <state_dir>/mail and has no capability at all, and a network only where the
 * configuration names a mail server.
 */
#include <errno.h>
#include <stdio.h>

#include "authd/maild/maild.h"
#include "authd/maild/sandbox.h"
#include "common/daemon.h"
#include "common/err.h"
#include "proto/serve_maild.h"

int
main(int argc, char **argv)
{
	static struct maild_conf conf;
	static struct maild m = {.conf = &conf};
	static char dir[4096];
	struct nx_daemon d = {
	    .name = "maild",
	    .role = NX_ROLE_MAIL,
	    .sandbox = &maild_sandbox,
	    .handlers = maild_handlers,
	    .n_handlers = maild_handlers_count,
	    .ctx = &m,
	    .conf = &conf,
	    .conf_keys = maild_conf_keys,
	    .n_conf_keys = maild_conf_count,
	};
	char error[256] = "";
	int r;

	nx_daemon_start(&d, argc, argv);
	snprintf(dir, sizeof(dir), "%s/mail", conf.common.state_dir);
	maild_sandbox_dir(dir);
	if (maild_conf_network(&conf))
		d.sandbox_copy = maild_sandbox_smtp;
	nx_daemon_drop(&d);

	r = maild_open(&m, d.base, dir, error);
	if (r < 0)
		nx_fatal(r == -EINVAL ? 0 : r, "%s", error);

	nx_daemon_connect(&d);
	r = nx_daemon_run(&d);
	maild_close(&m);
	return r;
}
