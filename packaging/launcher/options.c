/*
 * The command line of nexus-up.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "packaging/launcher/up.h"

static const char usage_text[] =
    "usage: nexus-up [options]\n"
    "\n"
    "Runs a whole Nexus in the foreground until Ctrl-C, as root; `make up`\n"
    "calls it. Everything it keeps is below one directory, and nothing else\n"
    "of the machine is changed for longer than it runs.\n"
    "\n"
    "  -p, --port PORT      HTTP on 127.0.0.1:PORT (default 8080)\n"
    "  -s, --state DIR      keep state, configuration and logs in DIR\n"
    "                       (default: up/ beside the directory of programs)\n"
    "  -b, --bin DIR        the programs (default: where nexus-up is)\n"
    "  -l, --layout FILE    tmpfiles.d file that says who owns what\n"
    "                       (default: packaging/tmpfiles.d/nexus.conf of the\n"
    "                       clone)\n"
    "      --bridge NAME    the bridge's name, default nexus0, and\n"
    "      --subnet CIDR    its address, default 10.0.42.1/24: both only for\n"
    "                       a configuration that is yet to be written; else\n"
    "                       edit DIR/etc/nexus.conf\n"
    "  -V, --version\n"
    "  -h, --help\n"
    "\n"
    "DIR/nexus.env says where to find it once it is ready. Exit status: 0\n"
    "when it was asked to stop and left nothing behind, else 1.\n";

enum {
	OPT_BRIDGE = 256,
	OPT_SUBNET,
};

static const struct option long_options[] = {
    {"port", required_argument, NULL, 'p'},
    {"state", required_argument, NULL, 's'},
    {"bin", required_argument, NULL, 'b'},
    {"layout", required_argument, NULL, 'l'},
    {"bridge", required_argument, NULL, OPT_BRIDGE},
    {"subnet", required_argument, NULL, OPT_SUBNET},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static _Noreturn void
usage(void)
{
	fprintf(stderr, "Try nexus-up --help.\n");
	exit(2);
}

static uint16_t
port_parse(const char *text)
{
	unsigned long port;
	char *end;

	errno = 0;
	port = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || port < 1 ||
	    port > 65535) {
		fprintf(stderr,
		    "nexus-up: \"%s\" is not a port: give a number from 1 to "
		    "65535.\n",
		    text);
		usage();
	}
	return (uint16_t)port;
}

static void
copy(char *dst, size_t size, const char *src, const char *what)
{
	if (snprintf(dst, size, "%s", src) >= (int)size)
		up_die("%s is too long: %s", what, src);
}

/* The absolute form of @path, which must exist. */
static void
absolute(char dst[PATH_MAX], const char *path)
{
	char buf[PATH_MAX];

	if (!realpath(path, buf))
		up_die("cannot use %s: %s", path, strerror(errno));
	copy(dst, PATH_MAX, buf, "a path");
}

static void
join(char dst[PATH_MAX], const char *dir, const char *name)
{
	if (snprintf(dst, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		up_die("a path is too long: %s/%s", dir, name);
}

/*
 * The state's directory is root's alone: whoever else could write there would
 * have root follow links of theirs and give files to their owners. The
 * descriptor.
 */
static int
own(char path[PATH_MAX])
{
	size_t len = strlen(path);
	struct stat st;
	int fd;

	while (len > 1 && path[len - 1] == '/') /* that would follow a link */
		path[--len] = '\0';
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		up_die("cannot make %s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		up_die("cannot use %s: %s", path,
		    errno == ENOTDIR || errno == ELOOP
			? "it is a link or a file, and has to be a directory"
			: strerror(errno));
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		up_die("others than root may write in %s, and what is in it "
		       "may be anybody's: choose a new directory with --state.",
		    path);
	return fd;
}

/* What was not given: from the place of this very program, build/bin. */
static void
defaults(struct up_options *o, const char *state, const char *bin,
    const char *layout)
{
	char self[PATH_MAX], path[PATH_MAX];

	absolute(self, "/proc/self/exe");
	absolute(o->bin, bin ? bin : dirname(self));
	if (state) {
		copy(path, sizeof(path), state, "--state");
	} else {
		join(path, o->bin, "../up");
	}
	o->dir_fd = own(path);
	absolute(o->dir, path);
	if (layout) {
		absolute(o->layout, layout);
		return;
	}
	join(path, o->bin, "../../packaging/tmpfiles.d/nexus.conf");
	if (access(path, R_OK) < 0)
		copy(path, sizeof(path), "packaging/tmpfiles.d/nexus.conf", "");
	absolute(o->layout, path);
}

void
up_options_parse(struct up_options *o, int argc, char **argv)
{
	const char *state = NULL, *bin = NULL, *layout = NULL;
	int c;

	*o = (struct up_options){
	    .port = 8080, .bridge = "nexus0", .subnet = "10.0.42.1/24"};
	while ((c = getopt_long(
		    argc, argv, "p:s:b:l:Vh", long_options, NULL)) != -1) {
		switch (c) {
		case 'p': o->port = port_parse(optarg); break;
		case 's': state = optarg; break;
		case 'b': bin = optarg; break;
		case 'l': layout = optarg; break;
		case OPT_BRIDGE:
			copy(o->bridge, sizeof(o->bridge), optarg, "--bridge");
			break;
		case OPT_SUBNET:
			copy(o->subnet, sizeof(o->subnet), optarg, "--subnet");
			break;
		case 'V': puts("nexus-up " NX_VERSION); exit(0);
		case 'h': fputs(usage_text, stdout); exit(0);
		default: usage();
		}
	}
	if (optind < argc) {
		fprintf(stderr, "nexus-up: \"%s\" is not an option.\n",
		    argv[optind]);
		usage();
	}
	if (geteuid() != 0)
		up_die("a Nexus makes users' namespaces, mounts and links: run "
		       "it as root (sudo make up).");
	defaults(o, state, bin, layout);
}
