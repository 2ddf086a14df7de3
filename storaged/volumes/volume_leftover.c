/*
 * What was left of volumes on a disk that was away when they were deleted, or
 * when a crash came between: the image goes, then the row. It may take several
 * attempts; what fails is tried again after a while, and when the disk comes the
 * next time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volume.h"
#include "storaged/volumes/volume_internal.h"

struct leftover {
	struct volumes *vs;
	struct volume *volume; /* deleting */
	int result;
	struct catalog_volume_op op;
};

static void
remove_work(void *arg)
{
	struct leftover *job = arg;

	job->result =
	    own_remove_all(job->vs, &job->volume->disk->env, job->volume->node);
}

static void
forgotten(int result, void *arg)
{
	struct leftover *job = arg;
	struct volume *v = job->volume;

	v->deleting = false;
	if (result < 0)
		nx_err("event=volume-not-removed node=%s error=\"%s\"", v->node,
		    strerror(-result));
	else {
		nx_info(
		    "event=volume-removed node=%s reason=interrupted", v->node);
		volume_drop(job->vs, v);
	}
	free(job);
}

static void
remove_done(void *arg)
{
	struct leftover *job = arg;

	if (job->result < 0 || job->volume->disk->away) {
		forgotten(job->result < 0 ? job->result : -ENODEV, job);
		return;
	}
	job->op = (struct catalog_volume_op){
	    .volume.key = job->volume->key, .done = forgotten, .arg = job};
	catalog_volume_delete(job->vs->s->catalog, &job->op);
}

void
volumes_finish_removals(struct volumes *vs, struct disk *d)
{
	struct volume *v;

	if (vs->only_looking)
		return;
	TAILQ_FOREACH(v, &vs->list, entry) {
		struct leftover *job;

		if (v->disk != d || !v->unfinished || v->deleting)
			continue;
		job = calloc(1, sizeof(*job));
		if (!job)
			return;
		*job = (struct leftover){.vs = vs, .volume = v};
		if (nx_workers_submit(
			vs->s->slow, remove_work, remove_done, job) < 0) {
			free(job);
			return;
		}
		v->deleting = true;
	}
}
