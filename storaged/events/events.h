/*
 * Who asks what has changed, and waits for it. A waiter is one request that is
 * not answered yet: no thread, no timer of its own. Loop's thread only.
 *
 * Owns the age at which what was told is forgotten; how many are kept is the
 * catalogue's (catalog_events.h). Trusts nothing in a cursor.
 */
#ifndef STORAGED_EVENTS_H
#define STORAGED_EVENTS_H

#include "storaged/storaged.h"

struct events;

/* NULL: out of memory. */
struct events *events_new(struct storaged *s);
struct events *events_free(struct events *e);

#endif
