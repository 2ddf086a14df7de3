/*
 * How fast care may work at what nobody waits for: reaping, unlinking. Beside
 * others' requests it takes short steps far apart, alone it takes half of the
 * loop's time. Between the files of care only.
 */
#ifndef STORAGED_PACE_H
#define STORAGED_PACE_H

#include <stdbool.h>

#include "storaged/storaged.h"

struct pace {
	uint64_t requests; /* seen so far */
	uint64_t seen_at;  /* when the last one was */
};

/* Has somebody asked for anything just now? */
bool pace_others(struct pace *p, const struct storaged *s);
/* How long to rest, in microseconds, after a step that took @took. */
uint64_t pace_rest(struct pace *p, const struct storaged *s, uint64_t took);

#endif
