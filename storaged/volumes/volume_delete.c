/*
 * VOLUME_DELETE: what is only there is copied elsewhere, the catalogue forgets
 * the volume, then image and loop device go. Until the catalogue forgets it,
 * everything can be called off and nothing is lost; after that the next start
 * would finish it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog.h"
#include "storaged/care/healer.h"
#include "storaged/storaged.h"
#include "storaged/uploads/upload.h"
#include "storaged/volumes/volume.h"
#include "storaged/volumes/volume_internal.h"
#include "proto/serve_storaged.h"

struct delete_job {
	struct storaged *s;
	struct nx_request *request;
	struct volume *volume;
	bool force;
	uint64_t moved, lost;
	struct catalog_volume_op op;
	struct catalog_barrier barrier;
	int result;
};

/* Volumes whose replicas make those on @v dispensable. */
static uint64_t
sole_files(struct storaged *s, const struct volume *v)
{
	const struct volume *o;
	int64_t *others;
	uint64_t files = 0;
	size_t n = 0;

	TAILQ_FOREACH(o, &s->volumes->list, entry)
		n++;
	others = calloc(n + 1, sizeof(*others));
	if (!others)
		return 0;
	n = 0;
	TAILQ_FOREACH(o, &s->volumes->list, entry)
		if (o != v && volume_readable(o) && !o->suspect)
			others[n++] = o->key;
	(void)catalog_volume_sole_files(s->catalog, v->key, others, n, &files);
	free(others);
	return files;
}

static void
call_off(struct delete_job *job, int why)
{
	struct volume *v = job->volume;
	uint64_t files = sole_files(job->s, v);

	v->state = VOLUME_READY;
	v->deleting = false;
	if (why == -ENOSPC)
		nx_refuse(job->request, NX__STATUS__CONFLICT,
		    "%" PRIu64 " files have their only copy on this node and "
		    "no other active node has room: create one, or delete "
		    "with force and lose them",
		    files);
	else
		nx_refuse(job->request, NX__STATUS__CONFLICT,
		    "%" PRIu64 " files have their only copy on this node and "
		    "could not be copied (%s): delete with force to lose them",
		    files, strerror(why < 0 ? -why : EIO));
	free(job);
}

static void
remove_work(void *arg)
{
	struct delete_job *job = arg;

	job->result =
	    volume_image_remove(&job->s->volumes->env, job->volume->node);
}

static void
removed(int result, void *arg)
{
	Nx__VolumeDeleteReply reply = NX__VOLUME_DELETE_REPLY__INIT;
	struct delete_job *job = arg;
	struct storaged *s = job->s;
	struct volume *v = job->volume;

	if (result < 0) {
		nx_err("event=volume-not-removed node=%s error=\"%s\"", v->node,
		    strerror(-result));
		v->deleting = false;
		nx_refuse_errno(job->request, result, "removing the image");
		free(job);
		return;
	}
	nx_info("event=volume-deleted node=%s moved=%" PRIu64 " lost=%" PRIu64,
	    v->node, job->moved, job->lost);
	volume_drop(s->volumes, v);
	reply.chunks_moved = job->moved;
	reply.files_lost = job->lost;
	nx_answer_volume_delete(job->request, &reply);
	free(job);
	healer_kick(s->healer);
}

static void
remove_done(void *arg)
{
	struct delete_job *job = arg;

	if (job->result < 0) {
		removed(job->result, job);
		return;
	}
	job->op = (struct catalog_volume_op){
	    .volume.key = job->volume->key, .done = removed, .arg = job};
	catalog_volume_delete(job->s->catalog, &job->op);
}

static void
detach_work(void *arg)
{
	struct delete_job *job = arg;

	volume_image_detach(&job->volume->mounted);
	remove_work(job);
}

/* No job uses it any more and the catalogue has forgotten it. */
static void
take_down(struct volume *v, void *arg)
{
	struct delete_job *job = arg;
	bool attached = v->attached;

	v->attached = false;
	v->store = chunk_store_free(v->store);
	if (nx_workers_submit(job->s->slow,
		attached ? detach_work : remove_work, remove_done, job) < 0)
		nx_fatal(-ENOMEM, "deleting a volume");
}

static void begin_drain(struct volume *v, void *arg);

static void
forgotten(int result, void *arg)
{
	struct delete_job *job = arg;
	struct volume *v = job->volume;

	if (result < 0)
		call_off(job, result);
	else if (result == CATALOG_WOULD_LOSE)
		/* An upload that was nearly done has been committed since. */
		volume_when_idle(v, begin_drain, job);
	else {
		job->lost = job->op.lost;
		v->state = VOLUME_GOING;
		volume_when_idle(v, take_down, job);
	}
}

static void
forget(struct delete_job *job)
{
	job->op = (struct catalog_volume_op){.volume.key = job->volume->key,
	    .may_lose = job->force,
	    .done = forgotten,
	    .arg = job};
	catalog_volume_forget(job->s->catalog, &job->op);
}

static void
drained(uint64_t moved, uint64_t left, int why, void *arg)
{
	struct delete_job *job = arg;

	job->moved += moved;
	if (left > 0 && !job->force)
		call_off(job, why);
	else
		forget(job);
}

static void
listed(int result, void *arg)
{
	struct delete_job *job = arg;

	if (result < 0)
		call_off(job, result);
	else
		healer_drain(
		    job->s->healer, job->volume, job->force, drained, job);
}

/* Uploads being committed may have chunks here: let them be listed. */
static void
begin_drain(struct volume *v, void *arg)
{
	struct delete_job *job = arg;

	nx_assert(v == job->volume);
	job->barrier = (struct catalog_barrier){.done = listed, .arg = job};
	catalog_barrier(job->s->catalog, &job->barrier);
}

static bool
check(struct nx_request *r, const struct volume *v, const char *node)
{
	if (!v)
		nx_refuse(
		    r, NX__STATUS__NOT_FOUND, "node %.32s has no volume", node);
	else if (v->deleting || v->state == VOLUME_MAKING)
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "the volume of node %s is being made or deleted", node);
	else
		return true;
	return false;
}

/*
 * Safe to grant: it removes one image that nodemgr had made, and refuses while
 * files would be lost unless told so.
 */
void
serve_volume_delete(
    struct nx_request *r, const Nx__VolumeDeleteRequest *q, struct storaged *s)
{
	struct volume *v = volume_find(s->volumes, q->node);
	struct delete_job *job;

	if (!check(r, v, q->node))
		return;
	job = calloc(1, sizeof(*job));
	if (!job) {
		nx_refuse_errno(r, -ENOMEM, "deleting the volume");
		return;
	}
	job->s = s;
	job->request = r;
	job->volume = v;
	job->force = q->force;
	v->deleting = true;
	if (v->state == VOLUME_GOING) {
		/* The last attempt forgot it but could not remove it. */
		volume_when_idle(v, take_down, job);
		return;
	}
	v->state = VOLUME_DRAINING;
	uploads_volume_gone(s->uploads, v);
	volume_when_idle(v, begin_drain, job);
}
