/*
 * VOLUME_DELETE: what is only there is copied elsewhere, the catalogue forgets
 * the volume, then image and loop device go. Until the catalogue forgets it,
 * everything can be called off and nothing is lost; after that the next start
 * would finish it. With `drain` it ends there, so that a node may run until it
 * is decided; the image is for a second call.
 *
 * What cannot be copied decides: files of others are never lost here, those of
 * who asks only with force and only those that an earlier refusal named, any
 * file only for an admin who said so. nodemgr is believed about who asks.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "proto/serve_storaged.h"
#include "storaged/care/healer.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volumes.h"

#define ROUNDS_MAX 16 /* drains of one volume */
#define LOST_MAX   64U
#define NAMES_MAX  3U
#define NAME_SHOWN 80
#define PLACE_SIZE 512

struct lost {
	char id[NX_ID_LEN + 1], name[PLACE_SIZE];
	uint64_t owner;
};

struct delete_job {
	struct storaged *s;
	struct nx_request *request;
	struct volume *volume;
	bool force, lose_files, drain;
	uint64_t owner;
	unsigned rounds;
	uint64_t doubts; /* when the drain began */
	uint64_t moved, n_lost;
	int64_t *losable; /* files, by key, sorted */
	size_t n_losable;
	struct lost *lost; /* the first of them */
	size_t n_named;
	struct catalog_volume_op op;
	struct catalog_forget forget;
	struct catalog_barrier barrier;
	int result;
};

static void
job_free(struct delete_job *job)
{
	free(job->losable);
	free(job->lost);
	free(job);
}

/* --- refusing ---------------------------------------------------------------*/

/* Nothing has been taken away; it goes on as before. */
static void
call_off(struct delete_job *job)
{
	job->volume->state = VOLUME_READY;
	job->volume->deleting = false;
	job_free(job);
}

static void
call_off_errno(struct delete_job *job, int error)
{
	nx_refuse_errno(job->request, error, "emptying the volume");
	call_off(job);
}

static void
add(char *text, size_t size, const char *more)
{
	size_t len = strlen(text);

	(void)snprintf(text + len, size - len, "%s", more);
}

/* "/a, /b, /c and 4 more" */
static void
name_some(struct storaged *s, const struct drained *result, uint64_t owner,
    uint64_t n, char *ret_text, size_t size)
{
	char place[PLACE_SIZE], more[48];
	struct catalog_file file;
	uint64_t named = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < result->n_risks && named < NAMES_MAX; i++) {
		const struct drain_risk *risk = &result->risks[i];

		if (risk->gone || risk->owner != owner ||
		    catalog_file_get(s->catalog, risk->file, &file) != 0)
			continue;
		catalog_file_place(s->catalog, &file, place, sizeof(place));
		if (strlen(place) > NAME_SHOWN)
			(void)snprintf(place, sizeof(place), "%s", file.id);
		add(ret_text, size, named++ ? ", " : "");
		add(ret_text, size, place);
	}
	if (n <= named)
		return;
	(void)snprintf(more, sizeof(more), " and %" PRIu64 " more", n - named);
	add(ret_text, size, more);
}

static const char *
plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void
refuse_others(
    struct delete_job *job, const char *why, uint64_t own, uint64_t others)
{
	nx_refuse(job->request, NX__STATUS__CONFLICT,
	    "%" PRIu64 " file%s of other users %s only good cop%s on this "
	    "node%s and %s: make room elsewhere first (delete something, or "
	    "create or start another node), force loses nobody else's files",
	    others, plural(others), others == 1 ? "has its" : "have their",
	    others == 1 ? "y" : "ies", own ? ", beside some of yours," : "",
	    why);
}

static void
refuse_own(struct delete_job *job, const struct drained *result,
    const char *why, uint64_t own)
{
	char names[NAMES_MAX * (NAME_SHOWN + 2) + 48];

	name_some(job->s, result, job->owner, own, names, sizeof(names));
	nx_refuse(job->request, NX__STATUS__CONFLICT,
	    "%" PRIu64 " file%s of yours would be lost (%s), for this node has "
	    "the only good cop%s and %s: make room elsewhere first, or delete "
	    "with force and lose %s",
	    own, plural(own), names, own == 1 ? "y" : "ies", why,
	    own == 1 ? "it" : "them");
}

static void
remember_named(struct volume *v, const struct drained *result, uint64_t owner)
{
	int64_t *named = calloc(result->n_risks + 1, sizeof(*named));

	free(v->named);
	v->named = named;
	v->n_named = 0;
	for (size_t i = 0; named && i < result->n_risks; i++)
		if (!result->risks[i].gone && result->risks[i].owner == owner)
			named[v->n_named++] = result->risks[i].file;
}

static void
refuse(struct delete_job *job, const struct drained *result, uint64_t own,
    uint64_t others)
{
	char why[128];

	if (result->why == -ENOSPC)
		(void)snprintf(
		    why, sizeof(why), "no other volume has room for it");
	else
		(void)snprintf(why, sizeof(why), "it could not be copied (%s)",
		    strerror(-result->why));
	remember_named(job->volume, result, job->owner);
	if (others > 0)
		refuse_others(job, why, own, others);
	else
		refuse_own(job, result, why, own);
	call_off(job);
}

/* --- removing ---------------------------------------------------------------*/

static void
remove_work(void *arg)
{
	struct delete_job *job = arg;

	const struct volumes *vs = job->s->volumes;

	job->result = vs->image->remove(&vs->env, job->volume->node);
}

static void
answer(struct delete_job *job)
{
	Nx__VolumeDeleteReply reply = NX__VOLUME_DELETE_REPLY__INIT;
	Nx__LostFile files[LOST_MAX], *list[LOST_MAX];

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
		nx_refuse_errno(job->request, result, "removing the image");
		job_free(job);
		return;
	}
	nx_info("event=volume-deleted node=%s moved=%" PRIu64 " lost=%" PRIu64,
	    v->node, job->moved, job->n_lost);
	volume_drop(s->volumes, v);
	answer(job);
	job_free(job);
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

/* --- deciding ---------------------------------------------------------------*/

static void begin_drain(struct volume *v, void *arg);

static void
drain_again(struct delete_job *job)
{
	if (job->rounds++ < ROUNDS_MAX)
		volume_when_idle(job->volume, begin_drain, job);
	else
		call_off_errno(job, -EBUSY);
}

/* Nothing counts on it any more; its node has it until it ends. */
static void
leave_image(struct delete_job *job)
{
	job->volume->deleting = job->volume->active = false;
	nx_info("event=volume-drained node=%s moved=%" PRIu64 " lost=%" PRIu64,
	    job->volume->node, job->moved, job->n_lost);
	answer(job);
	healer_kick(job->s->healer);
	job_free(job);
}

static void
forgotten(int result, void *arg)
{
	struct delete_job *job = arg;
	struct volume *v = job->volume;

	if (result < 0)
		call_off_errno(job, result);
	else if (result == CATALOG_WOULD_LOSE)
		/* An upload that was nearly done has been committed since. */
		drain_again(job);
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
			volume_when_idle(v, take_down, job);
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
		job->n_lost++;
		if (job->n_named == LOST_MAX ||
		    catalog_file_get(job->s->catalog, risk->file, &file) != 0)
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

	job->moved += result->moved;
	for (size_t i = 0; i < result->n_risks; i++) {
		if (result->risks[i].gone)
			continue;
		own += result->risks[i].owner == job->owner;
		others += result->risks[i].owner != job->owner;
	}
	if (result->failed < 0)
		call_off_errno(job, result->failed);
	else if (job->s->volumes->doubts != job->doubts)
		/* What it counted on may not be there any more. */
		drain_again(job);
	else if (own + others > 0 && !job->lose_files &&
	    !(job->force && others == 0 && were_named(job->volume, result)))
		refuse(job, result, own, others);
	else if (note_lost(job, result) < 0)
		call_off_errno(job, -ENOMEM);
	else
		forget(job);
}

static void
listed(int result, void *arg)
{
	struct delete_job *job = arg;

	if (result < 0) {
		call_off_errno(job, result);
		return;
	}
	job->doubts = job->s->volumes->doubts;
	healer_drain(job->s->healer, job->volume, drained, job);
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
	else if (v->deleting || v->state == VOLUME_MAKING)
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "the volume of node %s is being made or deleted", node);
	else
		return true;
	return false;
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
			volume_when_idle(v, take_down, job);
		return;
	}
	v->state = VOLUME_DRAINING;
	volumes_going(s->volumes, v);
	volume_when_idle(v, begin_drain, job);
}
