/*
 * The other parts of a stripe (catalog/catalog_stripe.h), held while a thread
 * makes of them what one part is. It is made block by block from what was read
 * and found good, so it is another reader of that chunk beside its replicas.
 */
#ifndef STORAGED_STRIPE_H
#define STORAGED_STRIPE_H

#include "storaged/storaged.h"
#include "storaged/volumes/volume.h"

struct stripe;

/*
 * Loop's thread. Holds the parts that are on volumes that can be read, unless they
 * are too few: then, and of a chunk that is no part of a stripe, *ret_stripe is
 * NULL. With @but, who is about to lose that volume, only those that are not on
 * it and not on one that is suspect. 0 or -errno.
 */
int stripe_hold(struct storaged *s, const struct catalog_chunk *chunk,
    const struct volume *but, struct stripe **ret_stripe);
/* Accepts NULL. Loop's thread. */
void stripe_release(struct stripe *st);
/* Could @chunk be made from others now? */
bool stripe_is_there(struct storaged *s, const struct catalog_chunk *chunk);

/* In one thread at a time, and closed before it is released. @cold: what others
 * give comes from the disk. 0 or -errno. */
int stripe_open(struct stripe *st, bool cold, struct chunk_reader **ret_reader);
/* The reader, if there is one, and those it reads. */
void stripe_close(struct stripe *st);

#endif
