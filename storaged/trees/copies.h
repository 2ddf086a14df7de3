/* Copies of files and folders that are under way; loop's thread only. */
#ifndef STORAGED_COPIES_H
#define STORAGED_COPIES_H

#include "common/hub.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"

struct copies *copies_new(void);
/* All that are under way end, by the next catalog_flush. */
void copies_stop(struct copies *c);
struct copies *copies_free(struct copies *c);

/* The folder at op->path, in one that was deleted, comes to be where @op wants it,
 * as a copy; answers @r, which is a FS_RESTORE. */
void copies_bring_back(
    struct storaged *s, struct nx_request *r, const struct catalog_restore *op);

#endif
