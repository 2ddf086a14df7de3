/*
 * Where a replica is; a file by its key, and by what a person calls it. For
 * what is said about files by those who met them as chunks: drains and deletions
 * of volumes.
 */
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_bucket_internal.h"
#include "storaged/catalog/catalog_internal.h"

int
catalog_file_with(struct catalog *c, int64_t content, int64_t after,
    struct catalog_file *ret_file)
{
	sqlite3_stmt *stmt;
	int r = 0;

	/* Copies come after what they were made of. */
	if (after < content)
		r = nx_db_query(c->db, &stmt,
		    "SELECT " FILE_COLUMNS " FROM files f WHERE f.file = ?",
		    "i", content);
	if (r == 0)
		r = nx_db_query(c->db, &stmt,
		    "SELECT " FILE_COLUMNS " FROM files f WHERE f.content = ?"
		    " AND f.content <> 0 AND f.file > ? ORDER BY f.file"
		    " LIMIT 1",
		    "ii", content, after);
	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_FILE;
	catalog_read_file(stmt, ret_file);
	sqlite3_reset(stmt);
	return 0;
}

int
catalog_file_get(struct catalog *c, int64_t key, struct catalog_file *ret_file)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT " FILE_COLUMNS " FROM files f WHERE f.file = ?", "i", key);

	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_FILE;
	catalog_read_file(stmt, ret_file);
	sqlite3_reset(stmt);
	return 0;
}

int
catalog_file_next(struct catalog *c, int64_t key, struct catalog_file *ret_file)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT " FILE_COLUMNS " FROM files f WHERE f.file >= ?"
	    " ORDER BY f.file LIMIT 1",
	    "i", key);

	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_FILE;
	catalog_read_file(stmt, ret_file);
	sqlite3_reset(stmt);
	return 0;
}

int
catalog_files_with(struct catalog *c, int64_t content, uint64_t *ret_n)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT (SELECT count(*) FROM files WHERE file = ?1) +"
	    " (SELECT count(*) FROM files WHERE content = ?1"
	    " AND content <> 0)",
	    "i", content);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	*ret_n = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return 0;
}

/* Puts "/name" before @text; false when there is no room for it. */
static bool
prepend(char *text, size_t size, const char *name)
{
	size_t have = strlen(text), more = strlen(name) + 1;

	if (have + more >= size)
		return false;
	memmove(text + more, text, have + 1);
	text[0] = '/';
	memcpy(text + 1, name, more - 1);
	return true;
}

/* One step up from @entry. 1 and its name, 0 at the root, -errno. */
static int
step_up(struct nx_db *db, int64_t *entry, char name[PATH_NAME_MAX + 1])
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT parent, name FROM entries WHERE entry = ?", "i", *entry);

	if (r <= 0)
		return r;
	*entry = sqlite3_column_int64(stmt, 0);
	nx_db_text(stmt, 1, name, PATH_NAME_MAX + 1);
	sqlite3_reset(stmt);
	return 1;
}

/* Where it was: "name (old)", and the folder that was in. */
static void
start_at_past(struct nx_db *db, int64_t file, int64_t *ret_folder, char *text)
{
	sqlite3_stmt *stmt;

	if (nx_db_query(db, &stmt,
		"SELECT parent, '/' || name || ' (old)' FROM past"
		" WHERE entry = (SELECT p.entry FROM past p WHERE p.file = ?1"
		" LIMIT 1) AND file = ?1 LIMIT 1",
		"i", file) <= 0)
		return;
	*ret_folder = sqlite3_column_int64(stmt, 0);
	nx_db_text(stmt, 1, text, PATH_NAME_MAX + 8);
	sqlite3_reset(stmt);
}

/* The way to @entry, before @text. 0 or -errno. */
static int
add_way(struct nx_db *db, int64_t entry, char *text, size_t size)
{
	char name[PATH_NAME_MAX + 1];
	int r = 0;

	while (entry > 0 && (r = step_up(db, &entry, name)) > 0)
		if (!prepend(text, size - 3, name)) {
			memmove(text + 3, text, strlen(text) + 1);
			memcpy(text, "...", 3);
			return 0;
		}
	return r < 0 ? r : 0;
}

int
catalog_entry_place(
    struct nx_db *db, int64_t entry, char *ret_text, size_t size)
{
	int r;

	nx_assert(size > PATH_NAME_MAX + 4);
	ret_text[0] = '\0';
	r = add_way(db, entry, ret_text, size);
	if (r == 0 && ret_text[0] == '\0')
		memcpy(ret_text, "/", 2);
	return r;
}

void
catalog_file_place(struct catalog *c, const struct catalog_file *file,
    char *ret_text, size_t size)
{
	sqlite3_stmt *stmt;
	int64_t entry = 0, key = file->key;
	int r;

	nx_assert(size > PATH_NAME_MAX + 8);
	ret_text[0] = '\0';
	if (file->hidden) {
		/* A piece is known as what it is a piece of. */
		int64_t whole = catalog_whole_of(c->db, file->key);

		key = whole > 0 ? whole : key;
	}
	if ((file->in_bucket || file->hidden) &&
	    catalog_object_place(c->db, key, ret_text, size))
		return;
	r = nx_db_query(
	    c->db, &stmt, "SELECT entry FROM entries WHERE file = ?", "i", key);
	if (r == 0 && file->hidden) /* or a copy of that */
		r = nx_db_query(c->db, &stmt,
		    "SELECT e.entry FROM files f JOIN entries e"
		    " ON e.file = f.file WHERE f.content = ?"
		    " AND f.content <> 0 LIMIT 1",
		    "i", key);
	if (r > 0) {
		entry = sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	if (file->past)
		start_at_past(c->db, key, &entry, ret_text);
	(void)add_way(c->db, entry, ret_text, size);
	if (ret_text[0] == '\0')
		(void)snprintf(ret_text, size, "%s", file->name);
}

struct chunk_place
catalog_place(const struct catalog_chunk *chunk, size_t i)
{
	nx_assert(i < chunk->n_replicas);
	return (struct chunk_place){chunk->id, chunk->at[i], chunk->sums.size};
}

size_t
catalog_replica_on(const struct catalog_chunk *chunk, int64_t volume)
{
	for (uint32_t i = 0; i < chunk->n_replicas; i++)
		if (chunk->volumes[i] == volume)
			return i;
	return CATALOG_REPLICAS;
}
