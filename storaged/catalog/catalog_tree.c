/*
 * Users' trees in the catalogue: see catalog.h. An entry is a file or a
 * folder; a folder carries the sums of all below it, kept by every write.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_internal.h"

#define ENTRY_COLUMNS \
	"e.entry, e.name, e.file, e.size, e.modified_at, f.id, f.md5"

static void
read_entry(sqlite3_stmt *stmt, struct catalog_entry *ret_entry)
{
	struct catalog_entry *e = ret_entry;

	memset(e, 0, sizeof(*e));
	e->key = sqlite3_column_int64(stmt, 0);
	catalog_copy_text(stmt, 1, e->name, sizeof(e->name));
	e->folder = sqlite3_column_type(stmt, 2) == SQLITE_NULL;
	e->file = sqlite3_column_int64(stmt, 2);
	e->size = (uint64_t)sqlite3_column_int64(stmt, 3);
	e->modified_at = (uint64_t)sqlite3_column_int64(stmt, 4);
	catalog_copy_text(stmt, 5, e->id, sizeof(e->id));
	catalog_copy_text(stmt, 6, e->etag.text, sizeof(e->etag.text));
}

int
catalog_find_child(struct nx_db *db, uint64_t owner, int64_t parent,
    const char *name, struct catalog_entry *ret_entry)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT " ENTRY_COLUMNS " FROM entries e LEFT JOIN files f"
	    " ON f.file = e.file"
	    " WHERE e.owner = ? AND e.parent = ? AND e.name = ?",
	    "uis", owner, parent, name);

	if (r > 0) {
		read_entry(stmt, ret_entry);
		sqlite3_reset(stmt);
	}
	return r;
}

int
catalog_walk(struct nx_db *db, uint64_t owner, const struct path *path,
    unsigned depth, struct catalog_entry *ret_entry)
{
	struct catalog_entry at = {.folder = true};

	for (unsigned i = 0; i < depth; i++) {
		int r;

		if (!at.folder)
			return CATALOG_NOT_FOLDER;
		r = catalog_find_child(
		    db, owner, at.key, path_name(path, i), &at);
		if (r <= 0)
			return r < 0 ? r : CATALOG_NO_PATH;
	}
	*ret_entry = at;
	return 0;
}

int
catalog_walk_parent(struct nx_db *db, uint64_t owner, const struct path *path,
    struct catalog_entry *ret_parent)
{
	int r;

	if (path->depth == 0)
		return CATALOG_IS_ROOT;
	r = catalog_walk(db, owner, path, path->depth - 1, ret_parent);
	if (r == CATALOG_NO_PATH)
		return CATALOG_NO_PARENT;
	if (r == 0 && !ret_parent->folder)
		return CATALOG_NOT_FOLDER;
	return r;
}

static int
root_sums(struct nx_db *db, uint64_t owner, struct catalog_entry *root)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT ifnull(sum(size), 0), ifnull(max(modified_at), 0)"
	    " FROM entries WHERE owner = ? AND parent = 0",
	    "u", owner);

	if (r <= 0)
		return r;
	root->size = (uint64_t)sqlite3_column_int64(stmt, 0);
	root->modified_at = (uint64_t)sqlite3_column_int64(stmt, 1);
	sqlite3_reset(stmt);
	return 0;
}

int
catalog_stat(struct catalog *c, uint64_t owner, const struct path *path,
    struct catalog_entry *ret_entry)
{
	struct catalog_entry e;
	int r = catalog_walk(c->db, owner, path, path->depth, &e);

	if (r == 0 && e.key == 0)
		r = root_sums(c->db, owner, &e);
	if (r == 0)
		*ret_entry = e;
	return r;
}

int
catalog_list(struct catalog *c, uint64_t owner, int64_t folder,
    const char *after, struct catalog_entry *ret_entries, size_t max)
{
	sqlite3_stmt *stmt;
	int n = 0;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT " ENTRY_COLUMNS " FROM entries e LEFT JOIN files f"
	    " ON f.file = e.file WHERE e.owner = ? AND e.parent = ?"
	    " AND e.name > ? ORDER BY e.name LIMIT ?",
	    "uisu", owner, folder, after, (uint64_t)max);

	while (r > 0) {
		read_entry(stmt, &ret_entries[n++]);
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

int
catalog_check_target(struct catalog *c, uint64_t owner, const struct path *path,
    bool create_only, uint64_t *ret_old)
{
	struct catalog_entry parent, old;
	int r = catalog_walk_parent(c->db, owner, path, &parent);

	if (r == 0)
		r = catalog_find_child(
		    c->db, owner, parent.key, path_last(path), &old);
	else
		return r == CATALOG_IS_ROOT ? CATALOG_IS_FOLDER : r;
	if (r < 0)
		return r;
	*ret_old = 0;
	if (r == 0)
		return 0;
	if (old.folder)
		return CATALOG_IS_FOLDER;
	if (create_only)
		return CATALOG_TAKEN;
	*ret_old = old.size;
	return 0;
}

/* --- sums -------------------------------------------------------------------*/

int
catalog_add_up(struct nx_db *db, int64_t folder, int64_t bytes, int64_t files,
    int64_t folders)
{
	sqlite3_stmt *stmt;
	int r = 0;

	if (folder != 0)
		r = nx_db_exec(db,
		    "UPDATE entries SET modified_at = ? WHERE entry = ?", "ui",
		    catalog_now(), folder);
	while (folder != 0 && r == 0) {
		r = nx_db_exec(db,
		    "UPDATE entries SET size = size + ?, files = files + ?,"
		    " folders = folders + ? WHERE entry = ?",
		    "iiii", bytes, files, folders, folder);
		if (r < 0)
			return r;
		r = nx_db_query(db, &stmt,
		    "SELECT parent FROM entries WHERE entry = ?", "i", folder);
		if (r <= 0)
			return r < 0 ? r : -EIO;
		folder = sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
		r = 0;
	}
	return r;
}

int
catalog_read_sums(
    struct nx_db *db, int64_t entry, struct catalog_sums *ret_sums)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT parent, size, files + (file IS NOT NULL),"
	    " folders + (file IS NULL) FROM entries WHERE entry = ?",
	    "i", entry);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	ret_sums->parent = sqlite3_column_int64(stmt, 0);
	ret_sums->size = sqlite3_column_int64(stmt, 1);
	ret_sums->files = sqlite3_column_int64(stmt, 2);
	ret_sums->folders = sqlite3_column_int64(stmt, 3);
	sqlite3_reset(stmt);
	return 0;
}

static int
insert_entry(struct nx_db *db, uint64_t owner, int64_t parent, const char *name,
    int64_t file, uint64_t size)
{
	return nx_db_exec(db,
	    "INSERT INTO entries(owner, parent, name, file, size, modified_at)"
	    " VALUES(?, ?, ?, nullif(?, 0), ?, ?)",
	    "uisiuu", owner, parent, name, file, size, catalog_now());
}

/* --- files in trees ---------------------------------------------------------*/

int
catalog_put_entry(struct nx_db *db, const struct catalog_commit *op,
    int64_t file, bool *ret_replaced)
{
	uint64_t owner = op->file.owner, size = op->file.size;
	const char *name = path_last(op->path);
	struct catalog_entry parent, old;
	int r = catalog_walk_parent(db, owner, op->path, &parent);

	*ret_replaced = false;
	if (r != 0)
		return r;
	r = catalog_find_child(db, owner, parent.key, name, &old);
	if (r < 0)
		return r;
	if (r == 0) {
		r = insert_entry(db, owner, parent.key, name, file, size);
		return r < 0
		    ? r
		    : catalog_add_up(db, parent.key, (int64_t)size, 1, 0);
	}
	if (old.folder)
		return CATALOG_IS_FOLDER;
	if (op->create_only)
		return CATALOG_TAKEN;
	*ret_replaced = true;
	r = catalog_doom(db, old.file);
	if (r == 0)
		r = nx_db_exec(db,
		    "UPDATE entries SET file = ?, size = ?, modified_at = ?"
		    " WHERE entry = ?",
		    "iuui", file, size, catalog_now(), old.key);
	if (r == 0)
		r = catalog_add_up(
		    db, parent.key, (int64_t)size - (int64_t)old.size, 0, 0);
	return r;
}

int
catalog_take_entry(struct nx_db *db, int64_t file)
{
	struct catalog_sums sums;
	sqlite3_stmt *stmt;
	int64_t entry;
	int r = nx_db_query(
	    db, &stmt, "SELECT entry FROM entries WHERE file = ?", "i", file);

	if (r <= 0)
		return r;
	entry = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	r = catalog_read_sums(db, entry, &sums);
	if (r == 0)
		r = nx_db_exec(
		    db, "DELETE FROM entries WHERE entry = ?", "i", entry);
	if (r == 0)
		r = catalog_add_up(db, sums.parent, -sums.size, -1, 0);
	return r;
}

void
catalog_tree_done(int result, void *arg)
{
	struct catalog_tree_op *op = arg;

	op->done(result, op->arg);
}

/* --- mkdir ------------------------------------------------------------------*/

static int
make_folder(struct nx_db *db, uint64_t owner, int64_t parent, const char *name,
    struct catalog_entry *ret_entry)
{
	int r = insert_entry(db, owner, parent, name, 0, 0);

	if (r == 0)
		r = catalog_add_up(db, parent, 0, 0, 1);
	if (r == 0)
		r = catalog_find_child(db, owner, parent, name, ret_entry);
	return r < 0 ? r : 0;
}

static int
write_mkdir(struct nx_db *db, void *arg)
{
	struct catalog_tree_op *op = arg;
	struct catalog_entry at = {.folder = true};
	bool made = false;

	for (unsigned i = 0; i < op->path.depth; i++) {
		const char *name = path_name(&op->path, i);
		bool last = i + 1 == op->path.depth;
		int64_t parent = at.key;
		int r;

		if (!at.folder)
			return CATALOG_NOT_FOLDER;
		r = catalog_find_child(db, op->owner, parent, name, &at);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		if (!last && !op->parents)
			return CATALOG_NO_PARENT;
		r = make_folder(db, op->owner, parent, name, &at);
		if (r < 0)
			return r;
		made = true;
	}
	op->entry = at;
	return made || (op->parents && at.folder) ? 0 : CATALOG_TAKEN;
}

void
catalog_mkdir(struct catalog *c, struct catalog_tree_op *op)
{
	op->catalog = c;
	nx_db_write(c->db, write_mkdir, catalog_tree_done, op);
}
