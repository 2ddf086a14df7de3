/*
 * A store that codes: two stores side by side, one of plain chunks, one of coded
 * ones (coding.h), of which the same volume has each in a directory of its own.
 * A chunk is looked for in both: by where it lies, never by what it contains,
 * which users choose. So everything stays readable when the setting changes, and
 * what is written is in the form that is set.
 *
 * All that is counted and compared elsewhere is of the plain bytes.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/chunk_coded.h"

/* --- reading ----------------------------------------------------------------*/

/* The part that has a record, and where it is there. How long a coded one is only
 * it itself knows. */
static struct chunk_store *
part_of(
    struct coded *c, const struct chunk_place *place, struct chunk_place *ret)
{
	*ret = *place;
	if ((place->at & CODED_MARK) == 0)
		return c->plain;
	ret->at &= ~CODED_MARK;
	ret->size = 0;
	return c->coded;
}

static int
open_one(struct coded *c, struct chunk_store *from,
    const struct chunk_place *place, bool cold,
    struct chunk_reader **ret_reader)
{
	struct chunk_reader *inner;
	int r = cold ? chunk_open_cold(from, place, &inner)
		     : chunk_open(from, place, &inner);

	if (r == 0 && from == c->coded)
		return coded_reader_new(
		    &c->store, &place->id, inner, ret_reader);
	if (r == 0)
		*ret_reader = inner;
	return r;
}

static int
coded_open(struct chunk_store *store, const struct chunk_place *place,
    bool cold, struct chunk_reader **ret_reader)
{
	struct coded *c = coded_of(store);
	bool coded = coded_writes(c);
	struct chunk_store *part;
	struct chunk_place inner;
	int r;

	/* Of a record the place says what it is. */
	if (place->at != 0) {
		part = part_of(c, place, &inner);
		return open_one(c, part, &inner, cold, ret_reader);
	}
	r = open_one(c, coded ? c->coded : c->plain, place, cold, ret_reader);
	if (r == -ENOENT)
		r = open_one(
		    c, coded ? c->plain : c->coded, place, cold, ret_reader);
	return r;
}

/* What is coded takes more than reading. */
static int
coded_read_now(
    struct chunk_store *store, const struct chunk_place *place, void *data)
{
	return place->at & CODED_MARK
	    ? -EAGAIN
	    : chunk_read_now(coded_of(store)->plain, place, data);
}

static void
coded_forget(struct chunk_store *store, const struct chunk_place *place)
{
	struct coded *c = coded_of(store);
	struct chunk_place inner;

	if (place->at != 0) {
		chunk_forget(part_of(c, place, &inner), &inner);
		return;
	}
	chunk_forget(c->plain, place);
	chunk_forget(c->coded, place);
}

/* --- the rest: in both ------------------------------------------------------*/

static int
first_error(int a, int b)
{
	return a < 0 ? a : b;
}

static int
coded_remove(struct chunk_store *store, const struct chunk_id *id)
{
	struct coded *c = coded_of(store);

	return first_error(
	    chunk_remove(c->coded, id), chunk_remove(c->plain, id));
}

static int
coded_remove_stray(struct chunk_store *store, const char *name, uint64_t before)
{
	struct coded *c = coded_of(store);

	return first_error(chunk_remove_stray(c->coded, name, before),
	    chunk_remove_stray(c->plain, name, before));
}

static int
coded_set_aside(
    struct chunk_store *store, const struct chunk_id *id, uint64_t before)
{
	struct coded *c = coded_of(store);

	return first_error(chunk_set_aside(c->coded, id, before),
	    chunk_set_aside(c->plain, id, before));
}

static int
coded_put_back(struct chunk_store *store, const struct chunk_id *id)
{
	struct coded *c = coded_of(store);

	return first_error(
	    chunk_put_back(c->coded, id), chunk_put_back(c->plain, id));
}

struct listing {
	chunk_listed *each;
	void *arg;
	uint64_t n;
};

static bool
list_one(const char *name, uint64_t changed_at, void *arg)
{
	struct listing *l = arg;

	l->n += strlen(name) == NX_ID_LEN;
	return l->each(name, changed_at, l->arg);
}

static int
coded_list(struct chunk_store *store, chunk_listed *each, void *arg)
{
	struct coded *c = coded_of(store);
	struct listing plain = {each, arg, 0}, coded = {each, arg, 0};
	int r = chunk_list(c->plain, list_one, &plain);

	if (r == 0)
		r = chunk_list(c->coded, list_one, &coded);
	if (r == 0) {
		atomic_store(&c->n_plain, plain.n);
		atomic_store(&c->n_coded, coded.n);
	}
	return r;
}

static void
coded_count(struct chunk_store *store, struct chunk_count *ret_count)
{
	struct coded *c = coded_of(store);

	ret_count->plain = atomic_load(&c->n_plain);
	ret_count->coded = atomic_load(&c->n_coded);
}

static int
coded_room(struct chunk_store *store, uint64_t *ret_free)
{
	return chunk_room(coded_of(store)->plain, ret_free);
}

static void
coded_free(struct chunk_store *store)
{
	chunk_store_free(coded_of(store)->plain);
	chunk_store_free(coded_of(store)->coded);
	free(coded_of(store));
}

/* --- segments: each part has its own; those of coded chunks are marked --------*/

static struct chunk_store *
part_with(struct coded *c, uint64_t *at)
{
	struct chunk_store *part = *at & CODED_MARK ? c->coded : c->plain;

	*at &= ~CODED_MARK;
	return part;
}

static void
coded_hold(struct chunk_store *store, uint64_t at)
{
	struct chunk_store *part = part_with(coded_of(store), &at);

	chunk_hold(part, at);
}

static void
coded_settle(struct chunk_store *store, uint64_t at)
{
	struct chunk_store *part = part_with(coded_of(store), &at);

	chunk_settle(part, at);
}

struct segment_listing {
	void (*each)(const struct chunk_segment *segment, void *arg);
	void (*record)(const struct chunk_id *id, uint64_t at, uint32_t length,
	    bool good, void *arg);
	void *arg;
};

static void
mark_segment(const struct chunk_segment *segment, void *arg)
{
	struct segment_listing *l = arg;
	struct chunk_segment marked = *segment;

	marked.number |= CODED_NUMBER;
	l->each(&marked, l->arg);
}

static int
coded_segments(struct chunk_store *store,
    void (*each)(const struct chunk_segment *segment, void *arg), void *arg)
{
	struct segment_listing l = {.each = each, .arg = arg};
	struct coded *c = coded_of(store);
	int r = chunk_segments(c->plain, each, arg);

	return r < 0 ? r : chunk_segments(c->coded, mark_segment, &l);
}

static struct chunk_store *
part_of_number(struct coded *c, uint32_t number)
{
	return number & CODED_NUMBER ? c->coded : c->plain;
}

static bool
coded_is_held(struct chunk_store *store, uint32_t number)
{
	return chunk_is_held(
	    part_of_number(coded_of(store), number), number & ~CODED_NUMBER);
}

static int
coded_retire(struct chunk_store *store, uint32_t number)
{
	return chunk_retire(
	    part_of_number(coded_of(store), number), number & ~CODED_NUMBER);
}

/* @length stays the record's: that of a container. */
static void
mark_record(const struct chunk_id *id, uint64_t at, uint32_t length, bool good,
    void *arg)
{
	struct segment_listing *l = arg;

	l->record(id, at | CODED_MARK, length, good, l->arg);
}

/* Where reserved appends go. */
static int
coded_spare(struct chunk_store *store)
{
	struct coded *c = coded_of(store);

	return chunk_spare(coded_writes(c) ? c->coded : c->plain);
}

static int
coded_scan(struct chunk_store *store, uint32_t number,
    void (*each)(const struct chunk_id *id, uint64_t at, uint32_t length,
	bool good, void *arg),
    void *arg)
{
	struct segment_listing l = {.record = each, .arg = arg};
	struct coded *c = coded_of(store);

	return number & CODED_NUMBER
	    ? chunk_scan(c->coded, number & ~CODED_NUMBER, mark_record, &l)
	    : chunk_scan(c->plain, number, each, arg);
}

static const struct chunk_store_ops coded_ops = {
    .free = coded_free,
    .begin = coded_begin,
    .write = coded_write,
    .read_back = coded_read_back,
    .commit = coded_commit,
    .discard = coded_discard,
    .open = coded_open,
    .read_now = coded_read_now,
    .forget = coded_forget,
    .append = coded_append,
    .append_wait = coded_append_wait,
    .hold = coded_hold,
    .settle = coded_settle,
    .segments = coded_segments,
    .is_held = coded_is_held,
    .retire = coded_retire,
    .spare = coded_spare,
    .scan = coded_scan,
    .remove = coded_remove,
    .list = coded_list,
    .remove_stray = coded_remove_stray,
    .set_aside = coded_set_aside,
    .put_back = coded_put_back,
    .room = coded_room,
    .count = coded_count,
};

static int
open_part(struct coded *c, const struct chunk_store_spec *spec, int *dirfd,
    bool files, struct chunk_store **ret_store)
{
	struct chunk_store_spec part = {.kind = CHUNK_STORE_LOCAL,
	    .dirfd = nx_take_fd(dirfd),
	    .writers = spec->writers,
	    .files = files};
	int r;

	memcpy(part.volume, spec->volume, sizeof(part.volume));
	r = chunk_store_new(&part, ret_store);
	if (r == 0)
		(*ret_store)->part_of = &c->store;
	return r;
}

int
chunk_store_coded_new(
    struct chunk_store_spec *spec, struct chunk_store **ret_store)
{
	struct coded *c = calloc(1, sizeof(*c));
	int r = c ? open_part(c, spec, &spec->dirfd, spec->files, &c->plain)
		  : -ENOMEM;

	if (r == 0)
		r = open_part(
		    c, spec, &spec->coded_dirfd, spec->files, &c->coded);
	nx_close(&spec->dirfd);
	nx_close(&spec->coded_dirfd);
	if (r < 0) {
		if (c)
			coded_free(&c->store);
		return r;
	}
	c->store.ops = &coded_ops;
	c->how = *spec->how;
	*ret_store = &c->store;
	return 0;
}
