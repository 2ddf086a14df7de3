/* Between the files of catalog_*.c only. */
#ifndef STORAGED_CATALOG_INTERNAL_H
#define STORAGED_CATALOG_INTERNAL_H

#include "common/db.h"
#include "storaged/catalog/catalog.h"

struct catalog {
	struct nx_db *db;
};

/* Columns of struct catalog_file in the order catalog_read_file wants. */
#define FILE_COLUMNS                                                \
	"f.file, f.id, f.name, f.owner, f.size, f.chunks, f.want, " \
	"f.replicas, f.md5, f.created_at, f.tree"
void catalog_read_file(sqlite3_stmt *stmt, struct catalog_file *ret_file);
void
catalog_copy_text(sqlite3_stmt *stmt, int column, char *ret_text, size_t size);

/*
 * Deletes every file in the table doomed: their replicas become trash, the
 * owner's account is settled. All of them belong to @owner. Inside a write.
 */
int catalog_delete_doomed(struct nx_db *db, uint64_t owner);
/* Adds one file to doomed. */
int catalog_doom(struct nx_db *db, int64_t file);

/* Adds to a user's account; makes it when it is not there. */
int catalog_account(struct nx_db *db, uint64_t user, int64_t bytes,
    int64_t files, int64_t chunks);

/*
 * Walks @depth names of @path. 0: *ret_entry is that entry (the root: key 0,
 * folder); CATALOG_NO_PATH, CATALOG_NOT_FOLDER.
 */
int catalog_walk(struct nx_db *db, uint64_t owner, const struct path *path,
    unsigned depth, struct catalog_entry *ret_entry);
/* 1 found, 0 not, -errno. */
int catalog_find_child(struct nx_db *db, uint64_t owner, int64_t parent,
    const char *name, struct catalog_entry *ret_entry);
/* The folder @path is to be in. */
int catalog_walk_parent(struct nx_db *db, uint64_t owner,
    const struct path *path, struct catalog_entry *ret_parent);
struct catalog_sums {
	int64_t parent, size, files, folders;
};
/* What @entry itself adds to the folder it is in. */
int catalog_read_sums(
    struct nx_db *db, int64_t entry, struct catalog_sums *ret_sums);
/* Ends an operation on a tree: nx_db_write's done. */
void catalog_tree_done(int result, void *arg);
/* Adds to the sums of @folder and all above it, and sets their time. */
int catalog_add_up(struct nx_db *db, int64_t folder, int64_t bytes,
    int64_t files, int64_t folders);
/* Puts @file at @path, replacing a file there (dooming it); inside a write. */
int catalog_put_entry(struct nx_db *db, const struct catalog_commit *op,
    int64_t file, bool *ret_replaced);
/* Takes out the entry of @file, if there is one. */
int catalog_take_entry(struct nx_db *db, int64_t file);

uint64_t catalog_now(void); /* unix seconds */

/* Reads chunk columns: chunk, file, id, size, md5, crc; then the replicas. */
#define CHUNK_COLUMNS "c.chunk, c.file, c.id, c.size, c.md5, c.crc"
int catalog_read_chunk(sqlite3_stmt *stmt, struct catalog_chunk *ret_chunk);
int catalog_read_replicas(struct nx_db *db, struct catalog_chunk *chunk);
/* Recomputes files.replicas of the file of @chunk. */
int catalog_count_replicas(struct nx_db *db, int64_t file);

#endif
