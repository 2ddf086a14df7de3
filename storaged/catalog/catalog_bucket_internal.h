/* Between the files of catalog_*.c that know buckets and pieces. */
#ifndef STORAGED_CATALOG_BUCKET_INTERNAL_H
#define STORAGED_CATALOG_BUCKET_INTERNAL_H

#include "common/db.h"
#include "storaged/catalog/catalog.h"
#include "storaged/catalog/catalog_internal.h"

/* Where the file of a row of files is: its column tree. */
enum catalog_home {
	HOME_RAW,
	HOME_TREE,
	HOME_BUCKET,
	HOME_NOWHERE, /* of an upload in pieces, or one of them: nobody sees it */
};

/* Of @owner (0: of anybody); 0, CATALOG_NO_BUCKET, -errno. */
int catalog_read_bucket(struct nx_db *db, uint64_t owner, int64_t bucket,
    struct catalog_bucket *ret_bucket);

/* The metadata of the row a query found, its one column; @r is what the query
 * returned. Number of bytes, -ENOENT, -errno. */
int catalog_take_meta(
    int r, sqlite3_stmt *stmt, uint8_t ret_meta[CATALOG_META_MAX]);

/* Which of them a commit is for. */
int64_t catalog_home_of(const struct catalog_commit *op);
/* Can the piece, or whole of an upload, be reached? 1, 0, -errno. */
int catalog_part_there(struct catalog *c, int64_t file);
/* What @file is a piece of; 0: of nothing, -errno. */
int64_t catalog_whole_of(struct nx_db *db, int64_t file);

/* How a person knows the object, or the upload, whose file is @file. False: it is
 * none. */
bool catalog_object_place(
    struct nx_db *db, int64_t file, char *ret_text, size_t size);

/* --- inside writes ----------------------------------------------------------*/

/* Puts the file of @op at op->object. */
int
catalog_put_object(struct nx_db *db, struct catalog_commit *op, int64_t file);
/* Makes the file of @op a piece of an upload, op->part. */
int catalog_put_part(struct nx_db *db, struct catalog_commit *op, int64_t file);
/* Makes the file of @op from op->assembly, whose pieces count no more by
 * themselves. */
int catalog_assemble(struct nx_db *db, struct catalog_commit *op);
/* Makes the file of @op have the content of op->copy_of. CATALOG_NO_FILE when
 * that has gone. */
int catalog_make_copy(struct nx_db *db, struct catalog_commit *op);
/* Some of what @file was made of go. 1: some are left, 0: none, -errno. */
int catalog_drop_parts(struct nx_db *db, uint64_t owner, int64_t file);
/* Some of what @owner, who leaves, has in buckets and uploads go. 1: there was
 * something, 0, -errno. */
int catalog_drop_buckets(struct nx_db *db, uint64_t owner);

/* The time that never goes back: inside a write it is remembered. */
int catalog_tick(struct nx_db *db, uint64_t *ret_now);

#endif
