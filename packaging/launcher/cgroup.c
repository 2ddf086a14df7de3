/*
 * The instance's cgroup: found or mounted at the start, gone at the end.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "packaging/launcher/cgroup.h"

#define ROOT "/sys/fs/cgroup"

void
up_cgroup_name(struct up *up)
{
	struct stat st;

	/* The directory's identity rather than its name: names are long, and
	 * one directory may have several. */
	if (fstat(up->opt.dir_fd, &st) < 0)
		up_die("cannot use %s: %s", up->opt.dir, strerror(errno));
	snprintf(up->cgroup, sizeof(up->cgroup), "nexus-up-%jx-%jx",
	    (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
}

static int
open_own(const struct up *up)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), ROOT "/%s", up->cgroup);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Each by itself: one that this host lacks must not cost the others. */
static void
enable_controllers(int dir)
{
	static const char *const controllers[] = {
	    "+memory", "+cpu", "+pids", "+io"};

	for (size_t i = 0; i < NX_ARRAY_SIZE(controllers); i++)
		(void)nx_write_file(
		    dir, "cgroup.subtree_control", controllers[i]);
}

/* Are all of them words of cgroup.controllers? */
static bool
has_controllers(int dir)
{
	static const char *const wanted[] = {" memory ", " cpu ", " pids "};
	nx_cleanup_free char *text = NULL;
	char padded[1024];

	if (nx_read_file(dir, "cgroup.controllers", 900, &text) < 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	snprintf(padded, sizeof(padded), " %s ", text);
	for (size_t i = 0; i < NX_ARRAY_SIZE(wanted); i++)
		if (!strstr(padded, wanted[i]))
			return false;
	return true;
}

void
up_cgroup_probe(struct up *up)
{
	nx_cleanup_fd int root = -1, own = -1;
	bool made;

	/* That the root has them says little: in a container its processes may
	 * keep it from passing them on. So try. */
	root = open(ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		up_die("cannot open " ROOT ": %s", strerror(errno));
	enable_controllers(root);
	made = mkdirat(root, up->cgroup, 0755) == 0;
	own = open_own(up);
	up->controllers = own >= 0 && has_controllers(own);
	if (made)
		(void)unlinkat(root, up->cgroup, AT_REMOVEDIR);
}

static int
delegate(int dir, uid_t uid, gid_t gid)
{
	static const char *const files[] = {"nodemgr", "nodemgr/cgroup.procs",
	    "nodemgr/cgroup.subtree_control", "nodemgr/cgroup.threads"};

	for (size_t i = 0; i < NX_ARRAY_SIZE(files); i++)
		if (fchownat(dir, files[i], uid, gid, 0) < 0)
			return -errno;
	return 0;
}

void
up_cgroup_make(const struct up *up, uid_t uid, gid_t gid)
{
	nx_cleanup_fd int root = -1, own = -1;

	root = open(ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || mkdirat(root, up->cgroup, 0755) < 0 ||
	    (own = open_own(up)) < 0)
		up_die("cannot make the cgroup %s: %s", up->cgroup,
		    strerror(errno));
	enable_controllers(root);
	enable_controllers(own);
	if (mkdirat(own, "daemons", 0755) < 0 ||
	    mkdirat(own, "nodemgr", 0755) < 0 || delegate(own, uid, gid) < 0)
		up_die("cannot give nodemgr a cgroup of its own: %s",
		    strerror(errno));
}

int
up_cgroup_enter(const struct up *up, bool delegated)
{
	nx_cleanup_fd int own = open_own(up);

	if (own < 0)
		return own;
	/* A nodemgr before this one has given the controllers to its nodes:
	 * only leaves may hold a process then, and it left one. */
	if (delegated &&
	    nx_write_file(own, "nodemgr/self/cgroup.procs", "0") == 0)
		return 0;
	return nx_write_file(own,
	    delegated ? "nodemgr/cgroup.procs" : "daemons/cgroup.procs", "0");
}

/* Lines of cgroup.procs of @dir and everything below it. Consumes @dir. */
static int
count(int dir, pid_t *ret_one)
{
	nx_cleanup_free char *text = NULL;
	DIR *d = fdopendir(dir);
	struct dirent *e;
	int n = 0, fd;

	if (!d) {
		nx_close(&dir);
		return 0;
	}
	if (nx_read_file(dir, "cgroup.procs", 1 << 20, &text) > 0) {
		*ret_one = (pid_t)atoi(text);
		for (const char *c = text; *c; c++)
			n += *c == '\n';
	}
	while ((e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		fd = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			n += count(fd, ret_one);
	}
	closedir(d);
	return n;
}

int
up_cgroup_count(const struct up *up, pid_t *ret_one)
{
	int own = open_own(up);

	return own < 0 ? 0 : count(own, ret_one);
}

/* Removes the cgroups below @dir, deepest first. Consumes @dir. */
static void
remove_below(int dir)
{
	DIR *d = fdopendir(dir);
	struct dirent *e;
	int fd;

	if (!d) {
		nx_close(&dir);
		return;
	}
	while ((e = readdir(d))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		fd = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			remove_below(fd);
		unlinkat(dir, e->d_name, AT_REMOVEDIR);
	}
	closedir(d);
}

int
up_cgroup_remove(const struct up *up)
{
	char path[128];

	snprintf(path, sizeof(path), ROOT "/%s", up->cgroup);
	for (int tries = 500; tries > 0; tries--) {
		int own = open_own(up);

		if (own == -ENOENT)
			return 0;
		if (own < 0)
			return own;
		(void)nx_write_file(own, "cgroup.kill", "1");
		remove_below(own);
		if (rmdir(path) == 0)
			return 0;
		/* A killed process leaves its cgroup a moment later. */
		usleep(10000);
	}
	return -EBUSY;
}
