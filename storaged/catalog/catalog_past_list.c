/*
 * Looking into history: the versions of what is at a path, what was deleted in
 * a folder, the file that a version is. Each costs what it shows.
 */
#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_past.h"

#define SHOWN_FROM " FROM past p LEFT JOIN files f ON f.file = p.file"

void
past_read_shown(sqlite3_stmt *stmt, struct catalog_past *ret_past)
{
	struct catalog_past *p = ret_past;
	struct catalog_entry *e = &p->entry;

	memset(p, 0, sizeof(*p));
	p->past = sqlite3_column_int64(stmt, 0);
	p->parent = sqlite3_column_int64(stmt, 1);
	nx_db_text(stmt, 2, e->name, sizeof(e->name));
	p->key = sqlite3_column_int64(stmt, 3);
	e->folder = sqlite3_column_type(stmt, 4) == SQLITE_NULL;
	e->file = sqlite3_column_int64(stmt, 4);
	e->size = (uint64_t)sqlite3_column_int64(stmt, 5);
	e->files = (uint64_t)sqlite3_column_int64(stmt, 6);
	e->folders = (uint64_t)sqlite3_column_int64(stmt, 7);
	e->charged = (uint64_t)sqlite3_column_int64(stmt, 8);
	e->modified_at = (uint64_t)sqlite3_column_int64(stmt, 9);
	p->why = (enum catalog_why)sqlite3_column_int(stmt, 10);
	p->gone_at = (uint64_t)sqlite3_column_int64(stmt, 11);
	p->until = (uint64_t)sqlite3_column_int64(stmt, 12);
	p->held = sqlite3_column_int(stmt, 13) != 0;
	nx_db_text(stmt, 14, e->id, sizeof(e->id));
	nx_db_text(stmt, 15, e->etag.text, sizeof(e->etag.text));
	e->damaged = (uint32_t)sqlite3_column_int64(stmt, 16);
	e->missing = (uint32_t)sqlite3_column_int64(stmt, 17);
	catalog_read_about(stmt, 18, &e->about);
}

static int
read_all(
    int r, sqlite3_stmt *stmt, struct catalog_past *ret_pasts, size_t *ret_n)
{
	size_t n = 0;

	while (r > 0) {
		past_read_shown(stmt, &ret_pasts[n++]);
		r = nx_db_next(stmt);
	}
	*ret_n = n;
	return r;
}

/* What a path was, or is: the folder it is in, and the key of what is there, or
 * was last. */
int
past_place(struct nx_db *db, uint64_t owner, const struct path *path,
    struct past_place *ret_place)
{
	struct catalog_entry parent, e;
	sqlite3_stmt *stmt;
	int r = catalog_leaving(db, owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	r = catalog_walk_parent(db, owner, path, &parent);
	if (r != 0)
		return r == CATALOG_NO_PARENT ? CATALOG_NO_PATH : r;
	*ret_place = (struct past_place){
	    .parent = parent.key, .name = path_last(path), .key = -1};
	r = catalog_find_child(db, owner, parent.key, path_last(path), &e);
	if (r > 0) {
		ret_place->key = e.key;
		ret_place->there = true;
		ret_place->folder = e.folder;
	} else if (r == 0)
		r = nx_db_query(db, &stmt,
		    "SELECT entry FROM past WHERE owner = ? AND parent = ?"
		    " AND name = ? AND why < 3 ORDER BY past DESC LIMIT 1",
		    "uis", owner, parent.key, path_last(path));
	else
		return r;
	if (r > 0 && !ret_place->there) {
		ret_place->key = sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	return r < 0 ? r : r == 0 ? CATALOG_NO_PATH : 0;
}

int
catalog_versions(struct catalog *c, uint64_t owner, const struct path *path,
    int64_t before, struct catalog_past *ret_pasts, size_t max, size_t *ret_n)
{
	struct past_place at;
	sqlite3_stmt *stmt;
	int r = past_place(c->db, owner, path, &at);

	*ret_n = 0;
	if (r != 0)
		return r;
	r = nx_db_query(c->db, &stmt,
	    "SELECT " PAST_SHOWN SHOWN_FROM " WHERE p.past IN (SELECT past FROM"
	    " (SELECT past FROM past WHERE entry = ?1 AND owner = ?2"
	    " AND past < ?5 AND why < 3 ORDER BY past DESC LIMIT ?6)"
	    " UNION SELECT past FROM (SELECT past FROM past WHERE owner = ?2"
	    " AND parent = ?3 AND name = ?4 AND past < ?5 AND why < 3"
	    " ORDER BY past DESC LIMIT ?6)) ORDER BY p.past DESC LIMIT ?6",
	    "iuisiu", at.key, owner, at.parent, at.name,
	    before > 0 ? before : INT64_MAX, (uint64_t)max);
	return read_all(r, stmt, ret_pasts, ret_n);
}

int
catalog_deleted(struct catalog *c, uint64_t owner, const struct path *path,
    const char *name, int64_t past, struct catalog_past *ret_pasts, size_t max,
    size_t *ret_n)
{
	struct catalog_entry folder;
	struct past_folder gone;
	sqlite3_stmt *stmt;
	int r = catalog_stat(c, owner, path, &folder);

	*ret_n = 0;
	if (r == 0 && !folder.folder)
		r = CATALOG_NOT_FOLDER;
	if (r == CATALOG_NO_PATH) {
		r = past_folder(c->db, owner, path, path->depth, &gone);
		if (r != 0)
			return r;
		r = past_list_folder(
		    c->db, owner, &gone, name, past, max, &stmt);
		return read_all(r, stmt, ret_pasts, ret_n);
	}
	if (r != 0)
		return r;
	r = nx_db_query(c->db, &stmt,
	    "SELECT " PAST_SHOWN " FROM past p INDEXED BY past_deleted"
	    " LEFT JOIN files f ON f.file = p.file WHERE p.owner = ?"
	    " AND p.parent = ? AND p.why = 1 AND (p.name, p.past) > (?, ?)"
	    " ORDER BY p.name, p.past LIMIT ?",
	    "uisiu", owner, folder.key, name, past, (uint64_t)max);
	return read_all(r, stmt, ret_pasts, ret_n);
}

int
past_find(struct nx_db *db, uint64_t owner, const struct path *path,
    int64_t past, struct past *ret_past)
{
	struct past_place at;
	sqlite3_stmt *stmt;
	int r = past_place(db, owner, path, &at);

	if (r != 0)
		return r;
	if (past == 0) {
		r = nx_db_query(db, &stmt,
		    "SELECT " PAST_COLUMNS " FROM past p WHERE p.owner = ?"
		    " AND p.parent = ? AND p.name = ? AND p.why < 3"
		    " ORDER BY p.past DESC LIMIT 1",
		    "uis", owner, at.parent, at.name);
		r = past_take(r, stmt, ret_past);
	} else
		r = past_get(db, owner, past, ret_past);
	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_VERSION;
	if (ret_past->why == CATALOG_SNAPSHOT ||
	    (ret_past->entry != at.key &&
		(ret_past->parent != at.parent ||
		    strcmp(ret_past->name, at.name) != 0)))
		return CATALOG_NO_VERSION;
	return 0;
}

int
catalog_version_file(struct catalog *c, uint64_t owner, const struct path *path,
    int64_t past, struct catalog_file *ret_file)
{
	struct past p;
	int r = past_find(c->db, owner, path, past, &p);

	if (r == 0 && p.file == 0)
		r = CATALOG_IS_FOLDER;
	return r != 0 ? r : catalog_file_get(c, p.file, ret_file);
}

int
catalog_version(struct catalog *c, uint64_t owner, const struct path *path,
    int64_t past, struct catalog_entry *ret_entry)
{
	struct catalog_past shown;
	sqlite3_stmt *stmt;
	struct past p;
	int r = past_find(c->db, owner, path, past, &p);

	if (r == 0)
		r = nx_db_query(c->db, &stmt,
		    "SELECT " PAST_SHOWN SHOWN_FROM " WHERE p.past = ?", "i",
		    p.past);
	else
		return r;
	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_VERSION;
	past_read_shown(stmt, &shown);
	sqlite3_reset(stmt);
	*ret_entry = shown.entry;
	return 0;
}
