/*
 * Reading a replica to know whether it is good: from the disk, around the page
 * cache, block by block against the checksums. The one way for all of care, so
 * that "it was read" means the same whoever says it. In worker threads. Between
 * the files of care only.
 */
#ifndef STORAGED_READING_H
#define STORAGED_READING_H

#include "storaged/chunks/chunks.h"

/* Bytes [@offset, @offset + @len) of the chunk at @place in @store, within it. 0 when
 * every block they touch is good, -EBADMSG, -ENOENT, other -errno. */
int reading_part(struct chunk_store *store, const struct chunk_place *place,
    const struct checksums *sums, uint32_t offset, uint32_t len);
int reading_whole(struct chunk_store *store, const struct chunk_place *place,
    const struct checksums *sums);

#endif
