/*
 * VOLUME_CREATE. The catalogue first learns that a volume is being made, then
 * it is made, then it is ready: whatever crash comes between leaves something
 * that the next start removes.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/status.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/volumes/base.h"
#include "storaged/volumes/volume.h"
#include "storaged/volumes/volume_internal.h"
#include "storaged/volumes/volume_steps.h"
#include "proto/serve_storaged.h"

struct create_job {
	struct storaged *s;
	struct nx_request *request;
	struct volume *volume;
	struct disk *disk;
	unsigned times_lost; /* of the disk, when it began */
	struct volume_steps made;
	struct catalog_volume_op save;
	int result;
};

static void
create_work(void *arg)
{
	struct create_job *job = arg;

	job->result = volume_steps_go(&job->made);
}

static void
remove_work(void *arg)
{
	struct create_job *job = arg;

	volume_steps_undo(&job->made);
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
		base_made(job->s->volumes, job->disk, job->result,
		    job->made.error.text);
	else if (job->made.error.text[0])
		nx_refuse(job->request, nx_status_of_errno(job->result), "%s",
		    job->made.error.text);
	else
		nx_refuse_errno(job->request, job->result, "making the volume");
}

static void
free_job(struct create_job *job)
{
	nx_close(&job->made.env.images);
	free(job);
}

static void
give_up(struct create_job *job)
{
	struct volume *v = job->volume;

	nx_assert(job->result < 0);
	job->disk->made++;
	if (job->made.left) {
		v->state = VOLUME_GOING;
		v->unfinished = true;
	} else
		volume_drop(job->s->volumes, v);
	tell_failure(job);
	free_job(job);
}

static void
unsaved(int result, void *arg)
{
	struct create_job *job = arg;

	if (result < 0) /* the next start tries again */
		nx_warn("event=not-saved node=%s", job->volume->node);
	give_up(job);
}

/* With an image that is still there its row stays: whoever deletes it, or the
 * next start, tries that again. */
static void
create_failed(void *arg)
{
	struct create_job *job = arg;

	if (job->made.left)
		give_up(job);
	else
		save(
		    job, CATALOG_VOLUME_MAKING, catalog_volume_delete, unsaved);
}

static void
complete(int result, void *arg)
{
	struct create_job *job = arg;
	struct volume *v = job->volume;
	uint64_t all;

	job->result = result;
	/* What lets go of a disk's volumes did not know of this one. */
	if (result == 0 && job->disk->times_lost != job->times_lost)
		job->result = -ENODEV;
	if (job->result == 0)
		job->result =
		    volume_set_mounted(job->s->volumes, v, &job->made.mounted);
	/* It exists but must not: undo it where blocking is fine. */
	if (job->result < 0 &&
	    nx_workers_submit(job->s->slow, remove_work, create_failed, job) ==
		0)
		return;
	if (job->result < 0) {
		create_failed(job);
		return;
	}
	if (v->own.size > 0)
		own_mounted(v, 0, &job->made.own, NULL);
	v->state = VOLUME_READY;
	v->active = v->base;
	v->disk->made++;
	all = v->size + v->own.size;
	v->disk->room -= v->disk->room < all ? v->disk->room : all;
	nx_info("event=volume-created node=%s size=%" PRIu64 " own=%" PRIu64
		" disk=%s",
	    v->node, v->size, v->own.size, v->disk->path);
	if (job->request)
		volume_answer(job->request, v);
	else
		base_made(job->s->volumes, v->disk, 0, "");
	volumes_changed(job->s->volumes);
	free_job(job);
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

static uint64_t
blocks_of(uint64_t size)
{
	return (size + VOLUME_BLOCK - 1) / VOLUME_BLOCK * VOLUME_BLOCK;
}

/* What a node of @size bytes takes of the disk, or more than any has. */
static uint64_t
all_of(const struct storaged *s, uint64_t size)
{
	uint64_t chunks;

	if (size > INT64_MAX - VOLUME_BLOCK)
		return UINT64_MAX;
	chunks = own_chunks(size, s->conf.node_chunks);
	return chunks > INT64_MAX ? UINT64_MAX : chunks + blocks_of(size);
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
	else if (all_of(s, q->size) > INT64_MAX)
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
	uint64_t room = 0, all = all_of(s, size);
	struct disk *d = disk_roomiest(s->volumes, &room);

	if (!d)
		nx_refuse(r, NX__STATUS__UNAVAILABLE,
		    "no disk can be used right now: nexusctl volume disks "
		    "says why");
	else if (all > room) {
		nx_refuse(r, NX__STATUS__FULL,
		    "the disk has room for %s more, not for %s (%s for the "
		    "node and %s for chunks): choose a smaller volume or "
		    "delete a node",
		    nx_size_format(room), nx_size_format(all),
		    nx_size_format(size), nx_size_format(all - size));
		d = NULL;
	}
	return d;
}

int
volume_make(struct volumes *vs, struct disk *d, struct nx_request *r,
    const char *name, uint64_t size, uint64_t own)
{
	struct create_job *job = calloc(1, sizeof(*job));

	if (!job)
		return -ENOMEM;
	job->made.env = d->env;
	job->made.env.images = fcntl(d->env.images, F_DUPFD_CLOEXEC, 0);
	if (job->made.env.images < 0) {
		int e = -errno;

		free(job);
		return e;
	}
	job->volume = volume_new(vs, d, name, blocks_of(size));
	if (!job->volume) {
		free_job(job);
		return -ENOMEM;
	}
	job->s = vs->s;
	job->request = r;
	job->disk = d;
	job->times_lost = d->times_lost;
	job->made.vs = vs;
	job->made.volume = job->volume;
	d->made++;
	job->volume->own.size = blocks_of(own);
	job->volume->state = VOLUME_MAKING;
	save(job, CATALOG_VOLUME_MAKING, catalog_volume_save, announced);
	return 0;
}

/*
 * Safe to grant: the name of the images is 32 checked digits, their place is
 * ours, their size is bounded by the disk; mkfs runs without capabilities. Only
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
	e = volume_make(s->volumes, d, r, q->node,
	    own_chunks(q->size, s->conf.node_chunks), q->size);
	if (e < 0)
		nx_refuse_errno(r, e, "making the volume");
}
