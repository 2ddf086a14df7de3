/* Reading and writing a volume to see whether it can be trusted: see probe.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/err.h"
#include "storaged/care/copy.h"
#include "storaged/care/probe.h"
#include "storaged/volumes/volumes.h"

#define PROBE_SIZE (256U << 10)

int
probe_read(struct chunk_store *store, const struct chunk_id *id,
    const struct checksums *sums)
{
	struct chunk_reader *reader;
	int r = chunk_open(store, id, &reader);

	if (r < 0)
		return r;
	copy_forget_cached(reader, sums->size);
	r = chunk_verify(reader, sums, 0, sums->size, NULL);
	(void)chunk_close(reader);
	return r;
}

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
	r = probe_read(store, &id, &sums);
	removed = chunk_remove(store, &id);
	return r == 0 ? removed : r;
}
