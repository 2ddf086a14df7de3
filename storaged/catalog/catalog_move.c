/* Deleting and moving whole subtrees in the catalogue: see catalog.h. */
#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_internal.h"

/* --- delete -----------------------------------------------------------------*/

/* @entry and everything below it goes. */
static int
delete_subtree(struct nx_db *db, uint64_t owner, int64_t entry)
{
	struct catalog_sums sums;
	int r = catalog_read_sums(db, entry, &sums);

	if (r == 0)
		r = nx_db_exec(db,
		    "WITH RECURSIVE below(entry, file) AS ("
		    " SELECT entry, file FROM entries WHERE entry = ?1"
		    " UNION ALL SELECT e.entry, e.file FROM below b"
		    " JOIN entries e ON e.owner = ?2 AND e.parent = b.entry"
		    " WHERE b.file IS NULL)"
		    " INSERT INTO doomed_entries SELECT entry, file FROM below",
		    "iu", entry, owner);
	if (r == 0)
		r = nx_db_exec(db,
		    "INSERT INTO doomed SELECT file FROM doomed_entries"
		    " WHERE file IS NOT NULL",
		    "");
	if (r == 0)
		r = nx_db_exec(db,
		    "DELETE FROM entries WHERE entry IN"
		    " (SELECT entry FROM doomed_entries)",
		    "");
	if (r == 0)
		r = nx_db_exec(db, "DELETE FROM doomed_entries", "");
	if (r == 0)
		r = catalog_delete_doomed(db, owner);
	if (r == 0)
		r = catalog_add_up(
		    db, sums.parent, -sums.size, -sums.files, -sums.folders);
	return r;
}

static int
write_delete(struct nx_db *db, void *arg)
{
	struct catalog_tree_op *op = arg;
	struct catalog_entry e;
	struct catalog_sums sums;
	int r = catalog_walk(db, op->owner, &op->path, op->path.depth, &e);

	if (r == 0 && e.key == 0)
		r = CATALOG_IS_ROOT;
	if (r == 0)
		r = catalog_read_sums(db, e.key, &sums);
	if (r == 0)
		r = delete_subtree(db, op->owner, e.key);
	if (r != 0)
		return r;
	op->files = (uint64_t)sums.files;
	op->folders = (uint64_t)sums.folders;
	op->bytes = (uint64_t)sums.size;
	return 0;
}

void
catalog_delete(struct catalog *c, struct catalog_tree_op *op)
{
	op->catalog = c;
	nx_db_write(c->db, write_delete, catalog_tree_done, op);
}

/* --- move -------------------------------------------------------------------*/

static int
has_children(struct nx_db *db, uint64_t owner, int64_t folder)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT 1 FROM entries WHERE owner = ? AND parent = ? LIMIT 1",
	    "ui", owner, folder);

	if (r > 0)
		sqlite3_reset(stmt);
	return r;
}

/* Clears the way: rename(2)'s rules, and only when asked. */
static int
clear_target(struct nx_db *db, const struct catalog_tree_op *op,
    const struct catalog_entry *from, const struct catalog_entry *target)
{
	int r;

	if (!op->replace)
		return CATALOG_TAKEN;
	if (from->folder && !target->folder)
		return CATALOG_NOT_FOLDER;
	if (!from->folder && target->folder)
		return CATALOG_IS_FOLDER;
	if (target->folder) {
		r = has_children(db, op->owner, target->key);
		if (r != 0)
			return r < 0 ? r : CATALOG_NOT_EMPTY;
	}
	return delete_subtree(db, op->owner, target->key);
}

/* Would everything below @entry still be within the limits of a path? */
static int
check_depth(
    struct nx_db *db, uint64_t owner, int64_t entry, const struct path *to)
{
	int64_t depth, bytes;
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "WITH RECURSIVE below(entry, depth, bytes) AS ("
	    " SELECT ?1, 0, 0 UNION ALL SELECT e.entry, b.depth + 1,"
	    " b.bytes + 1 + length(CAST(e.name AS BLOB)) FROM below b"
	    " JOIN entries e ON e.owner = ?2 AND e.parent = b.entry)"
	    " SELECT max(depth), max(bytes) FROM below",
	    "iu", entry, owner);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	depth = sqlite3_column_int64(stmt, 0);
	bytes = sqlite3_column_int64(stmt, 1);
	sqlite3_reset(stmt);
	if (depth + to->depth > PATH_DEPTH_MAX ||
	    bytes + (int64_t)strlen(to->text) > PATH_BYTES_MAX)
		return CATALOG_TOO_DEEP;
	return 0;
}

static int
relink(struct nx_db *db, const struct catalog_tree_op *op,
    const struct catalog_entry *from, int64_t parent)
{
	const char *name = path_last(&op->to);
	struct catalog_sums sums;
	int r = catalog_read_sums(db, from->key, &sums);

	if (r == 0)
		r = catalog_add_up(
		    db, sums.parent, -sums.size, -sums.files, -sums.folders);
	if (r == 0)
		r = nx_db_exec(db,
		    "UPDATE entries SET parent = ?, name = ? WHERE entry = ?",
		    "isi", parent, name, from->key);
	if (r == 0 && !from->folder)
		r = nx_db_exec(db, "UPDATE files SET name = ? WHERE file = ?",
		    "si", name, from->file);
	if (r == 0)
		r = catalog_add_up(
		    db, parent, sums.size, sums.files, sums.folders);
	return r;
}

static int
write_move(struct nx_db *db, void *arg)
{
	struct catalog_tree_op *op = arg;
	struct catalog_entry from, parent, target;
	int r = catalog_walk(db, op->owner, &op->path, op->path.depth, &from);

	if (r == 0 && (from.key == 0 || op->to.depth == 0))
		r = CATALOG_IS_ROOT;
	if (r != 0)
		return r;
	op->entry = from;
	if (strcmp(op->path.text, op->to.text) == 0)
		return 0;
	if (path_within(&op->to, &op->path))
		return from.folder ? CATALOG_INTO_ITSELF : CATALOG_NOT_FOLDER;
	r = catalog_walk_parent(db, op->owner, &op->to, &parent);
	if (r != 0)
		return r;
	r = catalog_find_child(
	    db, op->owner, parent.key, path_last(&op->to), &target);
	if (r > 0)
		r = clear_target(db, op, &from, &target);
	if (r == 0)
		r = check_depth(db, op->owner, from.key, &op->to);
	if (r == 0)
		r = relink(db, op, &from, parent.key);
	if (r == 0)
		r = catalog_walk(
		    db, op->owner, &op->to, op->to.depth, &op->entry);
	return r;
}

void
catalog_move(struct catalog *c, struct catalog_tree_op *op)
{
	op->catalog = c;
	nx_db_write(c->db, write_move, catalog_tree_done, op);
}
