/*
 * Whether that which somebody names by its id is in the place an access key is
 * for; see common/place.h.
 */
#include "common/err.h"
#include "common/place.h"
#include "storaged/catalog/catalog_internal.h"
#include "storaged/catalog/catalog_within.h"

static int
object_within(struct nx_db *db, int64_t file, const char *place)
{
	char name[CATALOG_BUCKET_NAME + 1];
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT b.name, o.key FROM objects o JOIN buckets b"
	    " ON b.bucket = o.bucket WHERE o.file = ?",
	    "i", file);

	if (r <= 0)
		return r;
	r = nx_db_text(stmt, 0, name, sizeof(name)) &&
	    nx_place_has_key(place, name, sqlite3_column_blob(stmt, 1),
		(size_t)sqlite3_column_bytes(stmt, 1));
	sqlite3_reset(stmt);
	return r;
}

static int
entry_within(struct nx_db *db, int64_t file, const char *place)
{
	char path[PATH_BYTES_MAX + 8]; /* never cut */
	sqlite3_stmt *stmt;
	int64_t entry;
	int r = nx_db_query(
	    db, &stmt, "SELECT entry FROM entries WHERE file = ?", "i", file);

	if (r <= 0)
		return r;
	entry = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	r = catalog_entry_place(db, entry, path, sizeof(path));
	return r < 0 ? r : nx_place_has_path(place, path);
}

int
catalog_file_within(
    struct catalog *c, const struct catalog_file *f, const char *place)
{
	if (*place == '\0')
		return 1;
	if (f->past || f->hidden)
		return 0;
	if (f->in_bucket)
		return object_within(c->db, f->key, place);
	return f->in_tree ? entry_within(c->db, f->key, place) : 0;
}

int
catalog_upload_within(
    struct catalog *c, const struct catalog_upload *u, const char *place)
{
	char name[CATALOG_BUCKET_NAME + 1];
	sqlite3_stmt *stmt;
	int r;

	if (*place == '\0')
		return 1;
	if (u->kind == CATALOG_RESUMABLE)
		return u->path[0] != '\0' && nx_place_has_path(place, u->path);
	r = nx_db_query(c->db, &stmt,
	    "SELECT name FROM buckets WHERE bucket = ?", "i", u->bucket);
	if (r <= 0)
		return r;
	r = nx_db_text(stmt, 0, name, sizeof(name)) &&
	    nx_place_has_key(place, name, u->key, u->key_len);
	sqlite3_reset(stmt);
	return r;
}
