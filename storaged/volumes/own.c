/* See own.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volume.h"
#include "storaged/volumes/volume_internal.h"

struct own_name
own_name(const char *node)
{
	struct own_name name;

	(void)snprintf(name.text, sizeof(name.text), "%.32s.node", node);
	return name;
}

uint64_t
own_chunks(uint64_t size, uint64_t percent)
{
	uint64_t n;

	if (size / 100 > (UINT64_MAX - VOLUME_BLOCK) / percent - 1)
		return UINT64_MAX;
	n = size / 100 * percent + size % 100 * percent / 100;
	if (n < VOLUME_SIZE_MIN)
		n = VOLUME_SIZE_MIN;
	return (n + VOLUME_BLOCK - 1) / VOLUME_BLOCK * VOLUME_BLOCK;
}

/* --- what blocks ------------------------------------------------------------*/

int
own_mount(const struct volumes *vs, const struct volume_env *env,
    const char *node, struct volume_own *ret_own, struct volume_error *error)
{
	struct own_name name = own_name(node);
	const struct volume_part part = {
	    .name = name.text, .size = ret_own->size, .what = MOUNT_NODE};
	int r = volume_part_mount(
	    vs, env, &part, &ret_own->mount, ret_own->loop, error);

	ret_own->attached = r == 0;
	return r;
}

void
own_unmount(struct volume_own *own)
{
	if (own->attached)
		unmount_volume(&own->mount);
	own->attached = false;
}

int
own_remove_all(
    const struct volumes *vs, const struct volume_env *env, const char *node)
{
	struct own_name name = own_name(node);
	int r = vs->image->remove(env, node);
	int own = vs->image->remove(env, name.text);

	if (r < 0 || own < 0)
		return r < 0 ? r : own;
	return r > own ? r : own;
}

/* --- the loop's -------------------------------------------------------------*/

bool
own_away(const struct volume *v)
{
	return v->own.size > 0 && !v->own.attached &&
	    (v->state == VOLUME_READY || v->attaching);
}

static void
not_mounted(struct volume *v, int result, const struct volume_error *error)
{
	char why[sizeof(v->own.why)];

	(void)snprintf(why, sizeof(why), "%s",
	    error->text[0] ? error->text : strerror(-result));
	if (strcmp(why, v->own.why) == 0)
		return;
	memcpy(v->own.why, why, sizeof(why));
	nx_err("event=volume-not-attached node=%s part=node error=\"%s\" "
	       "reason=\"%s\"",
	    v->node, strerror(-result), error->text);
}

void
own_mounted(struct volume *v, int result, const struct volume_own *own,
    const struct volume_error *error)
{
	nx_assert(!v->own.attached);
	if (result < 0) {
		not_mounted(v, result, error);
		return;
	}
	v->own.mount = own->mount;
	memcpy(v->own.loop, own->loop, sizeof(v->own.loop));
	v->own.attached = true;
	v->own.why[0] = '\0';
}

struct own_job {
	struct volumes *vs;
	struct volume *volume; /* referenced */
	struct volume_own own;
	struct volume_error error;
	int result;
};

static void
attach_work(void *arg)
{
	struct own_job *job = arg;
	const struct volume *v = job->volume;

	job->result =
	    own_mount(job->vs, &v->disk->env, v->node, &job->own, &job->error);
}

static void
answer(struct own_job *job, struct nx_request *r)
{
	if (job->result == 0)
		volume_answer_mount(r, job->volume);
	else
		volume_answer_not_attached(r, job->result, &job->error);
}

static void
attach_done(void *arg)
{
	struct own_job *job = arg;
	struct volume *v = job->volume;
	struct nx_request *asked = v->own.asked;

	v->own.busy = false;
	v->own.asked = NULL;
	own_mounted(v, job->result, &job->own, &job->error);
	if (asked)
		answer(job, asked);
	volume_unref(v);
	free(job);
}

static int
begin(struct volumes *vs, struct volume *v)
{
	struct own_job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return -ENOMEM;
	*job = (struct own_job){.vs = vs, .volume = v, .own.size = v->own.size};
	r = nx_workers_submit(vs->s->slow, attach_work, attach_done, job);
	if (r < 0) {
		free(job);
		return r;
	}
	volume_ref(v);
	v->own.busy = true;
	return 0;
}

void
own_attach(struct volumes *vs, struct volume *v, struct nx_request *r)
{
	int e = 0;

	nx_assert(v->own.size > 0 && !v->own.attached);
	if (r && v->own.asked) {
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "the volume of node %s is being attached", v->node);
		return;
	}
	if (!v->own.busy)
		e = begin(vs, v);
	if (e == 0 && r)
		v->own.asked = r;
	else if (r)
		nx_refuse_errno(r, e, "attaching the volume");
}
