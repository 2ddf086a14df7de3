/*
 * A copy of a database while it is used, as it is at one moment: pages go over
 * a few at a time, and what is committed meanwhile goes into the copy as well.
 * The copy is a database of its own, in one file, without a log beside it.
 *
 * In the thread of the database, between its writes. The database may not be
 * closed before the copy is freed.
 */
#ifndef NX_DB_COPY_H
#define NX_DB_COPY_H

#include "common/db.h"

struct nx_db_copy;

/* Makes @path anew (0600). 0 or -errno. */
int nx_db_copy_new(
    struct nx_db *db, const char *path, struct nx_db_copy **ret_copy);
/*
 * At most @pages more. 1: there are some left; 0: it is complete, what it holds
 * is what is committed now; -errno: it cannot be had (-ENOSPC ...). It is closed
 * then, and not synced.
 */
int nx_db_copy_step(struct nx_db_copy *c, int pages);
/* Closes an incomplete one; the file stays. Returns NULL. */
struct nx_db_copy *nx_db_copy_free(struct nx_db_copy *c);

#endif
