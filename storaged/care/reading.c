/*
 * One part of one replica at a time. Keeps nothing open: a chunk that is
 * replaced between two parts is read on in the one that has taken its place,
 * which is held against the same checksums.
 */
#include "storaged/care/reading.h"

int
reading_part(struct chunk_store *store, const struct chunk_place *place,
    const struct checksums *sums, uint32_t offset, uint32_t len)
{
	struct chunk_reader *reader;
	int r = chunk_open_cold(store, place, &reader);

	if (r < 0)
		return r;
	r = chunk_verify(reader, sums, offset, len, NULL);
	(void)chunk_close(reader);
	return r;
}

int
reading_whole(struct chunk_store *store, const struct chunk_place *place,
    const struct checksums *sums)
{
	return reading_part(store, place, sums, 0, sums->size);
}
