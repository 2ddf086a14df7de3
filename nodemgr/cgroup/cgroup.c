/*
 * One cgroup: limits, killing, removal; see cgroup.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/cgroup/cgroup.h"

static int
write_u64(int cgroup, const char *file, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return nx_write_file(cgroup, file, text);
}

static int
read_u64(int cgroup, const char *file, uint64_t *ret_value)
{
	nx_cleanup_free char *text = NULL;
	char *end;
	uint64_t value;
	int r = nx_read_file(cgroup, file, 64, &text);

	if (r < 0)
		return r;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (end == text || errno)
		return -EINVAL; /* "max" */
	*ret_value = value;
	return 0;
}

/* Writes and reads back; the kernel rounds bytes down to pages. */
static int
set_limit(int cgroup, const char *file, uint64_t unit, uint64_t *value)
{
	uint64_t got;
	int r = write_u64(cgroup, file, *value);

	if (r == 0)
		r = read_u64(cgroup, file, &got);
	if (r < 0)
		return r;
	if (got != *value / unit * unit)
		return -ENOTSUP;
	*value = got;
	return 0;
}

int
nx_cgroup_limit(int cgroup, struct nx_limits *limits)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t group = limits->oom_group;
	int i, r = set_limit(cgroup, "memory.oom.group", 1, &group);

	for (i = 0; r == 0 && i < NX_NODE_LIMITS; i++) {
		const struct nx_node_limit_row *row = &nx_node_limits[i];

		if (row->cgroup)
			r = set_limit(cgroup, row->cgroup,
			    row->bytes ? page : 1, &limits->value[i]);
	}
	if (r < 0)
		return r;
	/* absent where the kernel was built or booted without swap accounting:
	 * then there is no swap to be used either */
	r = write_u64(cgroup, "memory.swap.max", 0);
	return r == -ENOENT ? 0 : r;
}

int
nx_cgroup_open(int parent, const char *name)
{
	int fd = openat(
	    parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int
nx_cgroup_make(
    int parent, const char *name, bool enforce, struct nx_limits *limits)
{
	nx_cleanup_fd int fd = -1;
	int r;

	if (mkdirat(parent, name, 0755) < 0)
		return -errno;
	r = fd = nx_cgroup_open(parent, name);
	if (r >= 0 && fchmod(fd, 0755) < 0) /* see make_branch */
		r = -errno;
	if (r >= 0 && enforce)
		r = nx_cgroup_limit(fd, limits);
	if (r < 0) {
		(void)unlinkat(parent, name, AT_REMOVEDIR);
		return r;
	}
	return nx_take_fd(&fd);
}

int
nx_cgroup_kill(int cgroup)
{
	return nx_write_file(cgroup, "cgroup.kill", "1");
}

/* The number behind "<key> " at the start of a line. */
static bool
find_key(const char *text, const char *key, uint64_t *ret_value)
{
	size_t len = strlen(key);
	const char *p = text;

	while (p && *p) {
		if (!strncmp(p, key, len) && p[len] == ' ') {
			*ret_value = strtoull(p + len + 1, NULL, 10);
			return true;
		}
		p = strchr(p, '\n');
		if (p)
			p++;
	}
	return false;
}

static bool
read_key(int cgroup, const char *file, const char *key, uint64_t *ret_value)
{
	nx_cleanup_free char *text = NULL;

	if (nx_read_file(cgroup, file, 4096, &text) < 0)
		return false;
	return find_key(text, key, ret_value);
}

int
nx_cgroup_populated(int cgroup)
{
	uint64_t value;

	if (!read_key(cgroup, "cgroup.events", "populated", &value))
		return -EIO;
	return value != 0;
}

/* Calls @fn for each group directly below @cgroup. 0 or -errno. */
static int
for_each_below(
    int cgroup, void (*fn)(int cgroup, const char *name, void *arg), void *arg)
{
	int copy = openat(cgroup, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	int error = -errno;

	if (!dir) {
		nx_close(&copy);
		return error;
	}
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			fn(cgroup, entry->d_name, arg);
	(void)closedir(dir);
	return 0;
}

static void
remove_below(int cgroup, const char *name, void *arg)
{
	(void)arg;
	(void)nx_cgroup_remove(cgroup, name);
}

int
nx_cgroup_remove(int parent, const char *name)
{
	nx_cleanup_fd int fd = nx_cgroup_open(parent, name);
	int r;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = for_each_below(fd, remove_below, NULL);
	if (r < 0)
		return r;
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

static void
kill_below(int cgroup, const char *name, void *arg)
{
	nx_cleanup_fd int fd = nx_cgroup_open(cgroup, name);

	(void)arg;
	if (fd < 0)
		return;
	(void)nx_cgroup_kill(fd);
	(void)nx_cgroup_remove(cgroup, name);
}

int
nx_cgroup_kill_below(int cgroup)
{
	return for_each_below(cgroup, kill_below, NULL);
}

/* The kilobytes behind "<name>:", in bytes. */
static uint64_t
field(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	return p ? strtoull(p + strlen(name), NULL, 10) << 10 : 0;
}

uint64_t
nx_process_memory(long pid)
{
	nx_cleanup_free char *text = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	if (nx_read_file(AT_FDCWD, path, 8192, &text) < 0)
		return 0;
	return field(text, "\nRssAnon:") + field(text, "\nRssShmem:");
}

static int sum_processes(int cgroup, struct nx_cgroup_stat *stat);

static void
sum_below(int cgroup, const char *name, void *arg)
{
	nx_cleanup_fd int fd = nx_cgroup_open(cgroup, name);

	if (fd >= 0)
		(void)sum_processes(fd, arg);
}

static int
sum_processes(int cgroup, struct nx_cgroup_stat *stat)
{
	nx_cleanup_free char *text = NULL;
	char *p, *end;
	long pid;
	int r = nx_read_file(cgroup, "cgroup.procs", 1 << 20, &text);

	if (r < 0)
		return r;
	for (p = text; (pid = strtol(p, &end, 10)) > 0; p = end) {
		stat->memory += nx_process_memory(pid);
		stat->pids++;
	}
	(void)for_each_below(cgroup, sum_below, stat);
	return 0;
}

int
nx_cgroup_read(int cgroup, struct nx_cgroup_stat *ret_stat)
{
	struct nx_cgroup_stat stat = {0};
	uint64_t pids;
	int r;

	(void)read_key(cgroup, "cpu.stat", "usage_usec", &stat.cpu_us);
	(void)read_key(cgroup, "memory.events", "oom_kill", &stat.oom_kills);
	(void)read_u64(cgroup, "memory.peak", &stat.memory_peak);
	if (read_u64(cgroup, "memory.current", &stat.memory) < 0 ||
	    read_u64(cgroup, "pids.current", &pids) < 0) {
		stat.memory = 0;
		r = sum_processes(cgroup, &stat);
		if (r < 0)
			return r;
	} else {
		stat.pids = (uint32_t)pids;
	}
	*ret_stat = stat;
	return 0;
}

bool
nx_cgroup_holds(int cgroup, int pid)
{
	nx_cleanup_free char *text = NULL;
	char *p, *end;
	long got;

	if (nx_read_file(cgroup, "cgroup.procs", 1 << 20, &text) < 0)
		return false;
	for (p = text; (got = strtol(p, &end, 10)) > 0; p = end)
		if (got == pid)
			return true;
	return false;
}
