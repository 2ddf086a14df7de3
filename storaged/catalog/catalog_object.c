/*
 * Objects in the catalogue. The newest row of a key is its current version; the
 * column live says of which of them a list speaks: the newest, unless it is a
 * delete marker. So a list costs nothing for what was deleted or replaced.
 */
#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_object_internal.h"

/* --- reading ----------------------------------------------------------------*/

int
object_read(sqlite3_stmt *stmt, struct catalog_object *ret_object)
{
	struct catalog_object *o = ret_object;
	size_t len = (size_t)sqlite3_column_bytes(stmt, 1);
	int64_t mode = sqlite3_column_int64(stmt, 7);

	if (len == 0 || len > CATALOG_KEY_MAX || mode < 0 ||
	    mode >= CATALOG_LOCK_MODES)
		return -EBADMSG;
	o->row = sqlite3_column_int64(stmt, 0);
	o->key_len = len;
	memcpy(o->key, sqlite3_column_blob(stmt, 1), len);
	nx_db_text(stmt, 2, o->version, sizeof(o->version));
	o->marker = sqlite3_column_type(stmt, 3) == SQLITE_NULL;
	o->current = false;
	o->file = sqlite3_column_int64(stmt, 3);
	o->size = (uint64_t)sqlite3_column_int64(stmt, 4);
	o->charged = (uint64_t)sqlite3_column_int64(stmt, 5);
	o->modified_at = (uint64_t)sqlite3_column_int64(stmt, 6);
	o->lock = (struct catalog_lock){
	    .mode = (enum catalog_lock_mode)mode,
	    .until = (uint64_t)sqlite3_column_int64(stmt, 8),
	    .hold = sqlite3_column_int(stmt, 9) != 0,
	};
	nx_db_text(stmt, 10, o->id, sizeof(o->id));
	nx_db_text(stmt, 11, o->etag.text, sizeof(o->etag.text));
	o->parts = (uint32_t)sqlite3_column_int64(stmt, 12);
	return 0;
}

static int
take_row(int r, sqlite3_stmt *stmt, struct catalog_object *ret_object)
{
	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_KEY;
	r = object_read(stmt, ret_object);
	sqlite3_reset(stmt);
	return r;
}

int
object_newest(struct nx_db *db, int64_t bucket, const struct catalog_key *key,
    struct catalog_object *ret_object)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT " OBJECT_COLUMNS OBJECT_FROM "WHERE o.bucket = ?"
	    " AND o.key = ? ORDER BY o.object DESC LIMIT 1",
	    "ib", bucket, (const void *)key->data, key->len);

	r = take_row(r, stmt, ret_object);
	if (r == 0)
		ret_object->current = true;
	return r;
}

/* The null version: there is one of a key at most. */
static int
null_version(struct nx_db *db, int64_t bucket, const struct catalog_key *key,
    struct catalog_object *ret_object)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT " OBJECT_COLUMNS OBJECT_FROM "WHERE o.bucket = ?"
	    " AND o.key = ? AND o.version = '' AND o.live = 0",
	    "ib", bucket, (const void *)key->data, key->len);

	return take_row(r, stmt, ret_object);
}

int
object_version(struct nx_db *db, int64_t bucket, const struct catalog_key *key,
    const char *version, struct catalog_object *ret_object)
{
	struct catalog_object newest;
	sqlite3_stmt *stmt;
	bool null = strcmp(version, "null") == 0;
	int r = object_newest(db, bucket, key, &newest);

	if (r != 0)
		return r;
	if (strcmp(newest.version, null ? "" : version) == 0) {
		*ret_object = newest;
		return 0;
	}
	if (null)
		return null_version(db, bucket, key, ret_object);
	r = nx_db_query(db, &stmt,
	    "SELECT " OBJECT_COLUMNS OBJECT_FROM "WHERE o.version = ?1"
	    " AND o.version <> '' AND o.bucket = ?2 AND o.key = ?3",
	    "sib", version, bucket, (const void *)key->data, key->len);
	return take_row(r, stmt, ret_object);
}

int
catalog_object_find(struct catalog *c, const struct catalog_bucket *bucket,
    const struct catalog_key *key, const char *version,
    struct catalog_object *ret_object)
{
	return version
	    ? object_version(c->db, bucket->key, key, version, ret_object)
	    : object_newest(c->db, bucket->key, key, ret_object);
}

int
catalog_object_of(struct catalog *c, uint64_t owner, const char *id,
    struct catalog_object *ret_object)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT " OBJECT_COLUMNS ", o.live FROM files f JOIN objects o"
	    " ON o.file = f.file WHERE f.id = ?1 AND (?2 = 0 OR f.owner = ?2)",
	    "su", id, owner);

	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_KEY;
	r = object_read(stmt, ret_object);
	ret_object->current = sqlite3_column_int(stmt, 13) != 0;
	sqlite3_reset(stmt);
	return r;
}

int
catalog_object_meta(
    struct catalog *c, int64_t row, uint8_t ret_meta[CATALOG_META_MAX])
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT meta FROM objects WHERE object = ?", "i", row);

	return catalog_take_meta(r, stmt, ret_meta);
}

/* --- rows, inside a write ---------------------------------------------------*/

static struct catalog_sums
sums_of(bool marker, uint64_t size, uint64_t charged)
{
	return (struct catalog_sums){.size = marker ? 0 : (int64_t)size,
	    .files = 1,
	    .charged = (int64_t)charged};
}

int
object_insert(struct nx_db *db, const struct object_row *row)
{
	bool marker = row->file == 0;
	uint64_t charged = marker ? CATALOG_FOLDER_CHARGE
				  : catalog_charge(row->size + row->meta_len);
	struct catalog_sums more = sums_of(marker, row->size, charged);
	/* What was the newest is in no list any more. */
	int r = nx_db_exec(db,
	    "UPDATE objects SET live = 0 WHERE bucket = ? AND key = ?"
	    " AND live = 1",
	    "ib", row->bucket, (const void *)row->key.data, row->key.len);

	if (r == 0)
		r = nx_db_exec(db,
		    "INSERT INTO objects(bucket, key, version, live, file,"
		    " size, charged, modified_at, mode, until, hold, meta)"
		    " VALUES(?, ?, ?, ?, nullif(?, 0), ?, ?, ?, ?, ?, ?, ?)",
		    "ibsiiuuuiuib", row->bucket, (const void *)row->key.data,
		    row->key.len, row->version, (int64_t)!marker, row->file,
		    row->size, charged, catalog_now(), (int64_t)row->lock.mode,
		    row->lock.until, (int64_t)row->lock.hold,
		    (const void *)(row->meta_len ? row->meta
						 : (const uint8_t *)""),
		    row->meta_len);
	return r < 0 ? r : catalog_account(db, row->owner, &more, 0);
}

int
object_drop(struct nx_db *db, uint64_t owner, const struct catalog_object *o)
{
	struct catalog_sums sums = sums_of(o->marker, o->size, o->charged);
	struct catalog_sums less = catalog_negated(&sums);
	int r =
	    nx_db_exec(db, "DELETE FROM objects WHERE object = ?", "i", o->row);

	if (r == 0 && !o->marker)
		r = catalog_drop_file(db, owner, o->file);
	return r < 0 ? r : catalog_account(db, owner, &less, 0);
}

int
object_uncover(struct nx_db *db, int64_t bucket, const struct catalog_key *key)
{
	return nx_db_exec(db,
	    "UPDATE objects SET live = 1 WHERE object = (SELECT object"
	    " FROM objects WHERE bucket = ? AND key = ?"
	    " ORDER BY object DESC LIMIT 1) AND file IS NOT NULL AND live = 0",
	    "ib", bucket, (const void *)key->data, key->len);
}

/* --- a file comes -----------------------------------------------------------*/

/* What a version that comes now replaces: where versions are kept, nothing.
 * 0, CATALOG_NO_KEY: nothing, -errno. */
static int
replaced_by(struct nx_db *db, const struct catalog_bucket *b,
    const struct catalog_key *key, struct catalog_object *ret_old)
{
	return b->versions == CATALOG_VERSIONS_ON
	    ? CATALOG_NO_KEY
	    : object_version(db, b->key, key, "null", ret_old);
}

static int
check_put(struct nx_db *db, const struct catalog_bucket *b,
    const struct catalog_object_put *put,
    const struct catalog_condition *condition, struct catalog_object *ret_old,
    bool *ret_there)
{
	struct catalog_object newest;
	int r = object_newest(db, b->key, &put->key, &newest);

	if (r != 0 && r != CATALOG_NO_KEY)
		return r;
	*ret_there = r == 0 && !newest.marker;
	if (!b->lockable &&
	    (put->lock.mode != CATALOG_UNLOCKED || put->lock.hold))
		return CATALOG_NOT_LOCKABLE;
	r = catalog_check_condition(
	    condition, *ret_there ? &newest.etag : NULL);
	if (r == 0)
		r = replaced_by(db, b, &put->key, ret_old);
	return r == 0 && put->adds_only && !ret_old->marker ? CATALOG_TAKEN : r;
}

int
catalog_check_object(struct catalog *c, uint64_t owner,
    const struct catalog_object_put *put,
    const struct catalog_condition *condition, uint64_t *ret_old)
{
	struct catalog_object old;
	struct catalog_bucket b;
	bool there;
	int r = catalog_leaving(c->db, owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	*ret_old = 0;
	r = catalog_read_bucket(c->db, owner, put->bucket, &b);
	if (r == 0)
		r = check_put(c->db, &b, put, condition, &old, &there);
	if (r == 0)
		*ret_old = old.charged;
	return r == CATALOG_NO_KEY ? 0 : r;
}

/* What was asked for, or what the bucket has for all. */
static int
lock_for(struct nx_db *db, const struct catalog_bucket *b,
    const struct catalog_lock *asked, struct catalog_lock *ret_lock)
{
	uint64_t now;
	int r = 0;

	*ret_lock = *asked;
	if (asked->mode != CATALOG_UNLOCKED || b->mode == CATALOG_UNLOCKED)
		return 0;
	r = catalog_tick(db, &now);
	ret_lock->mode = b->mode;
	ret_lock->until = now + b->days * 86400ULL;
	return r;
}

int
object_tell(struct nx_db *db, uint64_t owner, enum catalog_change how,
    const char *name, const struct catalog_key *key,
    const struct catalog_object *o)
{
	struct catalog_event e = {.change = how,
	    .thing = CATALOG_THING_OBJECT,
	    .place = (const char *)key->data,
	    .place_len = key->len,
	    .bucket = name,
	    .version = o->version[0] ? o->version : NULL,
	    .id = o->marker ? NULL : o->id,
	    .etag = o->marker ? NULL : o->etag.text,
	    .size = o->size};

	return catalog_tell(db, owner, &e);
}

static int
tell_put(struct nx_db *db, const struct catalog_commit *op,
    enum catalog_change how, const char *name)
{
	const struct catalog_object_put *put = op->object;
	struct catalog_object o = {
	    .size = op->file.size, .etag = op->file.etag};

	memcpy(o.id, op->file.id, sizeof(o.id));
	memcpy(o.version, put->version, sizeof(o.version));
	return object_tell(db, op->file.owner, how, name, &put->key, &o);
}

int
catalog_put_object(struct nx_db *db, struct catalog_commit *op, int64_t file)
{
	struct catalog_object_put *put = op->object;
	struct object_row row = {.bucket = put->bucket,
	    .file = file,
	    .owner = op->file.owner,
	    .size = op->file.size,
	    .key = put->key,
	    .meta = put->meta,
	    .meta_len = put->meta_len};
	struct catalog_object old;
	struct catalog_bucket b;
	bool there;
	int r = catalog_read_bucket(db, row.owner, put->bucket, &b);

	if (r == 0)
		r = check_put(db, &b, put, &op->condition, &old, &there);
	if (r == 0) {
		r = object_check_lock(db, &old, false);
		if (r == 0)
			r = object_drop(db, row.owner, &old);
		op->freed = r == 0;
	} else if (r == CATALOG_NO_KEY)
		r = 0;
	if (r == 0)
		r = lock_for(db, &b, &put->lock, &row.lock);
	if (r == 0 && b.versions == CATALOG_VERSIONS_ON)
		nx_id_new(row.version);
	memcpy(put->version, row.version, sizeof(put->version));
	if (r == 0)
		r = object_insert(db, &row);
	return r != 0
	    ? r
	    : tell_put(db, op,
		  there ? CATALOG_EVENT_CHANGED : CATALOG_EVENT_CREATED,
		  b.name);
}
