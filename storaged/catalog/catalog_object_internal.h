/* Between the files of catalog_object*.c only. */
#ifndef STORAGED_CATALOG_OBJECT_INTERNAL_H
#define STORAGED_CATALOG_OBJECT_INTERNAL_H

#include "storaged/catalog/catalog_bucket_internal.h"
#include "storaged/catalog/catalog_event_internal.h"

/* Columns of struct catalog_object in the order object_read wants. */
#define OBJECT_COLUMNS                                            \
	"o.object, o.key, o.version, o.file, o.size, o.charged, " \
	"o.modified_at, o.mode, o.until, o.hold, f.id, f.md5, f.parts"
#define OBJECT_FROM " FROM objects o LEFT JOIN files f ON f.file = o.file "

int object_read(sqlite3_stmt *stmt, struct catalog_object *ret_object);
/* The newest version of @key; 0, CATALOG_NO_KEY, -errno. */
int object_newest(struct nx_db *db, int64_t bucket,
    const struct catalog_key *key, struct catalog_object *ret_object);
int
object_version(struct nx_db *db, int64_t bucket, const struct catalog_key *key,
    const char *version, struct catalog_object *ret_object);
/* Takes out @o, its file and what it counts. */
int
object_drop(struct nx_db *db, uint64_t owner, const struct catalog_object *o);
/* The newest version of @key that is left is the current one. */
int
object_uncover(struct nx_db *db, int64_t bucket, const struct catalog_key *key);
/* 0 or CATALOG_LOCKED: may @o go, or be replaced? */
int object_check_lock(
    struct nx_db *db, const struct catalog_object *o, bool bypass);
/* Inserts a version as the newest. */
struct object_row {
	int64_t bucket, file; /* 0: a marker */
	uint64_t owner, size;
	struct catalog_key key;
	const uint8_t *meta;
	size_t meta_len;
	struct catalog_lock lock;
	char version[NX_ID_LEN + 1];
};
int object_insert(struct nx_db *db, const struct object_row *row);
/* Tells that @how has come of the object @key in the bucket @name, which is or
 * was @o. */
int object_tell(struct nx_db *db, uint64_t owner, enum catalog_change how,
    const char *name, const struct catalog_key *key,
    const struct catalog_object *o);

#endif
