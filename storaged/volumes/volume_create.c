/*
 * VOLUME_CREATE. The catalogue first learns that a volume is being made, then
 * it is made, then it is ready: whatever crash comes between leaves something
 * that the next start removes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "common/status.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/volumes/base.h"
#include "storaged/volumes/volume.h"
#include "storaged/volumes/volume_internal.h"
#include "proto/serve_storaged.h"

#define IMAGE_BLOCK 4096ULL

struct create_job {
	struct storaged *s;
	struct nx_request *request;
	struct volume *volume;
	struct disk *disk;
	struct volume_mounted mounted;
	struct volume_error error;
	struct catalog_volume_op save;
	int result;
};

static void
create_work(void *arg)
{
	struct create_job *job = arg;
	const struct volumes *vs = job->s->volumes;
	const struct volume_env *env = &job->volume->disk->env;
	const char *node = job->volume->node;

	/* Before anything is made that would have to go again. */
	job->result = volume_key_possible(vs->keys, &job->error);
	if (job->result == 0)
		job->result = vs->image->create(
		    env, node, job->volume->size, &job->error);
	if (job->result < 0)
		return;
	job->result = volume_attach(
	    vs, env, node, job->volume->size, &job->mounted, &job->error);
	if (job->result < 0)
		(void)vs->image->remove(env, node);
}

static void
remove_work(void *arg)
{
	struct create_job *job = arg;

	const struct volumes *vs = job->s->volumes;

	volume_detach(&job->mounted);
	(void)vs->image->remove(&job->volume->disk->env, job->volume->node);
}

static void
save(struct create_job *job, enum catalog_volume_state state,
    void (*write)(struct catalog *c, struct catalog_volume_op *op),
    catalog_done *done)
{
	struct catalog_volume *row = &job->save.volume;

	*row = volume_row(job->volume);
	row->state = state;
	row->active = job->volume->base;
	job->save.done = done;
	job->save.arg = job;
	write(job->s->catalog, &job->save);
}

/* What is made for nobody is one of the platform's own. */
static void
tell_failure(const struct create_job *job)
{
	if (!job->request)
		base_made(
		    job->s->volumes, job->disk, job->result, job->error.text);
	else if (job->error.text[0])
		nx_refuse(job->request, nx_status_of_errno(job->result), "%s",
		    job->error.text);
	else
		nx_refuse_errno(job->request, job->result, "making the volume");
}

static void
give_up(struct create_job *job)
{
	nx_assert(job->result < 0);
	volume_drop(job->s->volumes, job->volume);
	tell_failure(job);
	free(job);
}

static void
unsaved(int result, void *arg)
{
	struct create_job *job = arg;

	if (result < 0) /* the next start tries again */
		nx_warn("event=not-saved node=%s", job->volume->node);
	give_up(job);
}

static void
create_failed(void *arg)
{
	save(arg, CATALOG_VOLUME_MAKING, catalog_volume_delete, unsaved);
}

static void
complete(int result, void *arg)
{
	struct create_job *job = arg;
	struct volume *v = job->volume;

	job->result = result;
	/* It exists but must not: undo it where blocking is fine. */
	if (result < 0 &&
	    nx_workers_submit(job->s->slow, remove_work, create_failed, job) ==
		0)
		return;
	if (job->result == 0)
		job->result =
		    volume_set_mounted(job->s->volumes, v, &job->mounted);
	if (job->result < 0) {
		create_failed(job);
		return;
	}
	v->state = VOLUME_READY;
	v->active = v->base;
	v->disk->room -= v->disk->room < v->size ? v->disk->room : v->size;
	nx_info("event=volume-created node=%s size=%" PRIu64 " disk=%s",
	    v->node, v->size, v->disk->path);
	if (job->request)
		volume_answer(job->request, v);
	else
		base_made(job->s->volumes, v->disk, 0, "");
	volumes_changed(job->s->volumes);
	free(job);
}

static void
create_done(void *arg)
{
	struct create_job *job = arg;

	if (job->result < 0)
		create_failed(job);
	else
		save(job, CATALOG_VOLUME_READY, catalog_volume_save, complete);
}

static void
announced(int result, void *arg)
{
	struct create_job *job = arg;
	int r;

	job->result = result;
	if (result < 0) {
		give_up(job);
		return;
	}
	job->volume->key = job->save.volume.key;
	/* From here on the result is the worker's: it may be there already. */
	r = nx_workers_submit(job->s->slow, create_work, create_done, job);
	if (r < 0) {
		job->result = r;
		create_failed(job);
	}
}

static bool
check(
    struct nx_request *r, struct storaged *s, const Nx__VolumeCreateRequest *q)
{
	if (!nx_id_valid(q->node))
		nx_refuse(r, NX__STATUS__INVALID, "that is no node id");
	else if (q->size < VOLUME_SIZE_MIN)
		nx_refuse(r, NX__STATUS__INVALID,
		    "a volume has at least 16 MiB, not %s",
		    nx_size_format(q->size));
	else if (q->size > INT64_MAX - IMAGE_BLOCK)
		nx_refuse(r, NX__STATUS__FULL,
		    "no disk has room for a volume of that size");
	else if (volume_find(s->volumes, q->node))
		nx_refuse(r, NX__STATUS__EXISTS, "node %s has a volume already",
		    q->node);
	else
		return true;
	return false;
}

/* Nodes' volumes go where there is most room, which spreads them. */
static struct disk *
choose_disk(struct nx_request *r, struct storaged *s, uint64_t size)
{
	uint64_t room = 0;
	struct disk *d = disk_roomiest(s->volumes, &room);

	if (!d)
		nx_refuse(r, NX__STATUS__UNAVAILABLE,
		    "no disk can be used right now: nexusctl volume disks "
		    "says why");
	else if (size > room) {
		nx_refuse(r, NX__STATUS__FULL,
		    "the disk has room for %s more, not for %s: choose a "
		    "smaller volume or delete a node",
		    nx_size_format(room), nx_size_format(size));
		d = NULL;
	}
	return d;
}

int
volume_make(struct volumes *vs, struct disk *d, struct nx_request *r,
    const char *name, uint64_t size)
{
	struct create_job *job = calloc(1, sizeof(*job));

	if (job)
		job->volume = volume_new(vs, d, name,
		    (size + IMAGE_BLOCK - 1) / IMAGE_BLOCK * IMAGE_BLOCK);
	if (!job || !job->volume) {
		free(job);
		return -ENOMEM;
	}
	job->s = vs->s;
	job->request = r;
	job->disk = d;
	job->volume->state = VOLUME_MAKING;
	save(job, CATALOG_VOLUME_MAKING, catalog_volume_save, announced);
	return 0;
}

/*
 * Safe to grant: the name of the image is 32 checked digits, its place is
 * ours, its size is bounded by the disk; mkfs runs without capabilities. Only
 * nodemgr may ask.
 */
void
serve_volume_create(
    struct nx_request *r, const Nx__VolumeCreateRequest *q, struct storaged *s)
{
	struct disk *d;
	int e;

	if (!check(r, s, q))
		return;
	d = choose_disk(r, s, q->size);
	if (!d)
		return;
	e = volume_make(s->volumes, d, r, q->node, q->size);
	if (e < 0)
		nx_refuse_errno(r, e, "making the volume");
}
