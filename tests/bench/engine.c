/*
 * nodemgr's container engine, asked by timer.c for one container after the
 * other: for every line on stdin a node's box is made, runs /bin/true under
 * nexus-init, and is destroyed with its cgroup; the answer is "ok".
 *
 *	engine DIRECTORY CGROUP NEXUS-INIT
 *
 * It is linked from nodemgr's own objects, takes nodemgr's sandbox (three
 * capabilities, its filter) and does what nodemgr's start of a node does, with
 * everything a node is confined by. What storaged and netd do for a node is not
 * in it: DIRECTORY/volume stands for the mounted volume. It trusts who starts
 * it, under an ordinary uid with nodemgr's ambient capabilities, and owns
 * DIRECTORY/{images,scratch} and what is below CGROUP.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/reaper.h"
#include "common/sandbox.h"
#include "nodemgr/box/box.h"
#include "nodemgr/cgroup/cgroup.h"
#include "nodemgr/images/images.h"
#include "nodemgr/box/mnt.h"
#include "nodemgr/sandbox.h"
#include "nodemgr/box/sealed.h"

#define ID_BASE    1000000U
#define NAME       "bench"
#define TIMEOUT_MS 10000

struct engine {
	char scratch[PATH_MAX], volume[PATH_MAX];
	struct nx_cgroups cgroups;
	struct nx_filter filter;
	int images, init, log;
	struct event_base *base; /* for the reaper alone */
};

/* A box and what was opened for it. */
struct round {
	struct nx_box box;
	struct nx_boxed boxed;
	struct nx_image_mounts mounts;
	int volume, cgroup, status;
};

static const struct nx_idmap map = {
    .outer_uid = ID_BASE, .outer_gid = ID_BASE, .count = NX_ID_RANGE};

/* --- once ------------------------------------------------------------------*/

static void
path_below(char out[PATH_MAX], const char *dir, const char *name)
{
	if (snprintf(out, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		nx_fatal(-ENAMETOOLONG, "%s", dir);
}

static void
setup(struct engine *e, const char *dir, const char *cgroup, const char *init)
{
	char path[PATH_MAX], error[256];

	path_below(e->scratch, dir, "scratch");
	path_below(e->volume, dir, "volume");
	e->init = nx_sealed_program(init);
	if (e->init < 0)
		nx_fatal(e->init, "%s", init);
	nx_sandbox_drop(&nodemgr_sandbox);
	if (nx_cgroups_open(cgroup, &e->cgroups, error) < 0)
		nx_fatal(0, "%s", error);
	path_below(path, dir, "images");
	e->images = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e->images < 0)
		nx_fatal(-errno, "%s", path);
	if (nx_image_host_make(e->images, error) < 0)
		nx_fatal(0, "%s", error);
	e->log = openat(e->images, "log", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (e->log < 0 || nx_filter_compile(NX_FILTER_NODE, &e->filter) < 0)
		nx_fatal(0, "cannot set up");
	nx_sandbox_filter(&nodemgr_sandbox);
}

/* --- a round ---------------------------------------------------------------*/

static int
open_volume(const struct engine *e, int userns)
{
	nx_cleanup_fd int mnt = nx_mnt_clone(AT_FDCWD, e->volume);
	int r = mnt < 0 ? mnt : nx_mnt_set(mnt, MOUNT_ATTR_NODEV, userns);

	return r < 0 ? r : nx_take_fd(&mnt);
}

/* The mounts, which share a user namespace that says whose ids are whose. */
static int
open_mounts(const struct engine *e, struct round *r, struct nx_fault *f)
{
	nx_cleanup_fd int userns = nx_idmap_userns(&map);

	NX_TRY(f, userns, "make a user namespace");
	NX_TRY(f, r->volume = open_volume(e, userns), "open the volume");
	return nx_image_open(
	    e->images, NX_IMAGE_HOST, ID_BASE, userns, &r->mounts, f);
}

/* What a start of a node opens before it clones. */
static int
prepare(struct engine *e, struct round *r, int status, struct nx_fault *f)
{
	static char name[] = "nexus-init", end[] = "--",
		    command[] = "/bin/true";
	static char path[] = "PATH=/usr/bin:/bin";
	static char *argv[] = {name, end, command, NULL};
	static char *envp[] = {path, NULL};
	struct nx_limits limits = {.value = {[NX_NODE_MEMORY] = 128U << 20,
				       [NX_NODE_CPU] = NX_NODE_CPU_STANDARD,
				       [NX_NODE_PIDS] = NX_NODE_PIDS_STANDARD}};

	r->box = (struct nx_box){
	    .kind = &nx_box_node,
	    .hostname = NAME,
	    .scratch = e->scratch,
	    .map = map,
	    .filter = &e->filter,
	    .argv = argv,
	    .envp = envp,
	    .hosts = "127.0.0.1 localhost\n",
	    .resolv = "",
	    .fresh = true,
	};
	NX_TRY(f, open_mounts(e, r, f), "open the mounts");
	r->cgroup = nx_cgroup_make(
	    e->cgroups.nodes, NAME, e->cgroups.controllers, &limits);
	NX_TRY(f, r->cgroup, "make the cgroup");
	r->box.cgroup = r->cgroup;
	for (size_t i = 0; i < NX_ARRAY_SIZE(r->box.fds); i++)
		r->box.fds[i] = -1;
	r->box.fds[NX_BOX_INIT] = e->init;
	r->box.fds[NX_BOX_STATUS] = status;
	r->box.fds[NX_BOX_ROOT] = r->mounts.root;
	r->box.fds[NX_BOX_USR] = r->mounts.usr;
	r->box.fds[NX_BOX_VOLUME] = r->volume;
	r->box.fds[NX_BOX_LOG] = e->log;
	return 0;
}

/* The reaper's signal interrupts a poll. */
static bool
becomes_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return TEMP_FAILURE_RETRY(poll(&p, 1, TIMEOUT_MS)) > 0;
}

/* From the clone to the exec of nexus-init. */
static int
start(struct round *r, struct nx_fault *f)
{
	struct nx_gate_msg msg;
	int fd, n;

	n = nx_box_spawn(&r->box, &r->boxed, f);
	while (n >= 0) {
		if (!becomes_readable(r->boxed.gate))
			return nx_step(f, -ETIMEDOUT, "wait for the child");
		n = nx_gate_recv(r->boxed.gate, &msg, &fd);
		if (n <= 0)
			continue;
		nx_close(&fd);
		if (msg.kind == NX_GATE_CLOSED)
			return 0;
		if (msg.kind == NX_GATE_FAILED) {
			*f = msg.fault;
			return f->error < 0 ? f->error : -EPROTO;
		}
		if (msg.kind == NX_GATE_READY)
			n = nx_gate_send(r->boxed.gate, NX_GATE_GO, 0, -1);
	}
	return n;
}

/* Until init has ended: 0 when its command did well. */
static int
finish(struct round *r, struct nx_fault *f)
{
	int status;

	if (!becomes_readable(r->boxed.pidfd))
		return nx_step(f, -ETIMEDOUT, "wait for the end");
	if (waitpid(r->boxed.pid, &status, 0) != r->boxed.pid)
		return nx_step(f, -errno, "reap");
	nx_close(&r->boxed.pidfd);
	return status == 0 ? 0 : nx_step(f, -ECHILD, "run /bin/true");
}

static int
one(struct engine *e, struct nx_fault *f)
{
	struct round r = {.boxed = {-1, -1, -1},
	    .mounts = {-1, -1},
	    .volume = -1,
	    .cgroup = -1};
	int pair[2], n, gone;

	NX_TRY(f, NX_SYS(pipe2(pair, O_CLOEXEC)), "pipe");
	n = prepare(e, &r, pair[1], f);
	if (n == 0)
		n = start(&r, f);
	if (n == 0)
		n = finish(&r, f);
	nx_boxed_destroy(&r.boxed);
	(void)event_base_loop(e->base, EVLOOP_NONBLOCK); /* the reaper's turn */
	nx_image_mounts_fini(&r.mounts);
	nx_close(&r.volume);
	nx_close(&r.cgroup);
	nx_close(&pair[0]);
	nx_close(&pair[1]);
	/* What init left may need a moment to die. */
	for (int tries = 0; tries < 1000; tries++) {
		gone = nx_cgroup_remove(e->cgroups.nodes, NAME);
		if (gone != -EBUSY)
			break;
		usleep(100);
	}
	return n < 0 ? n : nx_step(f, gone, "remove the cgroup");
}

int
main(int argc, char **argv)
{
	static struct engine e;
	char line[16];

	if (argc != 4) {
		fprintf(stderr, "usage: engine DIRECTORY CGROUP NEXUS-INIT\n");
		return 2;
	}
	nx_log_open("engine", false);
	setup(&e, argv[1], argv[2], argv[3]);
	e.base = event_base_new();
	if (!e.base || nx_reaper_start(e.base) < 0)
		nx_fatal(-ENOMEM, "reaper");
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		struct nx_fault f = {0};

		if (one(&e, &f) < 0)
			printf("%s: %s\n", f.step, strerror(-f.error));
		else
			puts("ok");
	}
	return 0;
}
