/*
 * Finding and preparing the delegated subtree; see cgroup.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <linux/magic.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/cgroup/cgroup.h"

static const char *const wanted[] = {"memory", "cpu", "pids"};

/* Where cgroup v2 is mounted: /sys/fs/cgroup, or .../unified beside v1. */
static int
find_mount(char *ret_path, size_t size)
{
	static const char *const places[] = {
	    "/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct statfs fs;
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(places); i++)
		if (statfs(places[i], &fs) == 0 &&
		    fs.f_type == CGROUP2_SUPER_MAGIC) {
			snprintf(ret_path, size, "%s", places[i]);
			return 0;
		}
	return -ENOENT;
}

/* The line "0::/path" of /proc/self/cgroup. */
static int
find_own(char *ret_path, size_t size)
{
	nx_cleanup_free char *text = NULL;
	char *p, *end;
	int r = nx_read_file(AT_FDCWD, "/proc/self/cgroup", 8192, &text);

	if (r < 0)
		return r;
	p = !strncmp(text, "0::", 3) ? text : strstr(text, "\n0::");
	if (!p)
		return -ENOENT;
	p += *p == '\n' ? 4 : 3;
	end = strchrnul(p, '\n');
	*end = '\0';
	/* left in self/ by the daemon before this one */
	if (end - p >= 5 && !strcmp(end - 5, "/self"))
		end[-5] = '\0';
	snprintf(ret_path, size, "%s", p);
	return 0;
}

static bool
has_word(const char *text, const char *word)
{
	size_t len = strlen(word);
	const char *p;

	for (p = strstr(text, word); p; p = strstr(p + 1, word))
		if ((p == text || p[-1] == ' ') &&
		    (p[len] == ' ' || p[len] == '\n' || !p[len]))
			return true;
	return false;
}

static bool
has_controllers(int dir, const char *file)
{
	nx_cleanup_free char *text = NULL;
	size_t i;

	if (nx_read_file(dir, file, 1024, &text) < 0)
		return false;
	for (i = 0; i < NX_ARRAY_SIZE(wanted); i++)
		if (!has_word(text, wanted[i]))
			return false;
	return true;
}

/* Hands the controllers on to the children of @dir. */
static int
enable(int dir)
{
	if (has_controllers(dir, "cgroup.subtree_control"))
		return 0;
	return nx_write_file(
	    dir, "cgroup.subtree_control", "+memory +cpu +pids");
}

static int
make_branch(int base, const char *name, bool controllers)
{
	nx_cleanup_fd int fd = -1;
	int r;

	if (mkdirat(base, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = nx_cgroup_open(base, name);
	if (fd < 0)
		return fd;
	/* before 6.2 or so, a node that mounts its cgroup has to be able to
	 * search the way there; the umask is 077 */
	if (fchmod(fd, 0755) < 0)
		return -errno;
	r = controllers ? enable(fd) : 0;
	return r < 0 ? r : nx_take_fd(&fd);
}

static int
move_self(int base)
{
	nx_cleanup_fd int leaf = -1;
	char pid[16];

	if (mkdirat(base, "self", 0755) < 0 && errno != EEXIST)
		return -errno;
	leaf = nx_cgroup_open(base, "self");
	if (leaf < 0)
		return leaf;
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	return nx_write_file(leaf, "cgroup.procs", pid);
}

static int
find_base(const char *where, char *ret_path, size_t size, char error[256])
{
	char mount[64], own[190];
	int r;

	if (strcmp(where, "auto") != 0) {
		snprintf(ret_path, size, "%s", where);
		return 0;
	}
	r = find_mount(mount, sizeof(mount));
	if (r < 0) {
		snprintf(error, 256,
		    "this host has no cgroup v2: mount it on /sys/fs/cgroup");
		return r;
	}
	r = find_own(own, sizeof(own));
	if (r < 0) {
		snprintf(error, 256, "/proc/self/cgroup names no cgroup v2");
		return r;
	}
	snprintf(ret_path, size, "%s%s", mount, strcmp(own, "/") ? own : "");
	return 0;
}

static int
prepare(int base, bool move, struct nx_cgroups *c, char error[256])
{
	int r = 0;

	c->controllers = has_controllers(base, "cgroup.controllers");
	if (move)
		r = move_self(base);
	if (r == 0 && c->controllers)
		r = enable(base);
	if (r == 0)
		r = c->nodes = make_branch(base, "nodes", c->controllers);
	if (r >= 0)
		r = c->functions =
		    make_branch(base, "functions", c->controllers);
	if (r < 0)
		snprintf(error, 256,
		    "the cgroup %.120s is not ours to use (%s): delegate it to "
		    "this user, or set [nodemgr] cgroup",
		    c->path, strerror(-r));
	return r < 0 ? r : 0;
}

int
nx_cgroups_open(
    const char *where, struct nx_cgroups *ret_cgroups, char error[256])
{
	struct nx_cgroups c = {.nodes = -1, .functions = -1};
	nx_cleanup_fd int base = -1;
	int r;

	r = find_base(where, c.path, sizeof(c.path), error);
	if (r < 0)
		return r;
	base = nx_cgroup_open(AT_FDCWD, c.path);
	if (base < 0) {
		snprintf(error, 256, "cannot open the cgroup %.160s: %s",
		    c.path, strerror(-base));
		return base;
	}
	r = prepare(base, strcmp(where, "auto") == 0, &c, error);
	if (r < 0)
		nx_cgroups_close(&c);
	else
		*ret_cgroups = c;
	return r;
}

void
nx_cgroups_close(struct nx_cgroups *c)
{
	nx_close(&c->nodes);
	nx_close(&c->functions);
}
