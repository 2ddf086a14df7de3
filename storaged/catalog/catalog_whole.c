/*
 * From pieces to a file and back. When an upload becomes a file no row of its
 * pieces is touched: each knows already where it begins (catalog_placing.c).
 * Reading looks for the piece with an offset; what the whole leaves behind goes
 * piece by piece.
 */
#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_part_internal.h"

#define STEP_PARTS   8 /* each has up to 32 chunks taken away */
#define STEP_OBJECTS 8
#define WINDOW       16 /* pieces looked at in one go */

/* --- completing -------------------------------------------------------------*/

/* Those that were not listed go; the key is no file's (catalog_drop_parts). */
static int
drop_others(struct nx_db *db, const struct catalog_upload *u, uint64_t size)
{
	return nx_db_exec(db,
	    "INSERT INTO going_files(file, owner, size) VALUES(-?1, ?2, ?3)",
	    "iuu", u->file, u->owner, u->size - size);
}

/* The row that was there from the beginning is a file's now. */
static int
show_whole(struct nx_db *db, struct catalog_commit *op, uint32_t parts)
{
	struct catalog_file *f = &op->file;
	struct catalog_digests digests;
	int r;

	catalog_digests_of(op->digests, &digests);
	f->created_at = catalog_now();
	f->replicas = f->want;
	f->parts = parts;
	f->in_tree = op->path != NULL;
	f->in_bucket = op->object != NULL;
	f->hidden = false;
	r = nx_db_exec(db,
	    "UPDATE files SET name = ?, tree = ?, size = ?, chunks = ?,"
	    " parts = ?, md5 = ?, created_at = ?, sha256 = nullif(?, x''),"
	    " sums = nullif(?, x'') WHERE file = ?",
	    "siuuusubbi", f->name, catalog_home_of(op), f->size,
	    (uint64_t)f->chunks, (uint64_t)parts, f->etag.text, f->created_at,
	    (const void *)digests.sha256, digests.sha256_len,
	    (const void *)digests.sums, digests.sums_len, f->key);
	return r;
}

int
catalog_assemble(struct nx_db *db, struct catalog_commit *op)
{
	struct catalog_assembly *a = op->assembly;
	struct catalog_file *f = &op->file;
	struct catalog_upload u;
	int r = part_upload(db, f->owner, a->upload, &u);

	if (r != 0)
		return r;
	if (u.changes != a->changes)
		return CATALOG_OFFSET;
	nx_assert(a->parts <= u.parts && a->size <= u.size);
	op->freed = a->parts < u.parts;
	if (op->freed)
		r = drop_others(db, &u, a->size);
	f->key = f->content = u.file;
	f->size = a->size;
	f->chunks = (uint32_t)a->chunks;
	f->want = u.want;
	memcpy(f->id, u.id, sizeof(f->id));
	if (r == 0)
		r = part_close(db, &u, true);
	return r != 0 ? r : show_whole(db, op, a->parts);
}

/* --- copying ----------------------------------------------------------------*/

int
catalog_make_copy(struct nx_db *db, struct catalog_commit *op)
{
	struct catalog_file *f = &op->file;
	sqlite3_stmt *stmt;
	int r;

	f->created_at = catalog_now();
	r = nx_db_query(db, &stmt,
	    "INSERT INTO files(id, owner, name, tree, size, chunks, want,"
	    " replicas, md5, created_at, parts, sha256, sums, content) SELECT"
	    " ?1, owner, ?2, ?3, size, chunks, want, replicas, md5, ?4, parts, "
	    "sha256, sums,"
	    " iif(content <> 0, content, file) FROM files WHERE file = ?5"
	    " AND owner = ?6 AND tree <> 3 RETURNING file, size, chunks, want,"
	    " replicas, md5, parts, content",
	    "ssiuiu", f->id, f->name, catalog_home_of(op), f->created_at,
	    op->copy_of, f->owner);
	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_FILE;
	f->key = sqlite3_column_int64(stmt, 0);
	f->size = (uint64_t)sqlite3_column_int64(stmt, 1);
	f->chunks = (uint32_t)sqlite3_column_int64(stmt, 2);
	f->want = (uint32_t)sqlite3_column_int64(stmt, 3);
	f->replicas = (uint32_t)sqlite3_column_int64(stmt, 4);
	nx_db_text(stmt, 5, f->etag.text, sizeof(f->etag.text));
	f->parts = (uint32_t)sqlite3_column_int64(stmt, 6);
	f->content = sqlite3_column_int64(stmt, 7);
	f->in_tree = op->path != NULL;
	f->in_bucket = op->object != NULL;
	return nx_db_next(stmt);
}

/* --- reading ----------------------------------------------------------------*/

struct piece {
	int64_t file;
	uint64_t offset;
};

/* The piece with the byte at @offset and those after it. Number or -errno. */
static int
pieces_at(struct nx_db *db, int64_t whole, uint64_t offset,
    struct piece ret_pieces[WINDOW])
{
	sqlite3_stmt *stmt;
	int n = 0;
	int r = nx_db_query(db, &stmt,
	    "SELECT file, offset FROM parts WHERE whole = ?1 AND size > 0"
	    " AND offset >= (SELECT offset FROM parts WHERE whole = ?1"
	    " AND offset <= ?2 AND offset >= 0 ORDER BY offset DESC LIMIT 1)"
	    " ORDER BY offset LIMIT ?3",
	    "iui", whole, offset, (int64_t)WINDOW);

	while (r > 0) {
		ret_pieces[n].file = sqlite3_column_int64(stmt, 0);
		ret_pieces[n++].offset =
		    (uint64_t)sqlite3_column_int64(stmt, 1);
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

static int
chunks_of_pieces(struct catalog *c, int64_t whole, uint64_t offset,
    struct catalog_chunk *ret_chunks, size_t max, uint64_t *ret_start)
{
	struct piece pieces[WINDOW];
	int r = 0, n = pieces_at(c->db, whole, offset, pieces);
	size_t got = 0;

	for (int i = 0; i < n && got < max; i++) {
		uint32_t size = catalog_part_size(
		    i == 0 ? catalog_content_code(c, pieces[0].file) : 0);
		uint64_t within =
		    i == 0 ? (offset - pieces[0].offset) / size : 0;

		r = catalog_file_chunks(c, pieces[i].file, (uint32_t)within,
		    ret_chunks + got, max - got);
		if (r < 0)
			return r;
		if (i == 0)
			*ret_start = pieces[0].offset + within * size;
		got += (size_t)r;
	}
	return n < 0 ? n : (int)got;
}

int
catalog_file_at(struct catalog *c, const struct catalog_file *file,
    uint64_t offset, struct catalog_chunk *ret_chunks, size_t max,
    uint64_t *ret_start)
{
	uint64_t size = catalog_part_size(file->code);
	uint64_t index = offset / size;

	if (file->parts > 0)
		return chunks_of_pieces(
		    c, file->content, offset, ret_chunks, max, ret_start);
	*ret_start = index * size;
	return catalog_file_chunks(
	    c, file->content, (uint32_t)index, ret_chunks, max);
}

/* --- what is known of pieces ------------------------------------------------*/

int64_t
catalog_whole_of(struct nx_db *db, int64_t file)
{
	sqlite3_stmt *stmt;
	int64_t whole;
	int r = nx_db_query(
	    db, &stmt, "SELECT whole FROM parts WHERE file = ?", "i", file);

	if (r <= 0)
		return r;
	whole = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return whole;
}

int
catalog_part_there(struct catalog *c, int64_t file)
{
	int64_t whole = catalog_whole_of(c->db, file);
	struct catalog_file f = {0};
	int r;

	if (whole <= 0)
		return (int)whole; /* a whole is seen in its pieces */
	/* The first of its copies that can be reached will do. */
	while ((r = catalog_file_with(c, whole, f.key, &f)) == 0) {
		r = f.hidden ? 1 : catalog_file_there(c, &f);
		if (r != 0)
			return r;
	}
	return r < 0 ? r : 0;
}

/* --- going ------------------------------------------------------------------*/

/* Up to @max numbers the statement gives. */
static int
read_keys(int r, sqlite3_stmt *stmt, int64_t *ret_keys)
{
	int n = 0;

	while (r > 0) {
		ret_keys[n++] = sqlite3_column_int64(stmt, 0);
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

/* Of a negative @file: those that were not listed when it became one. */
int
catalog_drop_parts(struct nx_db *db, uint64_t owner, int64_t file)
{
	int64_t keys[STEP_PARTS];
	sqlite3_stmt *stmt;
	int n,
	    r = nx_db_query(db, &stmt,
		"SELECT file FROM parts WHERE whole = abs(?1)"
		" AND offset <= iif(?1 < 0, -1, ?2) LIMIT ?3",
		"iii", file, INT64_MAX, (int64_t)STEP_PARTS);

	n = read_keys(r, stmt, keys);
	r = 0;
	for (int i = 0; i < n && r == 0; i++) {
		r = nx_db_exec(
		    db, "DELETE FROM parts WHERE file = ?", "i", keys[i]);
		if (r == 0)
			r = catalog_drop_file(db, owner, keys[i]);
	}
	if (n < 0 || r < 0)
		return n < 0 ? n : r;
	return n == STEP_PARTS;
}

/* What @owner has no account for any more is not settled. 1: something went. */
static int
drop_objects(struct nx_db *db, uint64_t owner)
{
	int64_t keys[STEP_OBJECTS];
	sqlite3_stmt *stmt;
	int n,
	    r = nx_db_query(db, &stmt,
		"SELECT object FROM objects WHERE bucket IN (SELECT bucket"
		" FROM buckets WHERE owner = ?) LIMIT ?",
		"ui", owner, (int64_t)STEP_OBJECTS);

	n = read_keys(r, stmt, keys);
	r = 0;
	for (int i = 0; i < n && r >= 0; i++) {
		r = nx_db_query(db, &stmt,
		    "DELETE FROM objects WHERE object = ?"
		    " RETURNING ifnull(file, 0)",
		    "i", keys[i]);
		if (r > 0) {
			int64_t file = sqlite3_column_int64(stmt, 0);

			sqlite3_reset(stmt);
			r = file ? catalog_drop_file(db, owner, file) : 0;
		}
	}
	if (n < 0 || r < 0)
		return n < 0 ? n : r;
	return n > 0;
}

static int
drop_uploads(struct nx_db *db, uint64_t owner)
{
	struct catalog_upload u;
	sqlite3_stmt *stmt;
	int64_t file;
	int r = nx_db_query(db, &stmt,
	    "SELECT file FROM uploads WHERE owner = ? LIMIT 1", "u", owner);

	if (r <= 0)
		return r;
	file = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	r = part_upload(db, 0, file, &u);
	if (r == 0)
		r = part_close(db, &u, false);
	if (r == 0)
		r = catalog_drop_file(db, owner, file);
	return r < 0 ? r : 1;
}

int
catalog_drop_buckets(struct nx_db *db, uint64_t owner)
{
	int r = drop_objects(db, owner);

	if (r == 0)
		r = drop_uploads(db, owner);
	if (r == 0)
		r = nx_db_exec(
		    db, "DELETE FROM buckets WHERE owner = ?", "u", owner);
	return r;
}
