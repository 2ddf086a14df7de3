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

static int
read_whole(struct volume *v, const struct catalog_chunk *chunk)
{
	return reading_whole(v->store, &chunk->id, &chunk->sums);
}

/* Good on the disk: then it is a page in memory that a reader found bad. */
static void
forget_cached(struct volume *v, const struct catalog_chunk *chunk)
{
	struct chunk_reader *reader;
	uint64_t at = 0;
	nx_cleanup_fd int fd = -1;

	if (chunk_open(v->store, &chunk->id, &reader) < 0)
		return;
	fd = chunk_fd_for_sending(reader, 0, chunk->sums.size, &at);
	if (fd >= 0)
		(void)posix_fadvise(fd, (off_t)at, (off_t)chunk->sums.size,
		    POSIX_FADV_DONTNEED);
	(void)chunk_close(reader);
}

static enum replica_state
judge(int error)
{
	if (error == 0)
		return REPLICA_GOOD;
	return volume_fault_of(error) == FAULT_OURS ? REPLICA_UNKNOWN
						    : REPLICA_BAD;
}

static void
check_work(void *arg)
{
	struct copy *c = arg;

	for (size_t i = 0; i < c->n_replicas; i++) {
		struct replica *r = &c->replicas[i];

		r->error = read_whole(r->volume, &c->chunk);
		r->state = judge(r->error);
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
		r = chunk_commit(draft, &c->chunk.id, true);
	if (r < 0)
		chunk_discard(draft);
	c->damaged = r == 0;
	return r;
}

static bool
is_replica(const struct copy *c)
{
	for (uint32_t i = 0; i < c->chunk.n_replicas; i++)
		if (c->chunk.volumes[i] == c->target->key)
			return true;
	return false;
}

/* Not readable for want of something of ours: then nothing is known. */
static int
open_all(struct copy *c, struct chunk_reader **readers)
{
	int ours = 0;

	for (size_t i = 0; i < c->n_replicas; i++) {
		struct replica *r = &c->replicas[i];

		r->error =
		    chunk_open(r->volume->store, &c->chunk.id, &readers[i]);
		if (r->error < 0)
			readers[i] = NULL;
		if (volume_fault_of(r->error) == FAULT_OURS)
			ours = r->error;
	}
	return ours;
}

static void
make_from(struct copy *c, struct chunk_reader *const *readers)
{
	bool source = false;

	/* Replacing also what an interrupted copy may have left. */
	c->result = chunk_copy(readers, c->n_replicas, &c->chunk.sums,
	    c->target->store, &c->chunk.id, true, &source);
	if (c->result == -EBADMSG && source && c->salvage) {
		source = false;
		c->result = salvage(c, readers);
	}
	if (c->result == 0 && !c->damaged) {
		c->result = read_whole(c->target, &c->chunk);
		if (c->result == -EBADMSG)
			c->result = -EIO; /* it took it and gives another */
	}
	c->targets = c->result < 0 && !source;
}

static void
make_work(void *arg)
{
	struct chunk_reader *readers[CATALOG_REPLICAS] = {NULL};
	struct copy *c = arg;
	int ours;

	if (is_replica(c) && read_whole(c->target, &c->chunk) == 0) {
		forget_cached(c->target, &c->chunk);
		c->was_good = true;
		return;
	}
	ours = open_all(c, readers);
	make_from(c, readers);
	if (c->result < 0 && !c->targets && ours < 0)
		c->result = ours;
	for (size_t i = 0; i < c->n_replicas; i++)
		(void)chunk_close(readers[i]);
}

/* --- in the loop's ----------------------------------------------------------*/

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
		volume_ref(v);
		c->replicas[c->n_replicas++].volume = v;
	}
	return c;
}

static void
copy_free(struct copy *c)
{
	for (size_t i = 0; i < c->n_replicas; i++)
		volume_unref(c->replicas[i].volume);
	if (c->target)
		volume_unref(c->target);
	free(c);
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
	if (is_replica(c) ||
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
	if (c->old != 0)
		collector_kick(c->s->collector);
	copy_end(c);
}

static void
make_done(void *arg)
{
	struct copy *c = arg;

	nx_assert(c->target && c->target->refs > 0);
	if (c->result < 0 && !is_replica(c)) {
		drop(c);
		return;
	}
	if (c->result < 0 || c->was_good) {
		copy_end(c);
		return;
	}
	c->set = (struct catalog_replica_set){.chunk = c->chunk.key,
	    .volume = c->target->key,
	    .old = c->old,
	    .done = recorded,
	    .arg = c};
	catalog_replica_set(c->s->catalog, &c->set);
}

static void
check_done(void *arg)
{
	struct copy *c = arg;

	nx_assert(!c->target && c->n_replicas > 0);
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
	r = c->n_replicas > 0 ? 1 : 0;
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
