/* Between placement.c and placement_stripe.c only. */
#ifndef STORAGED_PLACEMENT_INTERNAL_H
#define STORAGED_PLACEMENT_INTERNAL_H

#include "storaged/volumes/volume.h"

struct candidate {
	struct volume *volume;
	uint64_t room;
	bool fits;
};

/* All writable volumes, best first, each with one more turn's credit; 0 when
 * memory is out. */
size_t
placement_rank(struct volumes *vs, uint64_t size, struct candidate **ret_list);
/* What the first @chosen pay is what everybody got, so credits stay bounded. */
void placement_charge(struct candidate *list, size_t n, size_t chosen);
/* One more place, on which @size bytes are expected (0: unknown, or a spare). */
void placement_add(struct chunk_put *put, struct volume *v, uint64_t size);

#endif
