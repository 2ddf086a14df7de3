/*
 * Chunks in one directory of an ext4 volume: large ones are files of their own
 * (chunk_local_draft.c, chunk_local_read.c, chunk_local_names.c), small ones share segments
 * (segments.h) in a directory below. Which it is shows when the draft is
 * complete.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/chunk_local.h"

/* --- small chunks and large ones ---------------------------------------------*/

/* What is written, unless a store above this one makes something else of it. */
static void
as_it_is(struct chunk_append *append)
{
	append->bytes = append->data;
	if (!append->prepare)
		append->n_bytes = append->length;
}

static void
local_append(struct chunk_store *store, struct chunk_append *append)
{
	as_it_is(append);
	segment_queue_add(segments_queue(local_of(store)->segments), append);
}

static int
local_append_wait(struct chunk_store *store, struct chunk_append *append)
{
	as_it_is(append);
	return segment_queue_add_wait(
	    segments_queue(local_of(store)->segments), append);
}

static void
local_hold(struct chunk_store *store, uint64_t at)
{
	segments_hold(local_of(store)->segments, at);
}

static void
local_settle(struct chunk_store *store, uint64_t at)
{
	segments_settle(local_of(store)->segments, at);
}

static int
local_open(struct chunk_store *store, const struct chunk_place *place,
    bool cold, struct chunk_reader **ret_reader)
{
	if (place->at == 0)
		return local_open_file(store, &place->id, cold, ret_reader);
	return segments_open(
	    local_of(store)->segments, store, place, cold, ret_reader);
}

static int
local_read_now(
    struct chunk_store *store, const struct chunk_place *place, void *data)
{
	return place->at == 0
	    ? -EAGAIN
	    : segments_read_now(local_of(store)->segments, place, data);
}

static void
local_forget(struct chunk_store *store, const struct chunk_place *place)
{
	if (place->at == 0)
		local_forget_file(store, &place->id);
	else
		segments_forget(local_of(store)->segments, place);
}

static int
local_segments(struct chunk_store *store,
    void (*each)(const struct chunk_segment *segment, void *arg), void *arg)
{
	return segments_list(local_of(store)->segments, each, arg);
}

static bool
local_is_held(struct chunk_store *store, uint32_t number)
{
	return segments_are_held(local_of(store)->segments, number);
}

static int
local_retire(struct chunk_store *store, uint32_t number)
{
	return segments_retire(local_of(store)->segments, number);
}

static int
local_spare(struct chunk_store *store)
{
	return segments_spare(local_of(store)->segments);
}

static int
local_scan(struct chunk_store *store, uint32_t number,
    void (*each)(const struct chunk_id *id, uint64_t at, uint32_t length,
	bool good, void *arg),
    void *arg)
{
	return segments_scan(local_of(store)->segments, number, each, arg);
}

static void
local_free(struct chunk_store *store)
{
	segments_free(local_of(store)->segments);
	nx_close(&local_of(store)->dir);
	free(local_of(store));
}

static const struct chunk_store_ops local_ops = {
    .free = local_free,
    .begin = local_begin,
    .write = local_write,
    .read_back = local_read_back,
    .commit = local_commit,
    .discard = local_discard,
    .append = local_append,
    .append_wait = local_append_wait,
    .hold = local_hold,
    .settle = local_settle,
    .open = local_open,
    .read_now = local_read_now,
    .forget = local_forget,
    .segments = local_segments,
    .is_held = local_is_held,
    .retire = local_retire,
    .spare = local_spare,
    .scan = local_scan,
    .remove = local_remove,
    .list = local_list,
    .remove_stray = local_remove_stray,
    .set_aside = local_set_aside,
    .put_back = local_put_back,
    .room = local_room,
};

int
chunk_store_local_new(
    struct chunk_store_spec *spec, struct chunk_store **ret_store)
{
	struct local *l = calloc(1, sizeof(*l));
	int r = -ENOMEM;

	if (!l) {
		nx_close(&spec->dirfd);
		return r;
	}
	l->store.ops = &local_ops;
	l->dir = nx_take_fd(&spec->dirfd);
	l->files = spec->files;
	r = segments_new(&l->store, l->dir, spec, &l->segments);
	if (r < 0) {
		local_free(&l->store);
		return r;
	}
	*ret_store = &l->store;
	return 0;
}
