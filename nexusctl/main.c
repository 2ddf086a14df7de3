/*
 * nexusctl: the administrator's command line. Runs as whoever calls it; what it
 * may do is decided by nexusd, from the uid the kernel reports (root, or a
 * member of the group nexus-admin). It owns nothing and keeps nothing.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "nexusctl/ctl.h"

static int
run(struct ctl *c)
{
	const struct ctl_command *command = c->args->command;
	Nx__Status status;
	int exit;

	if (command->roles == 0)
		return command->run(c);
	status = ctl_open(c, command->roles);
	exit = status == NX__STATUS__OK ? command->run(c) : ctl_fail(c, status);
	ctl_close(c);
	return exit;
}

int
main(int argc, char **argv)
{
	struct ctl_args args;
	struct ctl c = {.args = &args};
	char error[CTL_ERROR];
	int exit;

	/* The reader of a pipe may go: writes then fail, and say so. */
	signal(SIGPIPE, SIG_IGN);
	nx_log_open("nexusctl", false);
	if (ctl_args_parse(argc, argv, &args, error) < 0) {
		fprintf(stderr, "nexusctl: %s\n", error);
		return nx_status_exit(NX__STATUS__INVALID);
	}
	if (args.help) {
		ctl_help(stdout, args.words, args.n_words);
		return 0;
	}
	c.json = strcmp(ctl_option(&args, "output")->text, "json") == 0;
	c.quiet = ctl_option(&args, "quiet")->set;
	if (ctl_global(&args, "version")->set)
		return ctl_version(&c);
	exit = run(&c);
	if (fflush(stdout) != 0 && exit == 0) {
		fprintf(
		    stderr, "nexusctl: could not write: %s\n", strerror(errno));
		exit = 1;
	}
	return exit;
}
