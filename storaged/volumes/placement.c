/*
 * Which volumes a chunk goes to: smooth weighted round-robin over the writable
 * ones. Each turn adds its room to a volume's credit; the volumes with most
 * credit take the chunk and pay for it. Volumes of equal size take turns, a
 * large one takes more, a full one none. Copies of one chunk go to different
 * disks first, the best volume of each, and only then to others of the same.
 */
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/volumes/base.h"
#include "storaged/volumes/placement_internal.h"

#define UNIT           (1ULL << 20) /* credit is counted in MiB */
#define SMALLEST_PIECE (64ULL << 10)

unsigned
volumes_active(const struct volumes *vs)
{
	const struct volume *v;
	unsigned n = 0;

	TAILQ_FOREACH(v, &vs->list, entry)
		n += volume_writable(v);
	return n;
}

uint64_t
volumes_room(const struct volumes *vs)
{
	struct volume *v;
	uint64_t room = 0;

	TAILQ_FOREACH(v, &vs->list, entry)
		if (volume_writable(v))
			room += volume_room(v);
	return room;
}

static int
better(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->fits != y->fits)
		return x->fits ? -1 : 1;
	if (x->volume->turn != y->volume->turn)
		return x->volume->turn > y->volume->turn ? -1 : 1;
	return 0;
}

size_t
placement_rank(struct volumes *vs, uint64_t size, struct candidate **ret_list)
{
	struct candidate *list;
	struct volume *v;
	size_t n = 0, max = 0;

	TAILQ_FOREACH(v, &vs->list, entry)
		max++;
	list = calloc(max ? max : 1, sizeof(*list));
	if (!list)
		return 0;
	TAILQ_FOREACH(v, &vs->list, entry) {
		uint64_t room = volume_writable(v) ? volume_room(v) : 0;

		if (room < SMALLEST_PIECE)
			continue;
		v->turn += (int64_t)(room / UNIT + 1);
		list[n++] = (struct candidate){v, room, room >= size};
	}
	qsort(list, n, sizeof(*list), better);
	*ret_list = list;
	return n;
}

/* Of those from @i on, the best that has room for all of it on a disk that none
 * before @i is on; else the best. */
static size_t
find_spread(const struct candidate *list, size_t n, size_t i)
{
	for (size_t k = i; k < n; k++) {
		bool seen = !list[k].fits && list[i].fits;

		for (size_t m = 0; m < i && !seen; m++)
			seen = list[m].volume->disk == list[k].volume->disk;
		if (!seen)
			return k;
	}
	return i;
}

/* Moves them to the front, as many as there are candidates. */
static void
spread(struct candidate *list, size_t n)
{
	for (size_t i = 1; i < n && i < PUT_CANDIDATES; i++) {
		size_t k = find_spread(list, n, i);
		struct candidate chosen = list[k];

		memmove(&list[i + 1], &list[i], (k - i) * sizeof(*list));
		list[i] = chosen;
	}
}

void
placement_charge(struct candidate *list, size_t n, size_t chosen)
{
	int64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += (int64_t)(list[i].room / UNIT + 1);
	for (size_t i = 0; i < chosen; i++)
		list[i].volume->turn -= total / (int64_t)chosen;
}

void
placement_add(struct chunk_put *put, struct volume *v, uint64_t size)
{
	struct put_place *place;

	chunk_put_add(put, v->store, v);
	volume_ref(v);
	place = &put->places[put->n_places - 1];
	/* As it will lie there, which may be a little more. */
	place->charged = size > 0 ? coding_most(size) : 0;
	v->in_flight += place->charged;
}

size_t
volumes_place(
    struct volumes *vs, struct chunk_put *put, uint64_t size, bool known)
{
	struct candidate *list = NULL;
	size_t n = placement_rank(vs, size, &list), want = put->want;

	spread(list, n);
	if (want > n)
		want = n;
	if (n > 0 && want > 0)
		placement_charge(list, n, want);
	for (size_t i = 0; i < n && i < PUT_CANDIDATES; i++)
		placement_add(
		    put, list[i].volume, i < want && known ? size : 0);
	free(list);
	return put->n_places;
}

void
volumes_put_done(struct volumes *vs, struct chunk_put *put)
{
	for (size_t i = 0; i < put->n_places; i++) {
		struct volume *v = put->places[i].owner;

		if (!v)
			continue;
		put->places[i].owner = NULL;
		v->in_flight -= put->places[i].charged;
		if (put->places[i].untrusted)
			volume_suspect(vs, v, put->places[i].error);
		volume_unref(v);
	}
	base_check(vs);
}

static bool
is_among(int64_t key, const int64_t *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (keys[i] == key)
			return true;
	return false;
}

unsigned
volumes_on_disk(
    struct volumes *vs, const struct disk *d, const int64_t *keys, size_t n)
{
	unsigned found = 0;

	for (size_t i = 0; i < n; i++) {
		const struct volume *v = volume_by_key(vs, keys[i]);

		found += v && v->disk == d;
	}
	return found;
}

struct volume *
volumes_place_one(
    struct volumes *vs, uint64_t size, const struct placed *placed)
{
	struct volume *v, *best = NULL;
	uint64_t best_room = 0;
	unsigned fewest = 0;

	TAILQ_FOREACH(v, &vs->list, entry) {
		uint64_t room;
		unsigned n;

		if (!volume_writable(v) ||
		    is_among(v->key, placed->not, placed->n_not))
			continue;
		n = volumes_on_disk(
		    vs, v->disk, placed->beside, placed->n_beside);
		room = volume_room(v);
		if (room < size || n > placed->most ||
		    (best &&
			(n > fewest || (n == fewest && room <= best_room))))
			continue;
		best = v;
		best_room = room;
		fewest = n;
	}
	return best;
}
