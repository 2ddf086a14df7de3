/* Between the files of catalog_*.c that see the tree as a snapshot has it. */
#ifndef STORAGED_CATALOG_THEN_H
#define STORAGED_CATALOG_THEN_H

#include "storaged/catalog/catalog_past.h"
#include "storaged/catalog/catalog_snapshot.h"

int then_find(struct nx_db *db, uint64_t owner, const char *name,
    struct catalog_snapshot *ret_snapshot);
/* What was called @name in the folder @parent in @epoch. 1, 0, -errno. */
int then_child(struct nx_db *db, uint64_t owner, int64_t epoch, int64_t parent,
    const char *name, struct catalog_entry *ret_entry);
/* What was at @path, which begins at the root. 0, CATALOG_NO_PATH ... */
int then_walk(struct nx_db *db, uint64_t owner,
    const struct catalog_snapshot *snapshot, const struct path *path,
    struct catalog_entry *ret_entry);
/*
 * What was in the folder, by name, behind *after, which moves on; with @to_folder
 * no further than the first folder. Some names are looked at: *ret_end says that
 * there are no more. Number or -errno.
 */
int then_list(struct nx_db *db, uint64_t owner, int64_t epoch, int64_t folder,
    char after[PATH_NAME_MAX + 1], bool to_folder,
    struct catalog_entry *ret_entries, size_t max, bool *ret_end);

#endif
