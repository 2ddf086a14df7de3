/* Ending a volume: see removal.c. */
#ifndef STORAGED_REMOVAL_H
#define STORAGED_REMOVAL_H

#include "storaged/storaged.h"

struct volume;

/* The base volume @v, which has been emptied, goes: as by VOLUME_DELETE, and
 * nobody is told but the log. If it turns out that something is only there, it
 * stays. */
void removal_start(struct storaged *s, struct volume *v);

#endif
