/* Whether what is somewhere has room elsewhere, as far as can be known before it
 * is tried: what moves is verified and counted then. */
#ifndef STORAGED_ELSEWHERE_H
#define STORAGED_ELSEWHERE_H

#include <stdint.h>

struct disk;
struct nx_request;
struct storaged;
struct volume;

/* Refuses @r with a sentence, and false, when what is on @v, or on all of @d
 * (the other is NULL), would have no room elsewhere. */
bool elsewhere_or_refuse(struct nx_request *r, struct storaged *s,
    const struct volume *v, const struct disk *d);

#endif
