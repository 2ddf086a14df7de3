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

/* Begins what @op is filled in for, but done and arg; *@op is copied. @then runs
 * at the end, with @arg. False: it has been refused, there are too many. */
bool purges_begin(struct storaged *s, struct nx_request *r,
    const struct catalog_purge *op,
    void (*then)(int result, const struct catalog_purge *op, void *arg),
    void *arg);

#endif
