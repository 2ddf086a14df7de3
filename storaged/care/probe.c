/* Writing to a volume to see whether it can be trusted: see probe.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/err.h"
#include "storaged/care/probe.h"
#include "storaged/care/reading.h"
#include "storaged/volumes/volumes.h"

#define PROBE_SIZE (256U << 10)

static int
write_random(struct chunk_store *store, const struct chunk_id *id,
    struct checksums *ret_sums)
{
	uint8_t *data = malloc(PROBE_SIZE);
	struct chunk_draft *draft = NULL;
	struct hasher *hasher = NULL;
	int r = data ? hasher_new(&hasher) : -ENOMEM;

	if (r == 0)
		r = chunk_begin(store, &draft);
	if (r == 0) {
		for (size_t at = 0; at < PROBE_SIZE; at += 256)
			(void)!getrandom(data + at, 256, 0);
		hasher_add(hasher, data, PROBE_SIZE);
		hasher_digest(hasher, ret_sums);
		r = chunk_write(draft, data, PROBE_SIZE);
		if (r == 0)
			r = chunk_commit(draft, id, false);
		if (r < 0)
			(void)chunk_discard(draft);
	}
	hasher_free(hasher);
	free(data);
	return r;
}

int
probe_write(struct chunk_store *store)
{
	struct checksums sums;
	struct chunk_id id;
	int r, removed;

	nx_id_new(id.text);
	r = write_random(store, &id, &sums);
	if (r < 0)
		return volume_fault_of(r) == FAULT_FULL ? 0 : r;
	r = reading_whole(store, &id, &sums);
	removed = chunk_remove(store, &id);
	return r == 0 ? removed : r;
}
