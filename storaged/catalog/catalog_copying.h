/* Between the files of catalog_copy*.c: what is copied, and how far that is. */
#ifndef STORAGED_CATALOG_COPYING_H
#define STORAGED_CATALOG_COPYING_H

#include "common/id.h"
#include "storaged/catalog/catalog_internal.h"

#define COPY_ROWS 64 /* of one folder, in one go */

/* A folder that is being copied, and how far that is. */
struct copy_level {
	int64_t from, to;
	char after[PATH_NAME_MAX + 1];
};

struct copy_progress {
	uint64_t files, folders, bytes;
	unsigned depth; /* of what is in levels; 0: all is copied */
	struct copy_level levels[PATH_DEPTH_MAX];
};

/* A write that is undone has changed nothing: it works on @next. */
struct catalog_copying {
	int64_t source, root;     /* folders */
	char name[NX_ID_LEN + 1]; /* of root, until it has its own */
	bool was;                 /* what is copied is not in the tree */
	bool then;                /* but in a snapshot, of this epoch */
	int64_t epoch;
	struct copy_progress now, next;
};

struct copy_child {
	char name[PATH_NAME_MAX + 1];
	int64_t entry;
	int64_t file; /* 0: a folder */
	int64_t size, charged;
};

/* A file: op->entry, whosever it is, is at op->to too. */
int copy_file(struct nx_db *db, struct catalog_copy *op);
/* What is to be copied, into op->entry: what is at op->path, or was in the
 * snapshot. 0, or why not. */
int copy_source(struct nx_db *db, struct catalog_copy *op);
/* Is it still so? What was copied may have been deleted, and reaped under our
 * hands. */
int copy_check_source(struct nx_db *db, const struct catalog_copy *op);
/* The next of the folder, a folder only as the last one; *ret_end: there are no
 * more. Number or -errno. */
int copy_children(struct nx_db *db, const struct catalog_copy *op,
    struct copy_level *at, struct copy_child *ret_children, bool *ret_end);

#endif
