/*
 * Buckets in the catalogue: made, found, changed, deleted. What is in them is in
 * catalog_object.c and catalog_part.c.
 */
#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_bucket_internal.h"
#include "storaged/catalog/catalog_event_internal.h"
#include "storaged/catalog/catalog_internal.h"

#define BUCKET_COLUMNS \
	"bucket, name, owner, made_at, versions, lockable, mode, days"

/* A value that is none of ours means that the row was not written by us. */
static int
read_bucket(sqlite3_stmt *stmt, struct catalog_bucket *ret_bucket)
{
	struct catalog_bucket *b = ret_bucket;
	int64_t versions = sqlite3_column_int64(stmt, 4);
	int64_t mode = sqlite3_column_int64(stmt, 6);

	*b = (struct catalog_bucket){
	    .key = sqlite3_column_int64(stmt, 0),
	    .owner = (uint64_t)sqlite3_column_int64(stmt, 2),
	    .made_at = (uint64_t)sqlite3_column_int64(stmt, 3),
	    .lockable = sqlite3_column_int(stmt, 5) != 0,
	    .days = (uint32_t)sqlite3_column_int64(stmt, 7),
	};
	nx_db_text(stmt, 1, b->name, sizeof(b->name));
	if (versions < 0 || versions > CATALOG_VERSIONS_SUSPENDED || mode < 0 ||
	    mode >= CATALOG_LOCK_MODES)
		return -EBADMSG;
	b->versions = (enum catalog_versions)versions;
	b->mode = (enum catalog_lock_mode)mode;
	return 0;
}

int
catalog_take_meta(int r, sqlite3_stmt *stmt, uint8_t ret_meta[CATALOG_META_MAX])
{
	int n;

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	n = sqlite3_column_bytes(stmt, 0);
	if (n < 0 || n > (int)CATALOG_META_MAX)
		n = -EBADMSG;
	else if (n > 0)
		memcpy(ret_meta, sqlite3_column_blob(stmt, 0), (size_t)n);
	sqlite3_reset(stmt);
	return n;
}

int
catalog_read_bucket(struct nx_db *db, uint64_t owner, int64_t bucket,
    struct catalog_bucket *ret_bucket)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT " BUCKET_COLUMNS " FROM buckets WHERE bucket = ?1"
	    " AND (?2 = 0 OR owner = ?2)",
	    "iu", bucket, owner);

	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_BUCKET;
	r = read_bucket(stmt, ret_bucket);
	sqlite3_reset(stmt);
	return r;
}

static int
find_bucket(
    struct nx_db *db, const char *name, struct catalog_bucket *ret_bucket)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT " BUCKET_COLUMNS " FROM buckets WHERE name = ?", "s", name);

	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_BUCKET;
	r = read_bucket(stmt, ret_bucket);
	sqlite3_reset(stmt);
	return r;
}

int
catalog_bucket_find(struct catalog *c, uint64_t owner, const char *name,
    struct catalog_bucket *ret_bucket)
{
	struct catalog_bucket b;
	int r = find_bucket(c->db, name, &b);

	if (r == 0 && owner != 0 && b.owner != owner)
		r = CATALOG_NO_BUCKET;
	if (r == 0)
		r = catalog_leaving(c->db, b.owner);
	if (r != 0)
		return r < 0 ? r : CATALOG_NO_BUCKET;
	*ret_bucket = b;
	return 0;
}

int
catalog_bucket_list(struct catalog *c, uint64_t owner, const char *after,
    struct catalog_bucket *ret_buckets, size_t max)
{
	sqlite3_stmt *stmt;
	int n = 0, r = catalog_leaving(c->db, owner);

	if (r != 0)
		return r < 0 ? r : 0;
	r = nx_db_query(c->db, &stmt,
	    "SELECT " BUCKET_COLUMNS " FROM buckets WHERE owner = ?"
	    " AND name > ? ORDER BY name LIMIT ?",
	    "usu", owner, after, (uint64_t)max);
	while (r > 0) {
		r = read_bucket(stmt, &ret_buckets[n++]);
		if (r < 0) {
			sqlite3_reset(stmt);
			return r;
		}
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

/* --- making -----------------------------------------------------------------*/

static const struct catalog_sums one_bucket = {
    .folders = 1, .charged = CATALOG_FOLDER_CHARGE};

static int
count_buckets(struct nx_db *db, uint64_t owner)
{
	sqlite3_stmt *stmt;
	int n,
	    r = nx_db_query(db, &stmt,
		"SELECT count(*) FROM buckets WHERE owner = ?", "u", owner);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	n = sqlite3_column_int(stmt, 0);
	sqlite3_reset(stmt);
	return n;
}

static int
check_name_free(struct nx_db *db, const struct catalog_bucket *b)
{
	struct catalog_bucket old;
	int r = find_bucket(db, b->name, &old);

	if (r != CATALOG_NO_BUCKET) {
		if (r == 0)
			r = old.owner == b->owner ? CATALOG_TAKEN
						  : CATALOG_BUCKET_TAKEN;
		return r;
	}
	r = count_buckets(db, b->owner);
	if (r < 0)
		return r;
	return (unsigned)r < CATALOG_BUCKETS_MAX ? 0 : CATALOG_BUCKETS_MANY;
}

static int
tell_bucket(
    struct nx_db *db, enum catalog_change how, const struct catalog_bucket *b)
{
	struct catalog_event e = {.change = how,
	    .thing = CATALOG_THING_BUCKET,
	    .place = "",
	    .bucket = b->name};

	return catalog_tell(db, b->owner, &e);
}

static int
write_make(struct nx_db *db, void *arg)
{
	struct catalog_bucket_op *op = arg;
	struct catalog_bucket *b = &op->bucket;
	int r = catalog_leaving(db, b->owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	r = check_name_free(db, b);
	if (r != 0)
		return r;
	b->made_at = catalog_now();
	r = nx_db_exec(db,
	    "INSERT INTO buckets(name, owner, made_at, versions, lockable,"
	    " mode, days) VALUES(?, ?, ?, ?, ?, ?, ?)",
	    "suuiiiu", b->name, b->owner, b->made_at, (int64_t)b->versions,
	    (int64_t)b->lockable, (int64_t)b->mode, (uint64_t)b->days);
	b->key = sqlite3_last_insert_rowid(nx_db_handle(db));
	if (r == 0)
		r = catalog_account(db, b->owner, &one_bucket, 0);
	if (r == 0)
		r = catalog_check_account(db, b->owner, op->quota, op->entries);
	return r != 0 ? r : tell_bucket(db, CATALOG_EVENT_CREATED, b);
}

static void
bucket_done(int result, void *arg)
{
	struct catalog_bucket_op *op = arg;

	op->done(result, op->arg);
}

void
catalog_bucket_make(struct catalog *c, struct catalog_bucket_op *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_make, bucket_done, op);
}

/* --- changing ---------------------------------------------------------------*/

static int
write_set(struct nx_db *db, void *arg)
{
	struct catalog_bucket_op *op = arg;
	struct catalog_bucket *b = &op->bucket, old;
	int r = catalog_read_bucket(db, b->owner, b->key, &old);

	if (r != 0)
		return r;
	/* Once on they can be suspended, and never be off again. */
	if (b->versions == CATALOG_VERSIONS_OFF)
		b->versions = old.versions;
	if (!op->lock) {
		b->mode = old.mode;
		b->days = old.days;
	}
	if (old.lockable && b->versions != CATALOG_VERSIONS_ON)
		return CATALOG_LOCKABLE;
	if (!old.lockable && b->mode != CATALOG_UNLOCKED)
		return CATALOG_NOT_LOCKABLE;
	b->lockable = old.lockable;
	b->made_at = old.made_at;
	return nx_db_exec(db,
	    "UPDATE buckets SET versions = ?, mode = ?, days = ?"
	    " WHERE bucket = ?",
	    "iiui", (int64_t)b->versions, (int64_t)b->mode, (uint64_t)b->days,
	    b->key);
}

void
catalog_bucket_set(struct catalog *c, struct catalog_bucket_op *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_set, bucket_done, op);
}

/* --- deleting ---------------------------------------------------------------*/

/* 1 when there is a version or an upload in it, 0, -errno. */
static int
is_used(struct nx_db *db, int64_t bucket)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT EXISTS (SELECT 1 FROM objects WHERE bucket = ?1) OR"
	    " EXISTS (SELECT 1 FROM uploads WHERE bucket = ?1)",
	    "i", bucket);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	r = sqlite3_column_int(stmt, 0);
	sqlite3_reset(stmt);
	return r;
}

static int
write_delete(struct nx_db *db, void *arg)
{
	struct catalog_bucket_op *op = arg;
	struct catalog_sums less = catalog_negated(&one_bucket);
	struct catalog_bucket old;
	int r = catalog_read_bucket(db, op->bucket.owner, op->bucket.key, &old);

	if (r == 0)
		r = is_used(db, old.key);
	if (r != 0)
		return r == 1 ? CATALOG_BUCKET_FULL : r;
	r = nx_db_exec(
	    db, "DELETE FROM buckets WHERE bucket = ?", "i", old.key);
	if (r == 0)
		r = catalog_account(db, old.owner, &less, 0);
	return r < 0 ? r : tell_bucket(db, CATALOG_EVENT_DELETED, &old);
}

void
catalog_bucket_delete(struct catalog *c, struct catalog_bucket_op *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_delete, bucket_done, op);
}
