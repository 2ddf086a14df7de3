/*
 * nexus.conf and nexus.env of an instance.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "authd/maild/conf.h"
#include "common/err.h"
#include "common/fd.h"
#include "common/subnet.h"
#include "packaging/launcher/config.h"

#define CONF UP_ROOT "/etc/nexus.conf"

static const char template[] =
    "# Written by nexus-up because there was none; yours to edit from here "
    "on.\n"
    "# nexus.conf(5) explains every key.\n"
    "\n"
    "[nexus]\n"
    "# The daemons see this instance's directories below " UP_ROOT ".\n"
    "state_dir = " UP_ROOT "/state\n"
    "run_dir = " UP_ROOT "/run\n"
    "subnet = %s\n"
    "\n"
    "[authd]\n"
    "# Passkeys are for pages of this address.\n"
    "origins = http://localhost:%u\n"
    "\n"
    "[netd]\n"
    "bridge = %s\n"
    "# The bridge goes when nexus-up does.\n"
    "teardown = yes\n"
    "\n"
    "[nodemgr]\n"
    "%s"
    "limits = %s\n";

static void
write_conf(const struct up *up)
{
	nx_cleanup_fd int fd = -1;

	fd = open(CONF, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 && errno == EEXIST)
		return;
	if (fd < 0 || fchmod(fd, 0644) < 0 ||
	    dprintf(fd, template, up->opt.subnet, up->opt.port, up->opt.bridge,
		up->controllers
		    ? "# Nodes get the limits they ask for, or an error.\n"
		    : "# This host had no cgroup v2 controllers for memory, "
		      "cpu and pids.\n",
		up->controllers ? "enforce" : "best-effort") < 0)
		up_die("cannot write %s/etc/nexus.conf: %s", up->opt.dir,
		    strerror(errno));
}

void
up_config(struct up *up)
{
	struct nx_subnet subnet;
	char error[256];

	write_conf(up);
	if (!up->controllers)
		up_warn("this host has no cgroup v2 controllers for memory, "
			"cpu and pids, so nodes run without limits but that of "
			"processes (limits = "
			"best-effort in %s/etc/nexus.conf).",
		    up->opt.dir);
	if (nx_conf_load(CONF, "netd", &up->net, netd_conf_keys,
		netd_conf_count, error) < 0)
		up_die("%s (that is %s/etc/nexus.conf)", error, up->opt.dir);
	if (!netd_ifname_valid(up->net.bridge))
		up_die("%s/etc/nexus.conf: [netd] bridge = %s is not a name "
		       "for an interface: a-z, 0-9 and -, at most %d.",
		    up->opt.dir, up->net.bridge, NETD_IFNAME_LEN);
	if (nx_subnet_parse(up->net.common.subnet, &subnet) < 0)
		up_die("%s/etc/nexus.conf: [nexus] subnet = %s is "
		       "not " NX_SUBNET_FORM ".",
		    up->opt.dir, up->net.common.subnet);
}

bool
up_config_mail_sends(void)
{
	struct maild_conf conf = {0};
	char error[256];

	/* What is wrong with it maild says itself. */
	return nx_conf_load(CONF, "maild", &conf, maild_conf_keys,
		   maild_conf_count, error) == 0 &&
	    maild_conf_network(&conf);
}

void
up_socket_path(const struct up *up, char *out, size_t size)
{
	struct sockaddr_un un;
	int len;

	len = snprintf(out, size, "%s/run/nexus.sock", up->opt.dir);
	/* A socket's path is short. Ours can also be had through /proc. */
	if (len >= (int)sizeof(un.sun_path))
		snprintf(out, size, "/proc/%d/root" UP_ROOT "/run/nexus.sock",
		    (int)getpid());
}

#define ENV     "nexus.env"
#define ENV_NEW ENV ".new"

/* Of one that was killed is nothing kept; O_EXCL follows no link. */
static FILE *
env_open(int dir)
{
	int fd;

	(void)unlinkat(dir, ENV_NEW, 0);
	fd =
	    openat(dir, ENV_NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return fd < 0 ? NULL : fdopen(fd, "w");
}

int
up_env_write(const struct up *up, const struct up_pid *pids, size_t n)
{
	nx_cleanup_fclose FILE *f = env_open(up->opt.dir_fd);
	char sock[PATH_MAX + 32];
	int dir = up->opt.dir_fd;

	if (!f)
		return -errno;
	up_socket_path(up, sock, sizeof(sock));
	fprintf(f,
	    "NEXUS_URL=http://127.0.0.1:%u\n"
	    "NEXUS_MAIL=%s/state/mail\n"
	    "NEXUS_SOCK=%s\n"
	    "NEXUS_STATE=%s/state\n"
	    "NEXUS_BIN=%s\n"
	    "NEXUS_PID_nexus_up=%d\n",
	    up->opt.port, up->opt.dir, sock, up->opt.dir, up->opt.bin,
	    (int)getpid());
	for (size_t i = 0; i < n; i++)
		fprintf(f, "NEXUS_PID_%s=%d\n", pids[i].name, (int)pids[i].pid);
	if (fflush(f) != 0 || fchmod(fileno(f), 0644) < 0 ||
	    renameat(dir, ENV_NEW, dir, ENV) < 0)
		return -errno;
	return 0;
}

void
up_env_remove(const struct up *up)
{
	(void)unlinkat(up->opt.dir_fd, ENV, 0);
}
