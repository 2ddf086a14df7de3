/*
 * Files and their chunks read from the catalogue: found by id, listed, with what
 * a client said of them. What a deletion took out of sight (a folder above, the
 * whole user) is not found here, though rows of it may last until they are
 * reaped.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_bucket_internal.h"
#include "storaged/catalog/catalog_internal.h"
#include "storaged/catalog/catalog_within.h"
#include "storaged/catalog/catalog_past.h"

void
catalog_read_about(
    sqlite3_stmt *stmt, int column, struct catalog_about *ret_about)
{
	ret_about->has_mtime =
	    sqlite3_column_type(stmt, column) == SQLITE_INTEGER;
	ret_about->mtime = sqlite3_column_int64(stmt, column);
	nx_db_text(stmt, column + 1, ret_about->type, sizeof(ret_about->type));
}

int
catalog_file_meta(
    struct catalog *c, int64_t key, uint8_t ret_meta[CATALOG_ABOUT_MAX])
{
	sqlite3_stmt *stmt;
	int n,
	    r = nx_db_query(c->db, &stmt,
		"SELECT meta FROM files WHERE file = ?", "i", key);

	if (r <= 0)
		return r;
	n = sqlite3_column_bytes(stmt, 0);
	if (n > (int)CATALOG_ABOUT_MAX)
		n = -EBADMSG;
	else if (n > 0)
		memcpy(ret_meta, sqlite3_column_blob(stmt, 0), (size_t)n);
	sqlite3_reset(stmt);
	return n;
}

int
catalog_file_digests(
    struct catalog *c, int64_t key, struct digest_values *ret_values)
{
	sqlite3_stmt *stmt;
	bool good;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT sha256, sums FROM files WHERE file = ?", "i", key);

	*ret_values = (struct digest_values){0};
	if (r <= 0)
		return r;
	ret_values->known[DIGEST_SHA256] =
	    nx_db_blob(stmt, 0, ret_values->value[DIGEST_SHA256], SHA256_LEN);
	good = digest_unpack(sqlite3_column_blob(stmt, 1),
	    (size_t)sqlite3_column_bytes(stmt, 1), ret_values);
	sqlite3_reset(stmt);
	return good ? 0 : -EBADMSG;
}

void
catalog_read_file(sqlite3_stmt *stmt, struct catalog_file *ret_file)
{
	struct catalog_file *f = ret_file;

	f->key = sqlite3_column_int64(stmt, 0);
	nx_db_text(stmt, 1, f->id, sizeof(f->id));
	nx_db_text(stmt, 2, f->name, sizeof(f->name));
	f->owner = (uint64_t)sqlite3_column_int64(stmt, 3);
	f->size = (uint64_t)sqlite3_column_int64(stmt, 4);
	f->chunks = (uint32_t)sqlite3_column_int64(stmt, 5);
	f->want = (uint32_t)sqlite3_column_int64(stmt, 6);
	f->replicas = (uint32_t)sqlite3_column_int64(stmt, 7);
	nx_db_text(stmt, 8, f->etag.text, sizeof(f->etag.text));
	f->created_at = (uint64_t)sqlite3_column_int64(stmt, 9);
	f->in_tree = sqlite3_column_int(stmt, 10) == HOME_TREE;
	f->in_bucket = sqlite3_column_int(stmt, 10) == HOME_BUCKET;
	f->hidden = sqlite3_column_int(stmt, 10) == HOME_NOWHERE;
	f->past = sqlite3_column_int(stmt, 10) == PAST_HOME;
	f->damaged = (uint32_t)sqlite3_column_int64(stmt, 11);
	f->missing = (uint32_t)sqlite3_column_int64(stmt, 12);
	f->parts = (uint32_t)sqlite3_column_int64(stmt, 13);
	f->content = sqlite3_column_int64(stmt, 14);
	catalog_read_about(stmt, 15, &f->about);
	f->extra = (uint64_t)sqlite3_column_int64(stmt, 17);
	f->code = (uint32_t)sqlite3_column_int64(stmt, 18);
}

/* What was deleted with a folder or a user is not there, though its row may
 * still be. */
int
catalog_file_there(struct catalog *c, const struct catalog_file *file)
{
	int r = catalog_leaving(c->db, file->owner);

	if (r != 0)
		return r < 0 ? r : 0;
	if (file->hidden)
		return catalog_part_there(c, file->key);
	return file->in_tree ? catalog_is_attached(c->db, file->key) : 1;
}

int
catalog_file_find(struct catalog *c, uint64_t owner, const char *place,
    const char *id, struct catalog_file *ret_file)
{
	char beyond[NX_ID_LEN + 2];
	sqlite3_stmt *stmt;
	int r, found = 0;

	if (!nx_id_prefix_valid(id))
		return CATALOG_BAD_ID;
	/* 'g' sorts behind every digit an id can have. */
	(void)snprintf(beyond, sizeof(beyond), "%sg", id);
	r = nx_db_query(c->db, &stmt,
	    "SELECT " FILE_COLUMNS " FROM files f WHERE f.id >= ?1 AND"
	    " f.id < ?2 AND (?3 = 0 OR f.owner = ?3) AND f.tree < 3",
	    "ssu", id, beyond, owner);
	while (r > 0) {
		struct catalog_file file;
		int there;

		catalog_read_file(stmt, &file);
		there = catalog_file_there(c, &file);
		if (there > 0)
			there = catalog_file_within(c, &file, place);
		if (there < 0 || (there > 0 && ++found > 1)) {
			sqlite3_reset(stmt);
			return there < 0 ? there : CATALOG_AMBIGUOUS;
		}
		if (there > 0)
			*ret_file = file;
		r = nx_db_next(stmt);
	}
	if (r < 0)
		return r;
	return found ? 0 : CATALOG_NO_FILE;
}

static int
list_all(struct catalog *c, int64_t after, size_t max, sqlite3_stmt **ret_stmt)
{
	return nx_db_query(c->db, ret_stmt,
	    "SELECT " FILE_COLUMNS " FROM files f INDEXED BY files_raw_all"
	    " WHERE f.tree = 0 AND f.file > ? AND NOT EXISTS (SELECT 1 FROM "
	    "going g WHERE"
	    " g.owner = f.owner AND g.folder = 0) ORDER BY f.file LIMIT ?",
	    "iu", after, (uint64_t)max);
}

static int
list_of(struct catalog *c, uint64_t owner, int64_t after, size_t max,
    sqlite3_stmt **ret_stmt)
{
	return nx_db_query(c->db, ret_stmt,
	    "SELECT " FILE_COLUMNS " FROM files f WHERE f.owner = ? AND"
	    " f.tree = 0 AND f.file > ? ORDER BY f.file LIMIT ?",
	    "uiu", owner, after, (uint64_t)max);
}

int
catalog_file_list(struct catalog *c, uint64_t owner, int64_t after,
    struct catalog_file *ret_files, size_t max)
{
	sqlite3_stmt *stmt;
	int n = 0, r = owner == 0 ? 0 : catalog_leaving(c->db, owner);

	if (r != 0)
		return r < 0 ? r : 0;
	r = owner == 0 ? list_all(c, after, max, &stmt)
		       : list_of(c, owner, after, max, &stmt);
	while (r > 0) {
		catalog_read_file(stmt, &ret_files[n++]);
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

int
catalog_read_chunk(sqlite3_stmt *stmt, struct catalog_chunk *ret_chunk)
{
	struct catalog_chunk *c = ret_chunk;
	int n_crc = sqlite3_column_bytes(stmt, 5);
	int64_t size = sqlite3_column_int64(stmt, 3);

	if (size < 0 || size > CHUNK_SIZE ||
	    (size_t)n_crc !=
		checksum_blocks((uint32_t)size) * sizeof(c->sums.crc[0]))
		return -EBADMSG;
	memset(c, 0, sizeof(*c));
	c->key = sqlite3_column_int64(stmt, 0);
	c->file = sqlite3_column_int64(stmt, 1);
	nx_db_text(stmt, 2, c->id.text, sizeof(c->id.text));
	c->sums.size = (uint32_t)size;
	c->index = sqlite3_column_int64(stmt, 6);
	c->code = (uint32_t)sqlite3_column_int64(stmt, 7);
	if (!nx_db_blob(stmt, 4, c->sums.md5, MD5_LEN))
		return -EBADMSG;
	if (n_crc > 0)
		memcpy(
		    c->sums.crc, sqlite3_column_blob(stmt, 5), (size_t)n_crc);
	return 0;
}

int
catalog_read_replicas(struct nx_db *db, struct catalog_chunk *chunk)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT volume, at FROM replicas WHERE chunk = ?", "i", chunk->key);
	uint32_t n = 0;

	while (r > 0) {
		if (n < CATALOG_REPLICAS) {
			chunk->volumes[n] = sqlite3_column_int64(stmt, 0);
			chunk->at[n++] =
			    (uint64_t)sqlite3_column_int64(stmt, 1);
		}
		r = nx_db_next(stmt);
	}
	chunk->n_replicas = n;
	return r;
}

int
catalog_file_chunks(struct catalog *c, int64_t file, uint32_t index,
    struct catalog_chunk *ret_chunks, size_t max)
{
	sqlite3_stmt *stmt;
	int n = 0;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT " CHUNK_COLUMNS " FROM chunks c WHERE c.file = ? AND"
	    " c.idx >= ? ORDER BY c.idx LIMIT ?",
	    "iuu", file, (uint64_t)index, (uint64_t)max);

	while (r > 0) {
		r = catalog_read_chunk(stmt, &ret_chunks[n]);
		if (r < 0) {
			sqlite3_reset(stmt);
			return r;
		}
		n++;
		r = nx_db_next(stmt);
	}
	for (int i = 0; i < n && r == 0; i++)
		r = catalog_read_replicas(c->db, &ret_chunks[i]);
	return r < 0 ? r : n;
}
