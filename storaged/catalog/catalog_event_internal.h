/* Between the files of catalog_*.c that change what users see. */
#ifndef STORAGED_CATALOG_EVENT_INTERNAL_H
#define STORAGED_CATALOG_EVENT_INTERNAL_H

#include "storaged/catalog/catalog_internal.h"

/* Writes @e into the log of @user; inside a write, best at its end. */
int
catalog_tell(struct nx_db *db, uint64_t user, const struct catalog_event *e);
/* The same of something at @path. */
int catalog_tell_path(struct nx_db *db, uint64_t user, enum catalog_change how,
    const char *path, const struct catalog_entry *e);
/* The same of the file @f, at @place. */
int catalog_tell_file(struct nx_db *db, enum catalog_change how,
    const struct catalog_file *f, const char *place);
/* Some of the log of @user, who leaves, goes. 1: there was something, 0,
 * -errno. */
int catalog_drop_events(struct nx_db *db, uint64_t user);

#endif
