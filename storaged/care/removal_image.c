/*
 * The end of a volume that nothing refers to any more: mount, loop device and
 * image in a worker thread, then its row, then the answer. What is interrupted
 * here the next start finishes, and what fails and nobody asked for is tried again.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "proto/serve_storaged.h"
#include "storaged/care/removal_internal.h"

static void
remove_work(void *arg)
{
	struct delete_job *job = arg;

	const struct volumes *vs = job->s->volumes;
	const struct volume *v = job->volume;

	job->result = own_remove_all(vs, &v->disk->env, v->node);
}

void
removal_answer(struct delete_job *job)
{
	Nx__VolumeDeleteReply reply = NX__VOLUME_DELETE_REPLY__INIT;
	Nx__LostFile files[LOST_MAX], *list[LOST_MAX];

	if (!job->request)
		return;
	for (size_t i = 0; i < job->n_named; i++) {
		nx__lost_file__init(&files[i]);
		files[i].id = job->lost[i].id;
		files[i].owner = job->lost[i].owner;
		files[i].name = job->lost[i].name;
		list[i] = &files[i];
	}
	reply.chunks_moved = job->moved;
	reply.files_lost = job->n_lost;
	reply.lost = list;
	reply.n_lost = job->n_named;
	nx_answer_volume_delete(job->request, &reply);
}

static void
removed(int result, void *arg)
{
	struct delete_job *job = arg;
	struct storaged *s = job->s;
	struct volume *v = job->volume;

	if (result < 0) {
		nx_err("event=volume-not-removed node=%s error=\"%s\"", v->node,
		    strerror(-result));
		v->deleting = false;
		v->unfinished = !job->request; /* who asks may ask again */
		if (job->request)
			nx_refuse_errno(
			    job->request, result, "removing the image");
		removal_free(job);
		return;
	}
	nx_info("event=volume-deleted node=%s moved=%" PRIu64 " lost=%" PRIu64,
	    v->node, job->moved, job->n_lost);
	volume_drop(s->volumes, v);
	removal_answer(job);
	removal_free(job);
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

	volume_detach(&job->volume->mounted);
	own_unmount(&job->own);
	remove_work(job);
}

/* Its disk is away, or we are ending: the image goes when that is back or at the
 * next start, and the row with it. */
static void
leave_unfinished(struct delete_job *job)
{
	struct volume *v = job->volume;

	nx_info("event=volume-deleted node=%s moved=%" PRIu64 " lost=%" PRIu64
		" note=\"the image goes later\"",
	    v->node, job->moved, job->n_lost);
	v->unfinished = true;
	v->deleting = false;
	removal_answer(job);
	healer_kick(job->s->healer);
	removal_free(job);
}

/* No job uses it any more and the catalogue has forgotten it. */
void
removal_take_down(struct volume *v, void *arg)
{
	struct delete_job *job = arg;
	bool attached = v->attached || v->own.attached;

	nx_assert(v == job->volume && v->refs == 0);
	nx_assert(v->state == VOLUME_GOING);
	/* One that is to be removed may never be back. */
	if (v->disk->away && v->disk->leaving && !attached) {
		job->result = 0;
		remove_done(job);
		return;
	}
	if (v->disk->away) {
		leave_unfinished(job);
		return;
	}
	v->attached = false;
	v->store = chunk_store_free(v->store);
	job->own = v->own;
	if (nx_workers_submit(job->s->slow,
		attached ? detach_work : remove_work, remove_done, job) < 0)
		leave_unfinished(job); /* we are ending */
	else
		v->own.attached = false;
}
