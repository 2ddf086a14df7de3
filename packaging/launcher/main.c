/*
 * nexus-up: a whole Nexus in the foreground, and nothing left of it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "packaging/launcher/cgroup.h"
#include "packaging/launcher/config.h"
#include "packaging/launcher/guard.h"
#include "packaging/launcher/host.h"
#include "packaging/launcher/place.h"
#include "packaging/launcher/supervise.h"
#include "packaging/launcher/tidy.h"
#include "packaging/launcher/up.h"

static void
welcome(const struct up *up)
{
	char sock[PATH_MAX + 32];

	up_socket_path(up, sock, sizeof(sock));
	printf(
	    "\nNexus is up.\n"
	    "\n"
	    "  HTTP   http://127.0.0.1:%u\n"
	    "  mail   %s/state/mail/new   (codes for signing in land here)\n"
	    "  logs   %s/log\n"
	    "\n"
	    "Try next, in another terminal:\n"
	    "\n"
	    "  . %s/nexus.env\n"
	    "  curl -d '{\"username\":\"ada\",\"password\":\"correct horse "
	    "battery\",\n"
	    "    \"email\":\"ada@example.org\"}' "
	    "$NEXUS_URL/auth/register/init\n"
	    "  sudo grep -rhoE '\\b[0-9]{6}\\b' $NEXUS_MAIL/new   # the code\n"
	    "  sudo NEXUS_SOCK=$NEXUS_SOCK $NEXUS_BIN/nexusctl node create "
	    "web --storage 500M\n"
	    "\n"
	    "Ctrl-C stops everything; what was stored stays in %s.\n\n",
	    up->opt.port, up->opt.dir, up->opt.dir, up->opt.dir, up->opt.dir);
	fflush(stdout);
}

/* From ready to gone. Returns whether all went well. */
static bool
run(struct up *up)
{
	struct up_supervisor *s = up_supervisor_new(up);
	bool good = up_start(s) == 0;

	if (good) {
		if (!up_asked(s))
			welcome(up);
		up_watch(s);
		up_say("stopping.");
	}
	if (up_stop(s) > 0)
		good = false;
	s = up_supervisor_free(s);
	return good;
}

int
main(int argc, char **argv)
{
	struct up up = {.lock_fd = -1, .listen_fd = -1};
	struct up_guard guard;
	bool good;

	umask(022);
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stderr, NULL, _IOLBF, 0);

	up_options_parse(&up.opt, argc, argv);
	up_lock(&up);
	up_cgroup_name(&up);
	up.listen_fd = up_listen(up.opt.port);
	up_directories(&up);
	up_modules();
	up_enter(&up);
	up_cgroup_probe(&up);
	up_config(&up);
	up_lock_bridge(&up);
	(void)up_tidy(&up, UP_TIDY_BEFORE);
	up_forward_save();
	up_guard_start(&up, &guard);

	good = run(&up);
	if (up_tidy(&up, UP_TIDY_AFTER) > 0)
		good = false;
	up_guard_dismiss(&guard);
	if (good)
		up_say("stopped; nothing is left behind.");
	return good ? 0 : 1;
}
