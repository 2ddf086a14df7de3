/*
 * VOLUME_DELETE: what is only there is copied elsewhere, the catalogue forgets
 * the volume, then image and loop device go. Until the catalogue has forgotten
 * it, everything can be called off: what that forgot by then were replicas that
 * are elsewhere too, or files that may be lost. After that the next start would
 * finish it. With `drain` it ends there, so that a node may run until it
 * is decided; the image is for a second call.
 *
 * What cannot be copied decides: files of others are never lost here, those of
 * who asks only with force and only those that an earlier refusal named, any
 * file only for an admin who said so. nodemgr is believed about who asks.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "proto/serve_storaged.h"
#include "storaged/care/removal_internal.h"

#define ROUNDS_MAX 16 /* drains of one volume */

void
removal_free(struct delete_job *job)
{
	free(job->losable);
	free(job->lost);
	free(job);
}

/* --- deciding ---------------------------------------------------------------*/

static void begin_drain(struct volume *v, void *arg);

static void
drain_again(struct delete_job *job)
{
	if (job->rounds++ < ROUNDS_MAX)
		volume_when_idle(job->volume, begin_drain, job);
	else
		removal_call_off_errno(job, -EBUSY);
}

/* Nothing counts on it any more; its node has it until it ends. */
static void
leave_image(struct delete_job *job)
{
	job->volume->deleting = job->volume->active = false;
	nx_info("event=volume-drained node=%s moved=%" PRIu64 " lost=%" PRIu64,
	    job->volume->node, job->moved, job->n_lost);
	removal_answer(job);
	healer_kick(job->s->healer);
	removal_free(job);
}

static void
forgotten(int result, void *arg)
{
	struct delete_job *job = arg;
	struct volume *v = job->volume;

	nx_assert(v->deleting && v->state == VOLUME_DRAINING);
	if (result < 0)
		removal_call_off_errno(job, result);
	else if (result == CATALOG_WOULD_LOSE)
		/* An upload that was nearly done has been committed since. */
		drain_again(job);
	else if (result == CATALOG_KEPT)
		removal_refuse_kept(job);
	else {
		v->state = VOLUME_GOING;
		job->s->volumes->doubts++;
		for (size_t i = 0; i < job->n_named; i++)
			nx_err("event=file-lost file=%s owner=%" PRIu64
			       " node=%s",
			    job->lost[i].id, job->lost[i].owner, v->node);
		if (job->drain)
			leave_image(job);
		else
			volume_when_idle(v, removal_take_down, job);
	}
}

static void
forget(struct delete_job *job)
{
	job->forget = (struct catalog_forget){.volume = job->volume->key,
	    .losable = job->losable,
	    .n_losable = job->n_losable,
	    .done = forgotten,
	    .arg = job};
	catalog_volume_forget(job->s->catalog, &job->forget);
}

/* What will be lost, to be told afterwards. */
static int
note_lost(struct delete_job *job, const struct drained *result)
{
	free(job->losable);
	free(job->lost);
	job->n_losable = job->n_named = 0;
	job->n_lost = 0;
	job->losable = calloc(result->n_risks + 1, sizeof(*job->losable));
	job->lost = calloc(LOST_MAX, sizeof(*job->lost));
	if (!job->losable || !job->lost)
		return -ENOMEM;
	for (size_t i = 0; i < result->n_risks; i++) {
		const struct drain_risk *risk = &result->risks[i];
		struct lost *lost = &job->lost[job->n_named];
		struct catalog_file file;

		job->losable[job->n_losable++] = risk->file;
		if (risk->gone)
			continue;
		job->n_lost += risk->n;
		if (job->n_named == LOST_MAX ||
		    catalog_file_with(job->s->catalog, risk->file, 0, &file) !=
			0)
			continue;
		memcpy(lost->id, file.id, sizeof(lost->id));
		lost->owner = file.owner;
		catalog_file_place(
		    job->s->catalog, &file, lost->name, sizeof(lost->name));
		job->n_named++;
	}
	return 0;
}

static int
by_key(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Has who asks been told of all that would be lost? */
static bool
were_named(const struct volume *v, const struct drained *result)
{
	for (size_t i = 0; i < result->n_risks; i++)
		if (!result->risks[i].gone &&
		    !(v->n_named > 0 &&
			bsearch(&result->risks[i].file, v->named, v->n_named,
			    sizeof(*v->named), by_key)))
			return false;
	return true;
}

static void
drained(const struct drained *result, void *arg)
{
	struct delete_job *job = arg;
	uint64_t own = 0, others = 0;

	nx_assert(job->volume->state == VOLUME_DRAINING);
	job->moved += result->moved;
	for (size_t i = 0; i < result->n_risks; i++) {
		if (result->risks[i].gone)
			continue;
		if (result->risks[i].owner == job->owner)
			own += result->risks[i].n;
		else
			others += result->risks[i].n;
	}
	if (result->failed < 0)
		removal_call_off_errno(job, result->failed);
	else if (job->s->volumes->doubts != job->doubts)
		/* What it counted on may not be there any more. */
		drain_again(job);
	else if (own + others > 0 && !job->lose_files &&
	    !(job->force && others == 0 && were_named(job->volume, result)))
		removal_refuse(job, result, own, others);
	else if (note_lost(job, result) < 0)
		removal_call_off_errno(job, -ENOMEM);
	else
		forget(job);
}

static void
listed(int result, void *arg)
{
	struct delete_job *job = arg;

	if (result < 0) {
		removal_call_off_errno(job, result);
		return;
	}
	job->doubts = job->s->volumes->doubts;
	result = healer_drain(job->s->healer, job->volume, drained, job);
	if (result < 0)
		removal_call_off_errno(job, result);
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
	if (!v || v->base)
		nx_refuse(
		    r, NX__STATUS__NOT_FOUND, "node %.32s has no volume", node);
	else if (v->deleting)
		/* nothing is decided: no refusal */
		nx_refuse(r, NX__STATUS__UNAVAILABLE,
		    "the volume of node %s is still being emptied", node);
	else if (v->state == VOLUME_MAKING)
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "the volume of node %s is being made", node);
	else
		return true;
	return false;
}

void
removal_start(struct storaged *s, struct volume *v)
{
	struct delete_job *job = calloc(1, sizeof(*job));

	nx_assert(v->base && v->state == VOLUME_READY && !v->deleting);
	if (!job)
		return; /* it is tried again */
	job->s = s;
	job->volume = v;
	v->deleting = true;
	v->state = VOLUME_DRAINING;
	volumes_going(s->volumes, v);
	volume_when_idle(v, begin_drain, job);
}

/*
 * Safe to grant: it removes one image that nodemgr had made, and never files
 * beyond those that the words of who asks cover.
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
	job->lose_files = q->lose_files;
	job->drain = q->drain;
	job->owner = q->owner;
	v->deleting = true;
	if (v->state == VOLUME_GOING) {
		/* It has been drained, or could not be removed. */
		if (job->drain)
			leave_image(job);
		else
			volume_when_idle(v, removal_take_down, job);
		return;
	}
	v->state = VOLUME_DRAINING;
	volumes_going(s->volumes, v);
	volume_when_idle(v, begin_drain, job);
}
