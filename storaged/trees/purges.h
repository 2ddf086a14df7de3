/* History that is being purged; loop's thread only. */
#ifndef STORAGED_PURGES_H
#define STORAGED_PURGES_H

#include "common/hub.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"

struct purges *purges_new(void);
/* All that are under way end, by the next catalog_flush. */
void purges_stop(struct purges *ps);
struct purges *purges_free(struct purges *ps);

/* A place among those that purge, for the user who asks. NULL: @r is refused, there
 * are too many. It ends by itself after purge_run, else by purge_close. */
struct purge *purge_open(struct storaged *s, struct nx_request *r);
struct purge *purge_close(struct purge *p);

/* What to purge, to be filled in (but owner, stop, done and arg) before it is run. */
struct catalog_purge *purge_of(struct purge *p);

/* Purges; @then runs at the end, with @arg, and the place is free after it. */
void purge_run(struct purge *p,
    void (*then)(int result, const struct catalog_purge *op, void *arg),
    void *arg);

#endif
