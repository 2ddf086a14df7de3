/*
 * What proves a volume, in a worker thread: chunks read whole from the disk, not
 * from what memory still has of them, and one written and read back. Between
 * the files of care only.
 */
#ifndef STORAGED_PROBE_H
#define STORAGED_PROBE_H

#include "storaged/chunks/chunks.h"

/* The chunk @id of @store is there and good, every block of it. 0 or -errno. */
int probe_read(struct chunk_store *store, const struct chunk_id *id,
    const struct checksums *sums);
/* Writes a chunk of nobody's, reads it back, removes it. 0 or -errno; 0 too when
 * the volume is full, which is no fault of the disk. */
int probe_write(struct chunk_store *store);

#endif
