/*
 * What makes replicas whole again, one at a time in the background: a replica
 * a reader found bad is checked and rewritten from a good one; a chunk with
 * too few is copied to one more node; a node about to go is emptied first.
 * Copy, verify, commit, and only then forget the old one.
 */
#ifndef STORAGED_HEALER_H
#define STORAGED_HEALER_H

#include <stdint.h>

#include "storaged/storaged.h"
#include "storaged/volumes/volume.h"

struct healer *healer_new(struct storaged *s);
/* Workers must have ended. */
struct healer *healer_free(struct healer *h);

/* A reader could not use the replica of @chunk on @volume. */
void healer_report(struct healer *h, int64_t chunk, int64_t volume);
/* Something changed (a node came, a volume went): look for what is degraded. */
void healer_kick(struct healer *h);

/*
 * Copies every chunk that has no other readable replica from @v to other
 * active volumes. @done gets the number moved, and of chunks that could not be
 * (no room, or unreadable). Stops at the first of those unless @all.
 */
typedef void healer_drained(uint64_t moved, uint64_t left, int why, void *arg);
void healer_drain(struct healer *h, struct volume *v, bool all,
    healer_drained *done, void *arg);

#endif
