/*
 * Where the parts of a stripe go. One volume has at most one of them, and each
 * disk as few as can be: who loses a disk loses what is on it together.
 */
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/volumes/placement_internal.h"

static unsigned
count_on(const struct candidate *list, size_t n, const struct disk *d)
{
	unsigned found = 0;

	for (size_t i = 0; i < n; i++)
		found += list[i].volume->disk == d;
	return found;
}

/* Of those from @i on, the best of those with room on the disk that has the
 * fewest of those before @i; one without room only where there is none. */
static size_t
find_next(const struct candidate *list, size_t n, size_t i)
{
	size_t best = i;
	unsigned fewest = count_on(list, i, list[i].volume->disk);

	for (size_t k = i + 1; k < n; k++) {
		unsigned on = count_on(list, i, list[k].volume->disk);

		if (list[k].fits != list[best].fits ? !list[k].fits
						    : on >= fewest)
			continue;
		best = k;
		fewest = on;
	}
	return best;
}

size_t
volumes_plan_stripe(struct volumes *vs, uint64_t size, unsigned parts,
    int64_t ret_keys[STRIPE_PLAN])
{
	struct candidate *list = NULL;
	size_t n = placement_rank(vs, size, &list), planned;

	planned = n < STRIPE_PLAN ? n : STRIPE_PLAN;
	for (size_t i = 0; i < planned; i++) {
		size_t k = find_next(list, n, i);
		struct candidate chosen = list[k];

		memmove(&list[i + 1], &list[i], (k - i) * sizeof(*list));
		list[i] = chosen;
		ret_keys[i] = chosen.volume->key;
	}
	if (n >= parts)
		placement_charge(list, n, parts);
	free(list);
	return planned;
}

size_t
volumes_place_planned(struct volumes *vs, struct chunk_put *put, uint64_t size,
    bool known, const int64_t *keys, size_t n, unsigned part, unsigned parts)
{
	nx_assert(put->want == 1 && part < parts);
	for (size_t i = part; i < n && put->n_places < PUT_CANDIDATES;
	     i += parts) {
		struct volume *v = volume_by_key(vs, keys[i]);

		if (v && volume_writable(v))
			placement_add(
			    put, v, known && put->n_places == 0 ? size : 0);
	}
	return put->n_places;
}
