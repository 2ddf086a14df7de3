/*
 * Opening everything that nodemgr works with; see setup.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/reaper.h"
#include "nodemgr/images/images.h"
#include "nodemgr/nodes/nodes.h"
#include "nodemgr/setup.h"

static int
open_dir(const struct nodemgr *m, const char *suffix, mode_t mode)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", m->conf.common.state_dir, suffix);
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		nx_fatal(-errno, "%s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, mode) < 0)
		nx_fatal(-errno, "%s", path);
	return fd;
}

static void
make_dir(const struct nodemgr *m, const char *suffix, mode_t mode)
{
	int fd = open_dir(m, suffix, mode);

	nx_close(&fd);
}

static void
open_state(struct nodemgr *m)
{
	char error[256];

	make_dir(m, "nodes", 0700);
	m->logs = open_dir(m, "nodes/logs", 0700);
	m->status = open_dir(m, "nodes/status", 0700);
	m->images = open_dir(m, "images", 0711);
	/* a node's root has it as working directory for a moment */
	make_dir(m, "nodes/scratch", 0711);
	if (asprintf(
		&m->scratch, "%s/nodes/scratch", m->conf.common.state_dir) < 0)
		nx_fatal(-ENOMEM, "scratch");
	if (nx_image_host_make(m->images, error) < 0)
		nx_fatal(0, "%s", error);
}

static void
open_host(struct nodemgr *m)
{
	struct sysinfo info;
	char error[256];
	int r;

	if (strcmp(m->conf.limits, "enforce") != 0 &&
	    strcmp(m->conf.limits, "best-effort") != 0)
		nx_fatal(0, "[nodemgr] limits is enforce or best-effort");
	m->best_effort = strcmp(m->conf.limits, "best-effort") == 0;
	r = nx_read_file(
	    AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &m->boot_id);
	if (r < 0)
		nx_fatal(r, "boot_id");
	m->boot_id[strcspn(m->boot_id, "\n")] = '\0';
	if (sysinfo(&info) == 0)
		m->host_memory = (uint64_t)info.totalram * info.mem_unit;
	if (nx_cgroups_open(m->conf.cgroup, &m->cgroups, error) < 0)
		nx_fatal(0, "%s", error);
	if (!m->cgroups.controllers)
		nx_warn("event=no-controllers cgroup=%s limits=%s",
		    m->cgroups.path, m->conf.limits);
	r = nx_filter_compile(NX_FILTER_NODE, &m->node_filter);
	if (r == 0)
		r = nx_filter_compile(m->cgroups.controllers
			? NX_FILTER_FUNCTION
			: NX_FILTER_FUNCTION_UNCOUNTED,
		    &m->function_filter);
	if (r < 0)
		nx_fatal(r, "call filters");
}

void
nodemgr_open(struct nodemgr *m)
{
	m->images = m->logs = m->status = -1;
	if (nx_reaper_start(m->base) < 0)
		nx_fatal(-ENOMEM, "reaper");
	open_host(m);
	open_state(m);
	m->tickets = nx_tickets_new(NX_ROLE_NODE);
	if (!m->tickets)
		nx_fatal(-ENOMEM, "start");
	nodes_open(m);
}

void
nodemgr_close(struct nodemgr *m)
{
	m->stopping = true;
	nodes_close(m);
	nx_reaper_stop();
	m->tickets = nx_tickets_free(m->tickets);
	nx_filter_fini(&m->node_filter);
	nx_filter_fini(&m->function_filter);
	nx_cgroups_close(&m->cgroups);
	nx_close(&m->images);
	nx_close(&m->logs);
	nx_close(&m->status);
	free(m->scratch);
	free(m->boot_id);
}
