/*
 * Coded uploads: where the parts of a stripe go, and its parity. Between the
 * files of upload*.c only.
 *
 * Parts of data are chunks as all others, one lane after the other, each on a
 * volume of its own. What comes is added to the stripe's parity as it is read,
 * in memory of which there is a bounded amount, and of that a share for each
 * user; where there is none left, the parts are read back from their volumes,
 * checked, when they are durable. So who sends slowly keeps nobody from coding.
 *
 *	stripe	filled: its parts come, one after the other
 *	coding	its parity is written, while the next one is filled
 *
 * Each stripe has so many places in the upload's list of chunks, data first, and
 * those of parts the end came before stay empty.
 */
#ifndef STORAGED_UPLOAD_STRIPE_H
#define STORAGED_UPLOAD_STRIPE_H

#include "storaged/uploads/upload_internal.h"

#define STRIPE_MEMORY      (64U << 20) /* of parity, of all uploads */
#define STRIPE_MEMORY_USER (STRIPE_MEMORY / 4)

/* Bytes of one chunk that comes now, at most. */
uint32_t upload_chunk_max(const struct upload *u);
/* Is what comes now to be coded? @left: bytes as far as is known. */
bool upload_is_coded(const struct upload *u, uint64_t left);
/* The volumes of the part that comes now, and its place in the list; makes the
 * stripe when there is none. 1; 0: no volume could take it; -errno. */
int upload_stripe_place(
    struct upload *u, struct chunk_put *put, uint64_t left, bool known);
/* Its part has a place in the list. */
uint32_t upload_stripe_part(struct upload *u);
/* No lane is being filled: is the stripe at its end? Then its parity is next. 0
 * or -errno: the upload fails. */
int upload_stripe_look(struct upload *u);
/* The chunk at @index is durable, or never will be. 0 or -errno. */
int upload_stripe_synced(struct upload *u, uint32_t index);
/* It is in no volume: has its stripe enough without it? */
bool upload_may_lack(const struct upload *u, const struct catalog_chunk *c);
/* Does the next chunk have to wait? Is anything at work, or left to do? */
bool upload_stripe_waits(const struct upload *u);
bool upload_stripe_at_work(const struct upload *u);
bool upload_stripe_over(const struct upload *u);
/* Places from this one on are not all filled. */
uint32_t upload_stripe_first(const struct upload *u);
/* Nothing may be at work. */
void upload_stripe_free(struct upload *u);
/* What the pump adds what it reads to; or NULL. */
struct erasure_encoder *upload_stripe_encoder(const struct upload *u);

/* Takes the empty places out of @n; how many are left. */
uint32_t upload_pack(struct catalog_chunk *chunks, uint32_t n);

#endif
