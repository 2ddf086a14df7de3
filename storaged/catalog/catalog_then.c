/*
 * The tree as it was in an epoch. A name in a folder is what it was then either in
 * entries, if it has been there since, or in one row of past, for what a name has
 * been follows one upon the other: the first that died after that epoch, if it
 * was born by then.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_then.h"

#define LOOKED 256 /* names, in one go */

#define THEN_COLUMNS                                                    \
	"x.entry, x.name, x.file, x.size, x.modified_at, f.id, f.md5, " \
	"max(f.size + f.extra, 4096), " ABOUT_COLUMNS

static void
read_then(sqlite3_stmt *stmt, struct catalog_entry *e)
{
	memset(e, 0, sizeof(*e));
	e->key = sqlite3_column_int64(stmt, 0);
	nx_db_text(stmt, 1, e->name, sizeof(e->name));
	e->folder = sqlite3_column_type(stmt, 2) == SQLITE_NULL;
	e->file = sqlite3_column_int64(stmt, 2);
	e->modified_at = (uint64_t)sqlite3_column_int64(stmt, 4);
	nx_db_text(stmt, 5, e->id, sizeof(e->id));
	nx_db_text(stmt, 6, e->etag.text, sizeof(e->etag.text));
	catalog_read_about(stmt, 8, &e->about);
	if (e->folder)
		return; /* what it holds was counted later */
	e->size = (uint64_t)sqlite3_column_int64(stmt, 3);
	e->charged = (uint64_t)sqlite3_column_int64(stmt, 7);
}

static int
take(int r, sqlite3_stmt *stmt, struct catalog_entry *ret_entry)
{
	if (r > 0) {
		read_then(stmt, ret_entry);
		sqlite3_reset(stmt);
	}
	return r;
}

int
then_child(struct nx_db *db, uint64_t owner, int64_t epoch, int64_t parent,
    const char *name, struct catalog_entry *ret_entry)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT " THEN_COLUMNS " FROM entries x LEFT JOIN files f"
	    " ON f.file = x.file WHERE x.owner = ? AND x.parent = ?"
	    " AND x.name = ? AND x.born <= ?",
	    "uisi", owner, parent, name, epoch);

	r = take(r, stmt, ret_entry);
	if (r != 0)
		return r;
	r = nx_db_query(db, &stmt,
	    "SELECT " THEN_COLUMNS " FROM past x INDEXED BY past_at"
	    " LEFT JOIN files f ON f.file = x.file WHERE x.past = (SELECT past"
	    " FROM past WHERE owner = ?1 AND parent = ?2 AND name = ?3"
	    " AND died > ?4 AND born < died ORDER BY died LIMIT 1)"
	    " AND x.born <= ?4 AND x.born < x.died AND x.owner = ?1"
	    " AND x.parent = ?2 AND x.name = ?3",
	    "uisi", owner, parent, name, epoch);
	return take(r, stmt, ret_entry);
}

int
then_find(struct nx_db *db, uint64_t owner, const char *name,
    struct catalog_snapshot *ret_snapshot)
{
	struct catalog_snapshot *s = ret_snapshot;
	char text[PATH_BYTES_MAX + 2];
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT name, path, folder, epoch, made_at FROM snapshots"
	    " WHERE owner = ? AND name = ?",
	    "us", owner, name);

	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_SNAPSHOT;
	nx_db_text(stmt, 0, s->name, sizeof(s->name));
	nx_db_text(stmt, 1, text, sizeof(text));
	s->folder = sqlite3_column_int64(stmt, 2);
	s->epoch = sqlite3_column_int64(stmt, 3);
	s->made_at = (uint64_t)sqlite3_column_int64(stmt, 4);
	sqlite3_reset(stmt);
	return path_parse(text, strlen(text), &s->path) ? -EBADMSG : 0;
}

int
then_walk(struct nx_db *db, uint64_t owner,
    const struct catalog_snapshot *snapshot, const struct path *path,
    struct catalog_entry *ret_entry)
{
	struct catalog_entry at = {.key = snapshot->folder, .folder = true};
	int r;

	if (!path_within(path, &snapshot->path))
		return CATALOG_NOT_IN_SNAPSHOT;
	for (unsigned i = snapshot->path.depth; i < path->depth; i++) {
		if (!at.folder)
			return CATALOG_NOT_FOLDER;
		r = then_child(db, owner, snapshot->epoch, at.key,
		    path_name(path, i), &at);
		if (r <= 0)
			return r < 0 ? r : CATALOG_NO_PATH;
	}
	*ret_entry = at;
	return 0;
}

/* The next name of the folder, then or at any other time. 1, 0, -errno. */
static int
next_name(struct nx_db *db, uint64_t owner, int64_t folder,
    char name[PATH_NAME_MAX + 1])
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT min(name) FROM (SELECT * FROM (SELECT name FROM entries"
	    " WHERE owner = ?1 AND parent = ?2 AND name > ?3 ORDER BY name"
	    " LIMIT 1) UNION ALL SELECT * FROM (SELECT name FROM past"
	    " WHERE owner = ?1 AND parent = ?2 AND name > ?3 AND born < died"
	    " ORDER BY name LIMIT 1))",
	    "uis", owner, folder, name);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	r = sqlite3_column_type(stmt, 0) != SQLITE_NULL;
	if (r > 0)
		nx_db_text(stmt, 0, name, PATH_NAME_MAX + 1);
	sqlite3_reset(stmt);
	return r;
}

int
then_list(struct nx_db *db, uint64_t owner, int64_t epoch, int64_t folder,
    char after[PATH_NAME_MAX + 1], bool to_folder,
    struct catalog_entry *ret_entries, size_t max, bool *ret_end)
{
	size_t n = 0;
	int r = 1;

	*ret_end = false;
	for (int i = 0; i < LOOKED && n < max; i++) {
		r = next_name(db, owner, folder, after);
		if (r <= 0)
			break;
		r = then_child(
		    db, owner, epoch, folder, after, &ret_entries[n]);
		if (r < 0)
			break;
		n += r > 0;
		if (r > 0 && to_folder && ret_entries[n - 1].folder)
			break;
		r = 1;
	}
	*ret_end = r == 0;
	return r < 0 ? r : (int)n;
}
