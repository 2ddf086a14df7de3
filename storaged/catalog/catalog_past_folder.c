/*
 * What is in a folder that was deleted: its rows are where they were, below the
 * key that the row of past has, so they can be looked at and copied as long as
 * it can be had again. What had been deleted in it before is there too.
 */
#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_copying.h"
#include "storaged/catalog/catalog_past.h"

/* The folder @name that was deleted last in @parent. 1, 0, -errno. */
static int
deleted_child(struct nx_db *db, uint64_t owner, int64_t parent,
    const char *name, struct past_folder *at)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT entry, gone_at, until, held FROM past INDEXED BY"
	    " past_deleted WHERE owner = ? AND parent = ? AND name = ?"
	    " AND why = 1 AND file IS NULL AND own = 1 ORDER BY past DESC"
	    " LIMIT 1",
	    "uis", owner, parent, name);

	if (r <= 0)
		return r;
	at->key = sqlite3_column_int64(stmt, 0);
	/* The outermost one takes all of it along. */
	if (at->gone_at == 0) {
		at->gone_at = (uint64_t)sqlite3_column_int64(stmt, 1);
		at->until = (uint64_t)sqlite3_column_int64(stmt, 2);
		at->held = sqlite3_column_int(stmt, 3) != 0;
	}
	sqlite3_reset(stmt);
	return 1;
}

int
past_folder(struct nx_db *db, uint64_t owner, const struct path *path,
    unsigned depth, struct past_folder *ret_folder)
{
	struct past_folder at = {0};
	struct catalog_entry e;
	int r = catalog_leaving(db, owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	for (unsigned i = 0; i < depth; i++) {
		const char *name = path_name(path, i);

		r = catalog_find_child(db, owner, at.key, name, &e);
		if (r > 0 && e.folder)
			at.key = e.key;
		else if (r >= 0)
			r = deleted_child(db, owner, at.key, name, &at);
		if (r <= 0)
			return r < 0 ? r : CATALOG_NO_PATH;
	}
	*ret_folder = at;
	return at.gone_at > 0 ? 0 : CATALOG_NO_PATH;
}

int
past_list_folder(struct nx_db *db, uint64_t owner, const struct past_folder *at,
    const char *name, int64_t past, size_t max, sqlite3_stmt **ret_stmt)
{
	return nx_db_query(db, ret_stmt,
	    "SELECT * FROM (SELECT 0, e.parent, e.name, e.entry, e.file, "
	    "e.size,"
	    " e.files, e.folders, e.charged, e.modified_at, 1, ?5, ?6, ?7,"
	    " f.id, f.md5, " DAMAGE_COLUMNS(CONTENT_OF(
		"f")) ", " ABOUT_COLUMNS
		      " FROM entries e LEFT JOIN files f ON f.file = e.file"
		      " WHERE e.owner = ?1 AND e.parent = ?2 AND e.name > ?3"
		      " ORDER BY e.name LIMIT ?8) UNION ALL"
		      " SELECT * FROM (SELECT " PAST_SHOWN
		      " FROM past p INDEXED BY"
		      " past_deleted LEFT JOIN files f ON f.file = p.file"
		      " WHERE p.owner = ?1 AND p.parent = ?2 AND p.why = 1"
		      " AND (p.name, p.past) > (?3, ?4)"
		      " ORDER BY p.name, p.past LIMIT ?8) ORDER BY 3, 1 LIMIT "
		      "?8",
	    "uisiuuiu", owner, at->key, name, past, at->gone_at, at->until,
	    (int64_t)at->held, (uint64_t)max);
}

/* The file @name that is in @at, or was deleted there before. */
static int
find_file(struct nx_db *db, uint64_t owner, const struct past_folder *at,
    const char *name, struct catalog_entry *ret_entry)
{
	struct catalog_past shown;
	sqlite3_stmt *stmt;
	int r = catalog_find_child(db, owner, at->key, name, ret_entry);

	if (r != 0)
		return r < 0 ? r : ret_entry->folder ? CATALOG_IS_FOLDER : 0;
	r = nx_db_query(db, &stmt,
	    "SELECT " PAST_SHOWN " FROM past p INDEXED BY past_deleted"
	    " LEFT JOIN files f ON f.file = p.file WHERE p.owner = ?"
	    " AND p.parent = ? AND p.name = ? AND p.why = 1"
	    " ORDER BY p.past DESC LIMIT 1",
	    "uis", owner, at->key, name);
	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_PATH;
	past_read_shown(stmt, &shown);
	sqlite3_reset(stmt);
	*ret_entry = shown.entry;
	return shown.entry.folder ? CATALOG_IS_FOLDER : 0;
}

int
past_copy_out(struct nx_db *db, struct catalog_restore *op)
{
	struct catalog_copy as = {.owner = op->owner,
	    .to = op->to.depth ? op->to : op->path,
	    .replace = op->replace,
	    .condition = op->condition};
	struct past_folder at;
	int r = op->path.depth == 0
	    ? CATALOG_IS_ROOT
	    : past_folder(db, op->owner, &op->path, op->path.depth - 1, &at);

	if (r == 0)
		r = find_file(
		    db, op->owner, &at, path_last(&op->path), &as.entry);
	op->within = r == CATALOG_IS_FOLDER;
	return r != 0 ? r : copy_file(db, &as);
}
