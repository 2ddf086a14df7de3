/*
 * The order of compaction: what is empty and has waited comes first, then the
 * segment that is being emptied, then the walk, which goes through the segments
 * of one volume after the other, some hundred in one turn.
 *
 *	list	a worker: what files there are, and room put by
 *	look	the loop: which of them is nearly or wholly dead
 *	scan	a worker: is there more in it than the catalogue ever knew?
 *	move	compact_move.c
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/care/compact_internal.h"

#define LOOK_US  10000000 /* between two walks */
#define SLICE    256      /* segments looked at in one turn */
#define LIVE_MAX 2        /* one part of so many: it is left as it is */
#define TIGHT    16       /* less than such a part free: no time to rest */
#define TIGHT_US 1000
#define WAIT_US  5000000 /* for who has a place and has not opened it */

static void step(struct compact *c);

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	step(arg);
}

void
compact_in(struct compact *c, uint64_t us)
{
	const struct timeval tv = {.tv_sec = (time_t)(us / 1000000),
	    .tv_usec = (suseconds_t)(us % 1000000)};

	if (c->running && !c->stopped)
		(void)evtimer_add(c->timer, &tv);
}

static bool
is_tight(struct compact *c)
{
	struct volume *v = volume_by_key(c->s->volumes, c->volume_key);

	return v && volume_room(v) < v->size / TIGHT;
}

void
compact_rest(struct compact *c, uint64_t took)
{
	compact_in(c, is_tight(c) ? TIGHT_US : pace_rest(&c->pace, c->s, took));
}

/* --- the walk ---------------------------------------------------------------*/

static bool
is_fit(const struct volume *v)
{
	return v->attached && v->state == VOLUME_READY && !v->suspect;
}

static struct volume *
volume_after(struct compact *c, int64_t after)
{
	struct volume *v, *best = NULL;

	TAILQ_FOREACH(v, &c->s->volumes->list, entry)
		if (v->key > after && is_fit(v) &&
		    (!best || v->key < best->key))
			best = v;
	return best;
}

static void
next_volume(struct compact *c)
{
	struct volume *v = volume_after(c, c->volume_key);

	c->listed = false;
	c->after = 0;
	c->volume_key = v ? v->key : INT64_MAX;
	if (v)
		return;
	c->st.kept = c->kept;
	c->st.dead = c->dead;
	c->look_us = nx_now_us() + LOOK_US;
}

static void
add_file(const struct chunk_segment *segment, void *arg)
{
	struct compact *c = arg;
	size_t room = c->room_files ? c->room_files * 2 : 64;
	struct chunk_segment *more;

	if (c->n_files == c->room_files) {
		more = reallocarray(c->files, room, sizeof(*more));
		if (!more) {
			c->result = -ENOMEM;
			return;
		}
		c->files = more;
		c->room_files = room;
	}
	c->files[c->n_files++] = *segment;
}

static int
by_number(const void *a, const void *b)
{
	const struct chunk_segment *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static void
list_work(void *arg)
{
	struct compact *c = arg;
	int r;

	c->n_files = c->at_file = 0;
	c->result = 0;
	r = chunk_segments(c->volume->store, add_file, c);
	if (r < 0)
		c->result = r;
	if (c->n_files > 0) {
		qsort(c->files, c->n_files, sizeof(*c->files), by_number);
		(void)chunk_spare(c->volume->store);
	}
}

static void
end_job(struct compact *c)
{
	nx_assert(c->busy);
	c->busy = false;
	volume_unref(c->volume);
	c->volume = NULL;
}

static void
list_done(void *arg)
{
	struct compact *c = arg;

	end_job(c);
	c->listed = c->result == 0;
	if (!c->listed)
		next_volume(c);
	compact_in(c, 0);
}

/* With c->volume_key's volume. */
static void
job(struct compact *c, void (*work)(void *arg), void (*done)(void *arg))
{
	struct volume *v = volume_by_key(c->s->volumes, c->volume_key);

	c->volume = v;
	c->busy =
	    v && is_fit(v) && nx_workers_submit(c->s->slow, work, done, c) == 0;
	if (c->busy) {
		volume_ref(v);
		return;
	}
	c->volume = NULL;
	c->segment.number = 0;
	next_volume(c);
	compact_in(c, 0);
}

/* --- what is to be done about one -------------------------------------------*/

/* It has been left alone as long as an orphan is, and no upload is under way
 * that may have been appending to it. */
static bool
is_old(struct compact *c, const struct chunk_segment *file)
{
	uint64_t oldest = c->oldest ? c->oldest(c->oldest_arg) : UINT64_MAX;

	return file->changed_at + c->s->conf.orphan_keep <
	    nx_wall_us() / 1000000 &&
	    file->changed_at < oldest;
}

static void
unknown(struct compact *c, const struct chunk_segment *file)
{
	if (file->open)
		return;
	if (is_old(c, file))
		compact_emptied(c, file->number);
	else
		c->kept++;
}

/* What is somebody's, as it lies there: what is packed takes less than it says. */
static uint64_t
alive(const struct catalog_segment *segment, const struct chunk_segment *file)
{
	uint64_t part = segment->came > 0
	    ? file->bytes * segment->bytes / segment->came
	    : segment->bytes;

	return part < segment->bytes ? part : segment->bytes;
}

/* Some of it is what fills the last page of each batch. */
static uint64_t
dead(const struct catalog_segment *segment, const struct chunk_segment *file)
{
	uint64_t part = alive(segment, file);

	return part < file->bytes ? file->bytes - part : 0;
}

/* By what would be left of it: each batch that is moved has its last page to
 * itself. */
static bool
is_worth_it(
    const struct catalog_segment *segment, const struct chunk_segment *file)
{
	uint64_t batches = segment->chunks / CATALOG_MOVES + 1;
	uint64_t left = alive(segment, file) + batches * SEGMENT_PAGE;

	return !file->open &&
	    (segment->chunks == 0 || left * LIVE_MAX < file->bytes);
}

static void
note_beyond(const struct chunk_id *id, uint64_t at, uint32_t length, bool good,
    void *arg)
{
	struct compact *c = arg;

	(void)id;
	(void)length;
	(void)good;
	c->more_than_known |= at > c->segment.high;
}

static void
scan_work(void *arg)
{
	struct compact *c = arg;

	c->result =
	    chunk_scan(c->volume->store, c->segment.number, note_beyond, c);
}

static void
begin(struct compact *c)
{
	if (c->segment.chunks == 0) {
		compact_emptied(c, c->segment.number);
		c->segment.number = 0;
	}
	compact_in(c, 0);
}

static void
scan_done(void *arg)
{
	struct compact *c = arg;

	end_job(c);
	/* What cannot be told may be more. */
	if (c->more_than_known || c->result < 0) {
		c->kept++;
		c->segment.number = 0;
		compact_in(c, 0);
	} else
		begin(c);
}

static void
choose(struct compact *c, const struct catalog_segment *segment,
    const struct chunk_segment *file)
{
	c->segment = *segment;
	c->file = *file;
	c->from = (uint64_t)segment->number << 32;
	c->left = 0;
	c->more_than_known = false;
	if (file->earlier && !is_old(c, file))
		job(c, scan_work, scan_done);
	else
		begin(c);
}

/* Files and rows, both in the order of numbers. True when one was chosen. */
static bool
look_at(struct compact *c, const struct catalog_segment *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct chunk_segment *file = NULL;

		while (c->at_file < c->n_files &&
		    c->files[c->at_file].number < rows[i].number)
			unknown(c, &c->files[c->at_file++]);
		if (c->at_file < c->n_files &&
		    c->files[c->at_file].number == rows[i].number)
			file = &c->files[c->at_file++];
		c->after = rows[i].number;
		if (!file && rows[i].chunks == 0)
			compact_emptied(c, rows[i].number); /* the row goes */
		if (file)
			c->dead += dead(&rows[i], file);
		if (!file || !is_worth_it(&rows[i], file))
			continue;
		choose(c, &rows[i], file);
		return true;
	}
	return false;
}

static void
look(struct compact *c)
{
	struct catalog_segment rows[SLICE];
	uint64_t began = nx_now_us();
	int n = catalog_segments(
	    c->s->catalog, c->volume_key, c->after, rows, SLICE);

	if (n > 0 && look_at(c, rows, (size_t)n))
		return;
	if (n < SLICE) {
		while (n >= 0 && c->at_file < c->n_files)
			unknown(c, &c->files[c->at_file++]);
		next_volume(c);
	}
	compact_rest(c, nx_now_us() - began);
}

/* --- what is next -----------------------------------------------------------*/

static void
step(struct compact *c)
{
	if (c->busy || c->stopped || compact_retire(c))
		return;
	if (c->segment.number != 0)
		compact_move(c);
	else if (c->volume_key != INT64_MAX && !c->listed)
		job(c, list_work, list_done);
	else if (c->volume_key != INT64_MAX)
		look(c);
	else if (nx_now_us() >= c->look_us) {
		c->kept = c->dead = 0;
		compact_dead_walk(c);
		c->volume_key = 0;
		next_volume(c);
		compact_in(c, c->volume_key == INT64_MAX ? LOOK_US / 10 : 0);
	} else
		compact_in(c, LOOK_US / 10);
}

/* --- from outside -----------------------------------------------------------*/

struct compact *
compact_new(struct storaged *s)
{
	struct compact *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->s = s;
	c->volume_key = INT64_MAX;
	c->wait_us = WAIT_US;
	TAILQ_INIT(&c->emptied);
	LIST_INIT(&c->deads);
	c->timer = evtimer_new(s->base, on_timer, c);
	return c->timer ? c : compact_free(c);
}

struct compact *
compact_free(struct compact *c)
{
	if (!c)
		return NULL;
	nx_assert(!c->busy);
	compact_retire_fini(c);
	compact_dead_fini(c);
	if (c->timer)
		event_free(c->timer);
	free(c->files);
	free(c);
	return NULL;
}

void
compact_watch(struct compact *c, uint64_t (*oldest)(void *arg), void *arg)
{
	c->oldest = oldest;
	c->oldest_arg = arg;
}

void
compact_start(struct compact *c)
{
	c->running = true;
	catalog_on_died(c->s->catalog, compact_died, c);
	compact_in(c, 0);
}

void
compact_stop(struct compact *c)
{
	c->stopped = true;
	(void)evtimer_del(c->timer);
}

void
compact_look(struct compact *c)
{
	c->look_us = 0;
	if (!c->busy)
		compact_in(c, 0);
}

bool
compact_idle(const struct compact *c)
{
	return !c->busy;
}

void
compact_status(const struct compact *c, struct compact_status *ret_status)
{
	*ret_status = c->st;
}
