/*
 * What happens to volumes without being asked: the platform's own are made as
 * they fill, what is away is looked for again, and who watches them is told of
 * every change. Belongs to the loop's thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/storaged.h"
#include "storaged/volumes/base.h"
#include "storaged/volumes/disk_list.h"
#include "storaged/volumes/volume.h"
#include "storaged/volumes/volume_internal.h"

#define TICK_S    5
#define LOOK_TICK 6 /* what is away is looked for every so many ticks */

void
volumes_watch(struct volumes *vs, void (*watcher)(void *arg), void *arg)
{
	vs->watcher = watcher;
	vs->watcher_arg = arg;
}

void
volumes_changed(struct volumes *vs)
{
	if (vs->watcher)
		vs->watcher(vs->watcher_arg);
}

/* --- attaching again --------------------------------------------------------*/

struct attach_job {
	struct volumes *vs;
	struct nx_request *request; /* NULL: nobody waits */
	struct volume *volume;
	struct volume_mounted mounted;
	struct volume_error error;
	int result;
};

void
volume_answer_mount(struct nx_request *r, const struct volume *v)
{
	int fd =
	    mount_node(v->own.size > 0 ? &v->own.mount : &v->mounted.mount);

	if (fd < 0)
		nx_refuse_errno(r, fd, "cloning the node's mount");
	else
		volume_answer_fd(r, v, fd);
}

static void
attach_work(void *arg)
{
	struct attach_job *job = arg;
	const struct volume_part part = volume_part(job->volume);

	job->result = volume_attach(job->vs, &job->volume->disk->env, &part,
	    &job->mounted, &job->error);
}

void
volume_answer_not_attached(
    struct nx_request *r, int result, const struct volume_error *error)
{
	if (error->text[0])
		nx_refuse(r, NX__STATUS__INTERNAL,
		    "the volume cannot be mounted: %s", error->text);
	else
		nx_refuse_errno(r, result, "attaching the volume");
}

static void
attach_done(void *arg)
{
	struct attach_job *job = arg;
	struct volume *v = job->volume;

	v->state = VOLUME_READY;
	v->attaching = false;
	if (job->result == 0)
		job->result = volume_set_mounted(job->vs, v, &job->mounted);
	else
		volume_not_attached(v, job->result, &job->error);
	if (job->result == 0 && v->disk->away)
		chunk_store_lose(v->store); /* it is let go again */
	if (job->request && job->result == 0)
		volume_answer_mount(job->request, v);
	else if (job->request)
		volume_answer_not_attached(
		    job->request, job->result, &job->error);
	if (job->result == 0)
		volumes_changed(job->vs);
	free(job);
}

void
volume_reattach(struct volumes *vs, struct volume *v, struct nx_request *r)
{
	struct attach_job *job = calloc(1, sizeof(*job));
	int e = -ENOMEM;

	nx_assert(v->state == VOLUME_READY && !v->attached);
	if (job) {
		*job = (struct attach_job){.vs = vs, .request = r, .volume = v};
		e = nx_workers_submit(
		    vs->s->slow, attach_work, attach_done, job);
	}
	if (e < 0) {
		free(job);
		if (r)
			nx_refuse_errno(r, e, "attaching the volume");
		return;
	}
	v->state = VOLUME_MAKING; /* nobody else touches it meanwhile */
	v->attaching = true;
}

static void
look_for_away(struct volumes *vs)
{
	struct volume *v;

	TAILQ_FOREACH(v, &vs->list, entry) {
		if (v->deleting || v->disk->away)
			continue;
		if (own_away(v))
			own_attach(vs, v, NULL);
		if (v->state == VOLUME_READY && !v->attached)
			volume_reattach(vs, v, NULL);
	}
}

/* What is half removed: what was found so, and what failed before. */
static void
finish_removals(struct volumes *vs)
{
	struct disk *d;

	TAILQ_FOREACH(d, &vs->disks, entry)
		if (!d->away)
			volumes_finish_removals(vs, d);
}

/* --- the clock --------------------------------------------------------------*/

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	static unsigned ticks;
	struct volumes *vs = arg;

	(void)fd;
	(void)what;
	base_check(vs);
	disks_tick(vs);
	if (++ticks % LOOK_TICK == 0) {
		look_for_away(vs);
		finish_removals(vs);
	}
}

void
volumes_look(struct volumes *vs)
{
	vs->only_looking = true;
	disks_start(vs);
}

void
volumes_start(struct volumes *vs)
{
	const struct timeval every = {.tv_sec = TICK_S};

	nx_assert(!vs->tick);
	vs->tick = event_new(vs->s->base, -1, EV_PERSIST, on_tick, vs);
	if (!vs->tick || event_add(vs->tick, &every) < 0)
		nx_fatal(-ENOMEM, "starting");
	if (vs->only_looking) {
		vs->only_looking = false;
		finish_removals(vs);
	} else
		disks_start(vs);
	disk_list_changed(vs);
	disks_adopt_conf(vs);
	base_check(vs);
}

bool
volumes_starting(const struct volumes *vs)
{
	return base_making(vs) || !disks_settled(vs);
}
