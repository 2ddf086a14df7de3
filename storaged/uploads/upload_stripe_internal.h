/* Between upload_stripe.c and upload_parity.c only. */
#ifndef STORAGED_UPLOAD_STRIPE_INTERNAL_H
#define STORAGED_UPLOAD_STRIPE_INTERNAL_H

#include "storaged/uploads/upload_stripe.h"

/* One part of parity on its way. */
struct parity {
	struct upload_stripe *stripe;
	unsigned number;
	struct chunk_put *put;
	int result;
};

struct upload_stripe {
	struct upload *u;
	struct erasure e;
	uint32_t code, base; /* base: the first of its places */
	unsigned begun, out; /* parts of data: in the list; not durable yet */
	bool ended;          /* no more comes */
	struct erasure_encoder *encoder; /* or NULL */
	uint64_t memory;
	int64_t plan[STRIPE_PLAN];
	size_t n_plan;
	unsigned coding; /* parts of parity that are at work */
	bool coded;      /* they have been begun */
	struct parity parity[ERASURE_PARITY_MAX];
	/* without an encoder: the parts, as they are on their volumes */
	struct catalog_chunk *parts;
	struct volume *volumes[ERASURE_DATA_MAX]; /* referenced, or NULL */
};

static inline unsigned
all_parts(struct erasure e)
{
	return e.data + e.parity;
}

/* Accepts NULL; returns NULL. */
struct upload_stripe *stripe_put_free(struct upload_stripe *st);
/* Begins with the parity of what is at its end, if it is its turn. 0, -errno. */
int stripe_begin_coding(struct upload *u);
/* All of it (upload_parity.c). 0; -errno: some may be at work all the same. */
int stripe_begin_parity(struct upload_stripe *st);

#endif
