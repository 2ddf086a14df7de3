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
    struct checksums *sums)
{
	uint8_t *data = malloc(PROBE_SIZE);
	struct chunk_draft *draft = NULL;
	int r = data ? 0 : -ENOMEM;

	if (r == 0)
		r = chunk_begin(store, &draft);
	if (r == 0) {
		for (size_t at = 0; at < PROBE_SIZE; at += 256)
			(void)!getrandom(data + at, 256, 0);
		checksums_add(sums, data, PROBE_SIZE);
		r = chunk_write(draft, data, PROBE_SIZE);
		if (r == 0)
			r = chunk_commit(draft, id, false);
		if (r < 0)
			(void)chunk_discard(draft);
	}
	free(data);
	return r;
}

int
probe_write(struct chunk_store *store)
{
	struct checksums sums = {0};
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
