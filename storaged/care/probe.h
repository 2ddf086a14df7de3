/*
 * What proves that a volume can be written, in a worker thread; that what is
 * there can be read is asked of reading.h. Between the files of care only.
 */
#ifndef STORAGED_PROBE_H
#define STORAGED_PROBE_H

#include "storaged/chunks/chunks.h"

/* Writes chunks of nobody's, a small and a larger one, reads them back, removes
 * them. 0 or -errno; 0 too when
 * the volume is full, which is no fault of the disk. */
int probe_write(struct chunk_store *store);

#endif
