/* Writing to a volume to see whether it can be trusted: see probe.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/err.h"
#include "storaged/care/probe.h"
#include "storaged/care/reading.h"
#include "storaged/volumes/volumes.h"

#define PROBE_SMALL (16U << 10) /* goes into a segment */
#define PROBE_SIZE  (512U << 10)

static int
write_random(struct chunk_store *store, uint32_t size,
    struct chunk_place *ret_place, struct checksums *sums)
{
	uint8_t *data = malloc(size);
	struct chunk_draft *draft = NULL;
	int r = data ? 0 : -ENOMEM;

	if (r == 0)
		r = chunk_begin(store, &draft);
	if (r == 0) {
		nx_id_new(ret_place->id.text);
		ret_place->size = size;
		for (size_t at = 0; at < size; at += 256)
			(void)!getrandom(data + at, 256, 0);
		checksums_add(sums, data, size);
		r = chunk_write(draft, data, size);
		if (r == 0)
			r = chunk_commit(
			    draft, &ret_place->id, false, &ret_place->at);
		if (r < 0)
			(void)chunk_discard(draft);
	}
	free(data);
	return r;
}

static int
probe_one(struct chunk_store *store, uint32_t size)
{
	struct chunk_place place = {0};
	struct checksums sums = {0};
	int r = write_random(store, size, &place, &sums), removed;

	if (r < 0)
		return volume_fault_of(r) == FAULT_FULL ? 0 : r;
	r = reading_whole(store, &place, &sums);
	removed = chunk_undo(store, &place);
	return r == 0 ? removed : r;
}

int
probe_write(struct chunk_store *store)
{
	int r = probe_one(store, PROBE_SMALL);

	return r < 0 ? r : probe_one(store, PROBE_SIZE);
}
