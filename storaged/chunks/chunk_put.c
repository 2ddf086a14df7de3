/*
 * See chunk_put.h. A failed write or sync is final for its replica: the pages
 * may be lost although they still read well. So what is saved from a failed
 * draft is checked block by block before another volume gets it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/chunk_check.h"
#include "storaged/chunks/chunk_put.h"

#define PIECE (4 * CRC_BLOCK)

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
	nx_id_new(put->id.text);
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

/* Copies the first put->size bytes of @from's draft to @to's, checking them
 * against the running checksums. */
static int
copy_draft(struct chunk_put *put, struct put_place *from, struct put_place *to)
{
	nx_cleanup_free uint8_t *buf = malloc(PIECE);
	struct hasher *again;
	uint32_t at = 0;
	int r = buf ? hasher_new(&again) : -ENOMEM;

	if (r < 0)
		return r;
	while (at < put->size && r == 0) {
		size_t n = put->size - at < PIECE ? put->size - at : PIECE;
		ssize_t got = chunk_read_back(from->draft, buf, n, at);

		if (got <= 0) {
			r = got < 0 ? (int)got : -EBADMSG;
			break;
		}
		hasher_add(again, buf, (size_t)got);
		r = chunk_write(to->draft, buf, (size_t)got);
		if (r < 0)
			give_up(to, r, false);
		at += (uint32_t)got;
	}
	if (r == 0 && !hasher_same(again, put->hasher))
		r = -EBADMSG;
	hasher_free(again);
	return r;
}

/* Any draft that gives back what was written, tried in turn. */
static int
fill_from_any(struct chunk_put *put, struct put_place *to)
{
	int r = put->size == 0 ? 0 : -EIO;

	for (size_t i = 0; i < put->n_places && r < 0; i++) {
		struct put_place *from = &put->places[i];

		if (from == to || !from->draft)
			continue;
		r = copy_draft(put, from, to);
		if (to->state == PUT_FAILED)
			return r;
		if (r < 0) {
			/* Bad source; what it left in the target goes too. */
			int error = r;

			to->draft = chunk_discard(to->draft);
			r = chunk_begin(to->store, &to->draft);
			if (r < 0) {
				give_up(to, r, false);
				return r;
			}
			r = error;
		}
	}
	return r;
}

/* Puts spares in the places of failed ones as long as there are any. A draft
 * is kept open until nobody needs it as a source any more. */
static void
refill(struct chunk_put *put)
{
	struct put_place *spare;

	while (count(put, PUT_OPEN) + count(put, PUT_DONE) < put->want &&
	    (spare = find(put, PUT_SPARE))) {
		int r = chunk_begin(spare->store, &spare->draft);

		if (r < 0) {
			give_up(spare, r, false);
			continue;
		}
		spare->state = PUT_OPEN;
		r = fill_from_any(put, spare);
		if (r < 0 && spare->state != PUT_FAILED) {
			/* Not this store's fault: nothing good to copy. */
			spare->state = PUT_FAILED;
			spare->error = r;
		}
	}
}

static int
last_error(const struct chunk_put *put)
{
	int error = -ENOSPC;

	for (size_t i = 0; i < put->n_places; i++)
		if (put->places[i].state == PUT_FAILED)
			error = put->places[i].error;
	return error;
}

int
chunk_put_write(struct chunk_put *put, const void *data, size_t len)
{
	bool fresh[PUT_CANDIDATES] = {false};

	nx_assert(!put->sealed);
	refill(put);
	/* A spare that comes in late has what was before @data, not @data: it
	 * is written there alone, and may fail in its turn. */
	for (bool failed = true; failed;) {
		failed = false;
		for (size_t i = 0; i < put->n_places; i++) {
			struct put_place *place = &put->places[i];
			int r;

			if (place->state != PUT_OPEN || fresh[i])
				continue;
			fresh[i] = true;
			r = chunk_write(place->draft, data, len);
			if (r < 0) {
				give_up(place, r, false);
				failed = true;
			}
		}
		if (failed)
			refill(put);
	}
	if (count(put, PUT_OPEN) == 0)
		return last_error(put);
	hasher_add(put->hasher, data, len);
	put->size += (uint32_t)len;
	return 0;
}

void
chunk_put_seal(struct chunk_put *put)
{
	nx_assert(!put->sealed);
	hasher_digest(put->hasher, &put->sums);
	put->sealed = true;
}

/* Touches nothing but its own place: others may be at work on theirs. */
void
chunk_put_commit(struct chunk_put *put, size_t i)
{
	struct put_place *place = &put->places[i];
	int r;

	nx_assert(put->sealed && i < put->n_places && place->state == PUT_OPEN);
	r = chunk_commit(place->draft, &put->id, false);
	if (r < 0) {
		give_up(place, r, true);
		return;
	}
	place->draft = NULL;
	place->state = PUT_DONE;
}

bool
chunk_put_whole(const struct chunk_put *put)
{
	return count(put, PUT_DONE) >= put->want;
}

static void
commit_open(struct chunk_put *put)
{
	for (size_t i = 0; i < put->n_places; i++)
		if (put->places[i].state == PUT_OPEN)
			chunk_put_commit(put, i);
}

/* A durable replica is the best source for one that is missing. */
static int
copy_done(struct chunk_put *put, struct put_place *to)
{
	struct put_place *done = find(put, PUT_DONE);
	struct chunk_reader *reader = NULL;
	bool source = true;
	int r;

	if (!done)
		return -ENOENT;
	r = chunk_open(done->store, &put->id, &reader);
	if (r == 0)
		r = chunk_copy(&reader, 1, &put->sums, to->store, &put->id,
		    false, &source);
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
		refill(put);
		commit_open(put);
	}
	return count(put, PUT_DONE) > 0 ? 0 : last_error(put);
}
