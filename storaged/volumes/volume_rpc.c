/* VOLUME_ATTACH, _SET_ACTIVE and _LIST. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volume_internal.h"
#include "storaged/volumes/volumes.h"
#include "proto/serve_storaged.h"

#define LIST_MAX 64U /* with the longest sentences they fit a frame */

static char *
text_of(const char *text)
{
	return (char *)(uintptr_t)text;
}

void
volume_info(
    struct storaged *s, const struct volume *v, Nx__VolumeInfo *ret_info)
{
	struct chunk_count count = {0};
	uint64_t chunks = 0, room = 0;

	(void)catalog_volume_chunks(s->catalog, v->key, &chunks);
	if (v->store) {
		(void)chunk_room(v->store, &room);
		chunk_count(v->store, &count);
	}
	nx__volume_info__init(ret_info);
	ret_info->node = text_of(v->node);
	ret_info->size = v->size;
	ret_info->free = room;
	ret_info->chunks = chunks;
	ret_info->attached = v->attached;
	ret_info->active = v->active;
	ret_info->suspect = v->suspect;
	ret_info->platform = v->base;
	ret_info->loop = text_of(v->attached ? v->mounted.loop : "");
	ret_info->encrypted = v->mounted.key.bytes != NULL;
	ret_info->coded = count.coded;
	ret_info->plain = count.plain;
	ret_info->away_why = text_of(v->away_why);
	ret_info->disk = text_of(v->disk->path);
	ret_info->state = text_of(volume_condition(v));
	ret_info->rate = v->rate;
	ret_info->left_s = v->left_s;
	ret_info->stuck = v->stuck;
	ret_info->own = v->own.size;
	ret_info->own_loop = text_of(v->own.attached ? v->own.loop : "");
	ret_info->own_why = text_of(v->own.why);
}

void
volume_answer_fd(struct nx_request *r, const struct volume *v, int fd)
{
	Nx__VolumeInfo info = NX__VOLUME_INFO__INIT;
	uint64_t room = 0;

	if (v->store)
		(void)chunk_room(v->store, &room);
	info.node = text_of(v->node);
	info.size = v->size;
	info.free = room;
	info.attached = v->attached;
	info.active = v->active;
	info.suspect = v->suspect;
	info.platform = v->base;
	info.loop = text_of(v->attached ? v->mounted.loop : "");
	info.own = v->own.size;
	info.own_loop = text_of(v->own.attached ? v->own.loop : "");
	nx_answer_volume_attach(r, &info, &fd, fd >= 0 ? 1 : 0);
}

void
volume_answer(struct nx_request *r, const struct volume *v)
{
	volume_answer_fd(r, v, -1);
}

static struct volume *
find(struct nx_request *r, struct storaged *s, const char *node)
{
	struct volume *v = volume_find(s->volumes, node);

	if (v && v->base)
		v = NULL; /* no node's, so none of nodemgr's business */
	if (v && (v->state == VOLUME_READY || v->attaching))
		return v;
	if (v)
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "the volume of node %.32s is being %s", node,
		    v->state == VOLUME_MAKING ? "made" : "deleted");
	else
		nx_refuse(
		    r, NX__STATUS__NOT_FOUND, "node %.32s has no volume", node);
	return NULL;
}

/* --- attach -----------------------------------------------------------------*/

/*
 * Safe to grant: what goes out is a detached mount of node/ alone, without
 * devices and set-id; chunks/ is not below it and cannot be reached from it.
 * Only nodemgr may ask, for a volume it had made.
 */
void
serve_volume_attach(
    struct nx_request *r, const Nx__VolumeRequest *q, struct storaged *s)
{
	struct volume *v = find(r, s, q->node);

	if (!v)
		return;
	if (v->disk->away)
		nx_refuse(r, NX__STATUS__UNAVAILABLE,
		    "the disk %s, where the volume of node %s is, is away: %s",
		    v->disk->path, v->node, v->disk->why);
	else if (v->own.attached || (v->own.size == 0 && v->attached))
		volume_answer_mount(r, v);
	else if (v->own.size > 0)
		own_attach(s->volumes, v, r);
	else if (v->attaching)
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "the volume of node %s is being attached", v->node);
	else
		volume_reattach(s->volumes, v, r);
}

/* --- active -----------------------------------------------------------------*/

struct active_op {
	struct catalog_volume_op save;
	struct storaged *s;
	struct nx_request *request;
	struct volume *volume; /* referenced */
	bool was_active;
};

static void
active_saved(int result, void *arg)
{
	struct active_op *op = arg;
	struct volume *v = op->volume;

	if (result < 0) {
		v->active = op->was_active;
		nx_refuse_errno(op->request, result, "remembering it");
	} else {
		nx_info("event=volume-%s node=%s",
		    v->active ? "active" : "inactive", v->node);
		volume_answer(op->request, v);
		volumes_changed(op->s->volumes);
	}
	volume_unref(v);
	free(op);
}

/* At once for placement, which only spares a write that would fail; answered
 * when it will be known after a crash too. */
static void
set_active(
    struct nx_request *r, struct storaged *s, struct volume *v, bool active)
{
	struct active_op *op = calloc(1, sizeof(*op));

	if (!op) {
		nx_refuse_errno(r, -ENOMEM, "remembering it");
		return;
	}
	*op = (struct active_op){
	    .s = s, .request = r, .volume = v, .was_active = v->active};
	volume_ref(v);
	v->active = active;
	/* Starting its node again is a good moment to prove it. */
	if (active && v->suspect)
		v->proof_us = 1;
	op->save.volume = volume_row(v);
	op->save.done = active_saved;
	op->save.arg = op;
	catalog_volume_save(s->catalog, &op->save);
}

void
serve_volume_set_active(struct nx_request *r,
    const Nx__VolumeSetActiveRequest *q, struct storaged *s)
{
	struct volume *v = find(r, s, q->node);

	if (!v)
		return;
	if (q->active != v->active) {
		set_active(r, s, v, q->active);
		return;
	}
	volume_answer(r, v);
}

/* --- list -------------------------------------------------------------------*/

static int
by_node(const void *a, const void *b)
{
	const struct volume *const *x = a, *const *y = b;

	return strcmp((*x)->node, (*y)->node);
}

static size_t
sorted_after(struct volumes *vs, const char *after, struct volume ***ret_list)
{
	struct volume **list, *v;
	size_t n = 0;

	TAILQ_FOREACH(v, &vs->list, entry)
		n++;
	list = calloc(n + 1, sizeof(*list));
	n = 0;
	if (list)
		TAILQ_FOREACH(v, &vs->list, entry)
			if (strcmp(v->node, after) > 0)
				list[n++] = v;
	if (n > 0)
		qsort(list, n, sizeof(*list), by_node);
	*ret_list = list;
	return n;
}

void
serve_volume_list(
    struct nx_request *r, const Nx__VolumeListRequest *q, struct storaged *s)
{
	Nx__VolumeListReply reply = NX__VOLUME_LIST_REPLY__INIT;
	Nx__VolumeInfo infos[LIST_MAX], *pointers[LIST_MAX];
	size_t max = q->limit && q->limit < LIST_MAX ? q->limit : LIST_MAX;
	struct volume **list;
	size_t n = sorted_after(s->volumes, q->after, &list);

	for (size_t i = 0; i < n && i < max; i++) {
		volume_info(s, list[i], &infos[i]);
		pointers[i] = &infos[i];
		reply.n_volumes = i + 1;
	}
	reply.volumes = pointers;
	if (n > max)
		reply.next = list[max - 1]->node;
	nx_answer_volume_list(r, &reply);
	free(list);
}
