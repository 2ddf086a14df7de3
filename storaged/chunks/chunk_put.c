/*
 * See chunk_put.h. A failed write or sync is final for its replica: the pages
 * may be lost although they still read well. So what is saved from a failed
 * draft is checked block by block before another volume gets it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/chunk_check.h"
#include "storaged/chunks/chunk_put.h"

#define TIME_DIGITS 12U

/*
 * The first digits are the time in milliseconds: where ids are looked up, what
 * is new is beside what is new, and a commit of many touches few pages. The
 * others keep two of the same moment apart.
 */
static void
chunk_id_new(struct chunk_id *ret_id)
{
	char time[TIME_DIGITS + 1];

	nx_id_new(ret_id->text);
	(void)snprintf(time, sizeof(time), "%012llx",
	    (unsigned long long)(nx_wall_us() / 1000) & 0xffffffffffffULL);
	memcpy(ret_id->text, time, TIME_DIGITS);
}

int
chunk_put_new(unsigned want, struct chunk_put **ret_put)
{
	struct chunk_put *put = calloc(1, sizeof(*put));

	if (!put)
		return -ENOMEM;
	if (hasher_new(&put->hasher) < 0) {
		free(put);
		return -ENOMEM;
	}
	chunk_id_new(&put->id);
	put->want = want;
	*ret_put = put;
	return 0;
}

void
chunk_put_add(struct chunk_put *put, struct chunk_store *store, void *owner)
{
	nx_assert(put->n_places < PUT_CANDIDATES);
	put->places[put->n_places++] =
	    (struct put_place){.store = store, .owner = owner};
}

struct chunk_put *
chunk_put_free(struct chunk_put *put)
{
	if (!put)
		return NULL;
	for (size_t i = 0; i < put->n_places; i++)
		chunk_discard(put->places[i].draft);
	hasher_free(put->hasher);
	free(put);
	return NULL;
}

static unsigned
count(const struct chunk_put *put, enum put_state state)
{
	unsigned n = 0;

	for (size_t i = 0; i < put->n_places; i++)
		n += put->places[i].state == state;
	return n;
}

static struct put_place *
find(struct chunk_put *put, enum put_state state)
{
	for (size_t i = 0; i < put->n_places; i++)
		if (put->places[i].state == state)
			return &put->places[i];
	return NULL;
}

/* @syncing: what was written may be lost, whatever the error says. */
static void
give_up(struct put_place *place, int error, bool syncing)
{
	place->state = PUT_FAILED;
	place->error = error;
	place->untrusted = syncing || error != -ENOSPC;
}

/* One block of @from's draft into @to's. */
static int
copy_block(struct chunk_put *put, struct put_place *from, struct put_place *to,
    uint32_t at, uint8_t *buf, uint32_t len)
{
	ssize_t got = chunk_read_back(from->draft, buf, len, at);
	int r;

	if (got != (ssize_t)len)
		return got < 0 ? (int)got : -EBADMSG;
	if (checksum_crc(buf, len) != put->sums.crc[at / CRC_BLOCK])
		return -EBADMSG;
	r = chunk_write(to->draft, buf, len);
	if (r < 0)
		give_up(to, r, false);
	return r;
}

/* Copies the first @size bytes, checking them: the end of the content, or of a
 * block. */
static int
copy_draft(struct chunk_put *put, struct put_place *from, struct put_place *to,
    uint32_t size)
{
	nx_cleanup_free uint8_t *buf = malloc(CRC_BLOCK);
	int r = buf ? 0 : -ENOMEM;

	for (uint32_t at = 0; at < size && r == 0; at += CRC_BLOCK)
		r = copy_block(put, from, to, at, buf,
		    size - at < CRC_BLOCK ? size - at : CRC_BLOCK);
	return r;
}

/* Makes what a bad source has left in @to be nothing again. */
static int
begin_again(struct put_place *to)
{
	int r;

	to->draft = chunk_discard(to->draft);
	r = chunk_begin(to->store, &to->draft);
	if (r < 0)
		give_up(to, r, false);
	return r;
}

/* @to shall have the first @size bytes, from any draft that gives back what was
 * written: every @step-th place from @first on, tried in turn. */
static int
fill(struct chunk_put *put, struct put_place *to, uint32_t size, size_t first,
    size_t step)
{
	int r = size == 0 ? 0 : -EIO;

	for (size_t i = first; i < put->n_places && r < 0; i += step) {
		struct put_place *from = &put->places[i];

		if (from == to || !from->draft)
			continue;
		r = copy_draft(put, from, to, size);
		if (to->state == PUT_FAILED || (r < 0 && begin_again(to) < 0))
			return to->error;
	}
	return r;
}

/* Takes a spare into use. A draft that failed is kept until nobody needs it as
 * a source any more. 0, or -errno and it is spare no more, or spare again when
 * there is nothing good to fill it from. */
static int
take_spare(struct chunk_put *put, struct put_place *spare, uint32_t size,
    size_t first, size_t step)
{
	int r = chunk_begin(spare->store, &spare->draft);

	if (r < 0) {
		give_up(spare, r, false);
		return r;
	}
	spare->state = PUT_OPEN;
	r = fill(put, spare, size, first, step);
	if (r < 0 && spare->state == PUT_OPEN) {
		spare->draft = chunk_discard(spare->draft);
		spare->state = PUT_SPARE;
	}
	return r;
}

static int
last_error(const struct chunk_put *put, size_t first, size_t step)
{
	int error = -ENOSPC;

	for (size_t i = first; i < put->n_places; i += step)
		if (put->places[i].state == PUT_FAILED)
			error = put->places[i].error;
	return error;
}

/* --- content ----------------------------------------------------------------*/

unsigned
chunk_put_slots(const struct chunk_put *put)
{
	return put->want < put->n_places ? put->want : (unsigned)put->n_places;
}

void
chunk_put_count(struct chunk_put *put, const void *data, size_t len)
{
	nx_assert(!put->sealed && put->sums.size % CRC_BLOCK == 0);
	checksums_add(&put->sums, data, len);
}

void
chunk_put_hash(struct chunk_put *put, const void *data, size_t len)
{
	hasher_add(put->hasher, data, len);
}

void
chunk_put_seal(struct chunk_put *put)
{
	nx_assert(!put->sealed);
	hasher_end(put->hasher, put->sums.md5);
	put->sealed = true;
}

static struct put_place *
find_in_slot(struct chunk_put *put, unsigned slot, enum put_state state)
{
	for (size_t i = slot; i < put->n_places; i += put->want)
		if (put->places[i].state == state)
			return &put->places[i];
	return NULL;
}

/* The place the slot writes to, with the first @size bytes in it; a spare if
 * need be. NULL: there is none, or nothing to fill it from. */
static struct put_place *
open_place(struct chunk_put *put, unsigned slot, uint32_t size)
{
	struct put_place *place = find_in_slot(put, slot, PUT_OPEN), *spare;

	while (!place && (spare = find_in_slot(put, slot, PUT_SPARE))) {
		if (take_spare(put, spare, size, slot, put->want) == 0)
			place = spare;
		else if (spare->state == PUT_SPARE)
			break;
	}
	return place;
}

int
chunk_put_fill(struct chunk_put *put, unsigned slot, uint32_t at,
    const void *data, size_t len)
{
	struct put_place *place;

	nx_assert(slot < put->want && !put->gave_up[slot]);
	while ((place = open_place(put, slot, at))) {
		int r = chunk_write(place->draft, data, len);

		if (r == 0)
			return 0;
		give_up(place, r, false);
	}
	put->gave_up[slot] = true;
	return last_error(put, slot, put->want);
}

int
chunk_put_write(struct chunk_put *put, const void *data, size_t len)
{
	unsigned slots = chunk_put_slots(put), left = 0;
	uint32_t at = put->sums.size;

	chunk_put_count(put, data, len);
	chunk_put_hash(put, data, len);
	for (unsigned k = 0; k < slots; k++)
		if (!put->gave_up[k])
			left += chunk_put_fill(put, k, at, data, len) == 0;
	return left > 0 ? 0 : last_error(put, 0, 1);
}

/* --- making it durable ------------------------------------------------------*/

size_t
chunk_put_place(const struct chunk_put *put, unsigned slot)
{
	for (size_t i = slot; i < put->n_places; i += put->want)
		if (put->places[i].state == PUT_OPEN)
			return i;
	return PUT_CANDIDATES;
}

/* Touches nothing but its own place: others may be at work on theirs. */
void
chunk_put_commit(struct chunk_put *put, size_t i)
{
	struct put_place *place = &put->places[i];
	int r;

	nx_assert(i < put->n_places && place->state == PUT_OPEN);
	r = chunk_commit(place->draft, &put->id, false, &place->at);
	if (r < 0) {
		give_up(place, r, true);
		return;
	}
	place->draft = NULL;
	place->state = PUT_DONE;
}

void
chunk_put_appended(
    struct chunk_put *put, size_t i, const struct chunk_append *append)
{
	struct put_place *place = &put->places[i];

	nx_assert(i < put->n_places && place->state == PUT_SPARE);
	if (append->result == -EOPNOTSUPP)
		return;
	if (append->result < 0) {
		give_up(place, append->result, true);
		return;
	}
	place->at = append->at;
	place->state = PUT_DONE;
}

bool
chunk_put_whole(const struct chunk_put *put)
{
	return count(put, PUT_DONE) >= put->want;
}

/* A durable replica is the best source for one that is missing. */
static int
copy_done(struct chunk_put *put, struct put_place *to)
{
	struct put_place *done = find(put, PUT_DONE);
	struct chunk_reader *reader = NULL;
	struct chunk_place from;
	bool source = true;
	int r;

	if (!done)
		return -ENOENT;
	from = (struct chunk_place){put->id, done->at, put->sums.size};
	r = chunk_open(done->store, &from, &reader);
	if (r == 0)
		r = chunk_copy(&reader, 1, &put->sums, to->store, &put->id,
		    false, &to->at, &source);
	chunk_close(reader);
	if (r < 0 && source) {
		to->state = PUT_FAILED;
		to->error = r;
	} else if (r < 0)
		give_up(to, r, true);
	else
		to->state = PUT_DONE;
	return r;
}

static void
commit_open(struct chunk_put *put)
{
	for (size_t i = 0; i < put->n_places; i++)
		if (put->places[i].state == PUT_OPEN)
			chunk_put_commit(put, i);
}

int
chunk_put_finish(struct chunk_put *put)
{
	struct put_place *spare;

	if (!put->sealed)
		chunk_put_seal(put);
	commit_open(put);
	while (!chunk_put_whole(put) && (spare = find(put, PUT_SPARE))) {
		if (count(put, PUT_DONE) > 0) {
			(void)copy_done(put, spare);
			continue;
		}
		if (take_spare(put, spare, put->sums.size, 0, 1) < 0 &&
		    spare->state == PUT_SPARE)
			break; /* nothing good to copy */
		commit_open(put);
	}
	return count(put, PUT_DONE) > 0 ? 0 : last_error(put, 0, 1);
}
