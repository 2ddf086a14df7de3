/*
 * Reading replicas and making them; see copy.h for what it promises. Owns the
 * references to the volumes of one chunk while a thread works on it. A failing
 * target makes its volume suspect (fault.h); a failing source is the caller's
 * to judge, from the state of each replica.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "storaged/care/collector.h"
#include "storaged/care/copy.h"
#include "storaged/care/reading.h"

/* --- in a worker thread -----------------------------------------------------*/

static struct chunk_place
made_at(const struct copy *c)
{
	return (struct chunk_place){c->chunk.id, c->at, c->chunk.sums.size};
}

static enum replica_state
judge(int error)
{
	if (error == 0)
		return REPLICA_GOOD;
	return volume_fault_of(error) == FAULT_OURS ? REPLICA_UNKNOWN
						    : REPLICA_BAD;
}

/* All of it, from what the others have on their disks. */
static int
check_made(struct copy *c)
{
	struct chunk_reader *reader;
	int r = stripe_open(c->stripe, true, &reader);

	if (r == 0)
		r = chunk_verify(
		    reader, &c->chunk.sums, 0, c->chunk.sums.size, NULL);
	stripe_close(c->stripe);
	return r;
}

static void
check_work(void *arg)
{
	struct copy *c = arg;

	for (size_t i = 0; i < c->n_replicas; i++) {
		struct replica *r = &c->replicas[i];

		r->error =
		    reading_whole(r->volume->store, &r->place, &c->chunk.sums);
		r->state = judge(r->error);
	}
	if (c->stripe && c->n_replicas == 0) {
		c->made_error = check_made(c);
		c->made = judge(c->made_error);
	}
}

/* A block nobody has good, as somebody has it: it stays as damaged as it is,
 * and the others are saved. -EIO when nobody can read it at all: it may come
 * back, so it counts as not copied. */
static int
salvage_block(struct chunk_reader *const *readers, size_t n, uint8_t *buf,
    uint32_t len, uint32_t at, uint32_t crc)
{
	int r = -EIO;

	for (size_t i = 0; i < n; i++) {
		if (!readers[i])
			continue;
		if (chunk_read_at(readers[i], buf, len, at) < 0)
			continue;
		r = 0;
		if (checksum_crc(buf, len) == crc)
			return 0;
	}
	return r;
}

static int
salvage(struct copy *c, struct chunk_reader *const *readers)
{
	const struct checksums *sums = &c->chunk.sums;
	nx_cleanup_free uint8_t *buf = malloc(CRC_BLOCK);
	struct chunk_draft *draft;
	int r = buf ? chunk_begin(c->target->store, &draft) : -ENOMEM;

	if (r < 0)
		return r;
	for (uint32_t at = 0; at < sums->size && r == 0; at += CRC_BLOCK) {
		uint32_t len =
		    sums->size - at < CRC_BLOCK ? sums->size - at : CRC_BLOCK;

		r = salvage_block(readers, c->n_replicas, buf, len, at,
		    sums->crc[at / CRC_BLOCK]);
		if (r == 0)
			r = chunk_write(draft, buf, len);
	}
	if (r == 0)
		r = chunk_commit(draft, &c->chunk.id, true, &c->at);
	if (r < 0)
		chunk_discard(draft);
	c->damaged = r == 0;
	return r;
}

/* Where the target has one by now; CATALOG_REPLICAS: nowhere. */
static size_t
own_replica(const struct copy *c)
{
	return catalog_replica_on(&c->chunk, c->target->key);
}

/* Is the file, if it is one, somebody's? */
static bool
is_replica(const struct copy *c)
{
	size_t i = own_replica(c);

	return i < CATALOG_REPLICAS && c->chunk.at[i] == c->at;
}

/* The replicas, and what can be made of other parts, behind them: so that it is
 * asked last. */
#define READERS (CATALOG_REPLICAS + 1)

static int
open_made(struct copy *c, struct chunk_reader **readers)
{
	int r = c->stripe
	    ? stripe_open(c->stripe, false, &readers[c->n_replicas])
	    : 0;

	if (r < 0)
		readers[c->n_replicas] = NULL;
	return volume_fault_of(r) == FAULT_OURS ? r : 0;
}

/* Not readable for want of something of ours: then nothing is known. */
static int
open_all(struct copy *c, struct chunk_reader **readers)
{
	int ours = 0;

	for (size_t i = 0; i < c->n_replicas; i++) {
		struct replica *r = &c->replicas[i];

		r->error = chunk_open(r->volume->store, &r->place, &readers[i]);
		if (r->error < 0)
			readers[i] = NULL;
		if (volume_fault_of(r->error) == FAULT_OURS)
			ours = r->error;
	}
	return ours < 0 ? ours : open_made(c, readers);
}

static void
make_from(struct copy *c, struct chunk_reader *const *readers)
{
	struct chunk_place place;
	bool source = false;

	/* Replacing also what an interrupted copy may have left. */
	c->result = chunk_copy(readers, c->n_replicas + 1, &c->chunk.sums,
	    c->target->store, &c->chunk.id, true, &c->at, &source);
	if (c->result == -EBADMSG && source && c->salvage) {
		source = false;
		c->result = salvage(c, readers);
	}
	if (c->result == 0 && !c->damaged) {
		place = made_at(c);
		c->result =
		    reading_whole(c->target->store, &place, &c->chunk.sums);
		if (c->result == -EBADMSG)
			c->result = -EIO; /* it took it and gives another */
	}
	c->targets = c->result < 0 && !source;
}

/* Good on the disk: then it is a page in memory that a reader found bad. */
static bool
is_good_already(struct copy *c)
{
	size_t i = own_replica(c);
	struct chunk_place place;

	if (i == CATALOG_REPLICAS)
		return false;
	place = catalog_place(&c->chunk, i);
	if (reading_whole(c->target->store, &place, &c->chunk.sums) < 0)
		return false;
	chunk_forget(c->target->store, &place);
	return true;
}

static void
make_work(void *arg)
{
	struct chunk_reader *readers[READERS] = {NULL};
	struct copy *c = arg;
	int ours;

	c->was_good = is_good_already(c);
	if (c->was_good)
		return;
	ours = open_all(c, readers);
	make_from(c, readers);
	if (c->result < 0 && !c->targets && ours < 0)
		c->result = ours;
	for (size_t i = 0; i < c->n_replicas; i++)
		(void)chunk_close(readers[i]);
	stripe_close(c->stripe);
}

/* --- in the loop's ----------------------------------------------------------*/

static void
copy_free(struct copy *c)
{
	for (size_t i = 0; i < c->n_replicas; i++)
		volume_release(c->replicas[i].volume, &c->replicas[i].place);
	stripe_release(c->stripe);
	if (c->target)
		volume_unref(c->target);
	free(c);
}

static struct copy *
copy_new(struct storaged *s, const struct catalog_chunk *chunk,
    const struct volume *but, void (*done)(struct copy *copy), void *arg)
{
	struct copy *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->s = s;
	c->chunk = *chunk;
	c->done = done;
	c->arg = arg;
	nx_assert(chunk->n_replicas <= CATALOG_REPLICAS);
	for (uint32_t i = 0; i < chunk->n_replicas; i++) {
		struct volume *v = volume_by_key(s->volumes, chunk->volumes[i]);

		if (!v || v == but || !volume_readable(v))
			continue;
		c->replicas[c->n_replicas] = (struct replica){
		    .volume = v, .place = catalog_place(chunk, i)};
		volume_hold(v, &c->replicas[c->n_replicas++].place);
	}
	if (stripe_hold(s, chunk, but, &c->stripe) == 0)
		return c;
	copy_free(c);
	return NULL;
}

/* For those who list the file: is the chunk whole somewhere? */
static void
remember(const struct copy *c)
{
	enum catalog_damage found = CATALOG_WHOLE;

	if (!c->target || c->targets || c->result > 0)
		return;
	if (c->damaged || c->result == -EBADMSG)
		found = CATALOG_DAMAGED;
	else if (c->result == -ENOENT)
		found = CATALOG_MISSING;
	else if (c->result < 0)
		return;
	catalog_found(c->s->catalog, c->chunk.key, found);
}

static void
copy_end(struct copy *c)
{
	nx_assert(c->target || !c->targets);
	if (c->targets)
		volume_suspect(c->s->volumes, c->target, c->result);
	remember(c);
	c->done(c);
	copy_free(c);
}

static void
drop_work(void *arg)
{
	struct copy *c = arg;

	(void)chunk_remove(c->target->store, &c->chunk.id);
}

static void
drop_done(void *arg)
{
	copy_end(arg);
}

/* Nobody will refer to it: the chunk was deleted meanwhile, or the catalogue
 * failed. What this misses the collector finds. */
static void
drop(struct copy *c)
{
	chunk_settle(c->target->store, c->at);
	if (c->at != 0 || is_replica(c) ||
	    nx_workers_submit(c->s->slow, drop_work, drop_done, c) < 0)
		copy_end(c);
}

static void
recorded(int result, void *arg)
{
	struct copy *c = arg;

	c->result = result;
	if (result != 0) {
		drop(c);
		return;
	}
	chunk_settle(c->target->store, c->at);
	if (c->old != 0)
		collector_kick(c->s->collector);
	copy_end(c);
}

static void
make_done(void *arg)
{
	struct copy *c = arg;

	nx_assert(c->target && c->target->refs > 0);
	if (c->was_good) {
		copy_end(c);
		return;
	}
	if (c->result < 0) {
		drop(c);
		return;
	}
	c->set = (struct catalog_replica_set){.chunk = c->chunk.key,
	    .volume = c->target->key,
	    .at = c->at,
	    .old = c->old,
	    .done = recorded,
	    .arg = c};
	catalog_replica_set(c->s->catalog, &c->set);
}

static void
check_done(void *arg)
{
	struct copy *c = arg;

	nx_assert(!c->target && (c->n_replicas > 0 || c->stripe));
	copy_end(c);
}

int
copy_check(struct storaged *s, const struct catalog_chunk *chunk,
    const struct volume *but, void (*done)(struct copy *copy), void *arg)
{
	struct copy *c = copy_new(s, chunk, but, done, arg);
	int r;

	if (!c)
		return -ENOMEM;
	r = c->n_replicas > 0 || c->stripe ? 1 : 0;
	if (r > 0 && nx_workers_submit(s->slow, check_work, check_done, c) < 0)
		r = -EAGAIN;
	if (r <= 0)
		copy_free(c);
	return r;
}

int
copy_make(struct storaged *s, const struct catalog_chunk *chunk,
    struct volume *target, int64_t old, bool salvage_it,
    void (*done)(struct copy *copy), void *arg)
{
	struct copy *c = copy_new(s, chunk, NULL, done, arg);

	if (!c)
		return -ENOMEM;
	nx_assert(target->attached);
	volume_ref(target);
	c->target = target;
	c->old = old;
	c->salvage = salvage_it;
	if (nx_workers_submit(s->slow, make_work, make_done, c) < 0) {
		copy_free(c);
		return -EAGAIN;
	}
	return 0;
}
