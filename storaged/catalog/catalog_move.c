/*
 * Deleting and moving whole subtrees in the catalogue, in a time that depends
 * on how deep they are and not on how much is in them: children know their
 * folder by its key, and what a folder holds is summed up in its row.
 */
#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_event_internal.h"
#include "storaged/catalog/catalog_lock.h"
#include "storaged/catalog/catalog_past.h"

/* Entries looked at when a bound says that a move goes too deep: a few ms, for
 * whoever asks again and again. */
#define COUNT_MAX 2000

/* --- delete -----------------------------------------------------------------*/

int
catalog_bury(struct nx_db *db, uint64_t owner, const struct catalog_entry *e,
    enum catalog_why why, bool forever, struct catalog_sums *ret_sums)
{
	struct catalog_sums less;
	int64_t parent;
	int r = catalog_read_sums(db, e->key, &parent, ret_sums), kept;

	kept = r < 0 ? r : past_keep(db, owner, e->key, why, forever);
	if (kept < 0)
		return kept;
	r = nx_db_exec(db, "DELETE FROM entries WHERE entry = ?", "i", e->key);
	if (r == 0 && kept == 0)
		r = past_release(db, owner, e->key, e->file, ret_sums);
	less = catalog_negated(ret_sums);
	if (r == 0)
		r = catalog_settle(db, owner, parent, &less);
	if (r == 0 && kept > 0)
		r = past_trim(db, owner);
	return r < 0 ? r : 0;
}

/* @otherwise, when the condition holds of @e, or of nothing. */
static int
check_found(const struct catalog_condition *condition,
    const struct catalog_entry *e, int otherwise)
{
	int r = catalog_check_condition(condition, e ? &e->etag : NULL);

	return r != 0 ? r : otherwise;
}

static int
write_delete(struct nx_db *db, void *arg)
{
	struct catalog_tree_op *op = arg;
	struct catalog_entry e;
	struct catalog_sums sums;
	int r = catalog_leaving(db, op->owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	r = catalog_walk(db, op->owner, &op->path, op->path.depth, &e);
	if (r == 0 && e.key == 0)
		r = CATALOG_IS_ROOT;
	if (r == 0 || r == CATALOG_NO_PATH)
		r = check_found(&op->condition, r == 0 ? &e : NULL, r);
	if (r == 0)
		r = catalog_check_kept(db, op->owner, e.key);
	if (r == 0)
		r = catalog_bury(
		    db, op->owner, &e, CATALOG_DELETED, op->forever, &sums);
	if (r != 0)
		return r;
	op->entry = e;
	op->files = (uint64_t)sums.files;
	op->folders = (uint64_t)sums.folders;
	op->bytes = (uint64_t)sums.size;
	return catalog_tell_path(
	    db, op->owner, CATALOG_EVENT_DELETED, op->path.text, &e);
}

void
catalog_delete(struct catalog *c, struct catalog_tree_op *op)
{
	nx_assert(op->done);
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

/* May @from come where @target is? rename(2)'s rules, and only when asked. */
static int
check_replace(struct nx_db *db, uint64_t owner, bool replace,
    const struct catalog_entry *from, const struct catalog_entry *target)
{
	int r;

	if (!replace)
		return CATALOG_TAKEN;
	if (from->folder && !target->folder)
		return CATALOG_NOT_FOLDER;
	if (!from->folder && target->folder)
		return CATALOG_IS_FOLDER;
	if (!target->folder)
		return 0;
	r = has_children(db, owner, target->key);
	return r > 0 ? CATALOG_NOT_EMPTY : r;
}

/* How deep and long what is below @entry really is, if that can be seen by
 * looking at COUNT_MAX entries; else *sums stays the bound it is. */
static int
measure(
    struct nx_db *db, uint64_t owner, int64_t entry, struct catalog_sums *sums)
{
	int64_t height, reach;
	sqlite3_stmt *stmt;
	bool all;
	int r = nx_db_query(db, &stmt,
	    "WITH RECURSIVE below(entry, depth, bytes) AS ("
	    " SELECT ?1, 0, 0 UNION ALL SELECT e.entry, b.depth + 1,"
	    " b.bytes + 1 + length(CAST(e.name AS BLOB)) FROM below b"
	    " JOIN entries e ON e.owner = ?2 AND e.parent = b.entry LIMIT ?3)"
	    " SELECT max(depth), max(bytes), count(*) < ?3 FROM below",
	    "iui", entry, owner, (int64_t)COUNT_MAX);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	height = sqlite3_column_int64(stmt, 0);
	reach = sqlite3_column_int64(stmt, 1);
	all = sqlite3_column_int(stmt, 2) != 0;
	sqlite3_reset(stmt);
	if (!all)
		return 0;
	sums->height = height;
	sums->reach = reach;
	return nx_db_exec(db,
	    "UPDATE entries SET height = ?, reach = ? WHERE entry = ?", "iii",
	    height, reach, entry);
}

static bool
is_too_deep(const struct catalog_sums *below, const struct path *to)
{
	return below->height + to->depth > PATH_DEPTH_MAX ||
	    below->reach + (int64_t)strlen(to->text) > PATH_BYTES_MAX;
}

/* Would everything below @entry still be within the limits of a path? The
 * bounds that are kept say so nearly always. */
static int
check_depth(struct nx_db *db, uint64_t owner, const struct catalog_entry *e,
    const struct path *to)
{
	struct catalog_sums below;
	int64_t parent;
	int r = catalog_read_sums(db, e->key, &parent, &below);

	below.height -= 1;
	below.reach -= 1 + (int64_t)strlen(e->name);
	if (r == 0 && is_too_deep(&below, to))
		r = measure(db, owner, e->key, &below);
	if (r < 0)
		return r;
	return is_too_deep(&below, to) ? CATALOG_TOO_DEEP : 0;
}

static int
relink(struct nx_db *db, const struct catalog_tree_op *op,
    const struct catalog_entry *from, int64_t parent)
{
	const char *name = path_last(&op->to);
	struct catalog_sums sums, less;
	int64_t old_parent;
	int r = catalog_read_sums(db, from->key, &old_parent, &sums);

	less = catalog_negated(&sums);
	if (r == 0)
		r = catalog_add_up(db, op->owner, old_parent, &less);
	if (r == 0)
		r = past_moves(db, op->owner, from->key);
	if (r == 0)
		r = nx_db_exec(db,
		    "UPDATE entries SET parent = ?1, name = ?2, born "
		    "= " EPOCH_OF("?4") " WHERE entry = ?3",
		    "isiu", parent, name, from->key, op->owner);
	if (r == 0 && !from->folder)
		r = nx_db_exec(db, "UPDATE files SET name = ? WHERE file = ?",
		    "si", name, from->file);
	/* Read anew: a longer name reaches further. */
	if (r == 0)
		r = catalog_read_sums(db, from->key, &parent, &sums);
	if (r == 0)
		r = catalog_add_up(db, op->owner, parent, &sums);
	return r;
}

int
catalog_clear_target(struct nx_db *db, uint64_t owner,
    const struct catalog_entry *from, const struct path *to, bool replace,
    const struct catalog_condition *condition, int64_t *ret_parent)
{
	struct catalog_entry parent, target;
	struct catalog_sums sums;
	int r = catalog_walk_parent(db, owner, to, &parent), found;

	if (r != 0)
		return r;
	found =
	    catalog_find_child(db, owner, parent.key, path_last(to), &target);
	if (found < 0)
		return found;
	r = check_found(condition, found ? &target : NULL, 0);
	if (r == 0 && found)
		r = check_replace(db, owner, replace, from, &target);
	if (r == 0 && found)
		r = catalog_check_kept(db, owner, target.key);
	if (r == 0)
		r = check_depth(db, owner, from, to);
	if (r == 0 && found && ret_parent)
		r = catalog_bury(
		    db, owner, &target, CATALOG_REPLACED, false, &sums);
	if (r == 0 && ret_parent)
		*ret_parent = parent.key;
	return r;
}

static int
tell_move(struct nx_db *db, const struct catalog_tree_op *op)
{
	const struct catalog_entry *at = &op->entry;
	struct catalog_event e = {.change = CATALOG_EVENT_MOVED,
	    .thing = at->folder ? CATALOG_THING_FOLDER : CATALOG_THING_FILE,
	    .place = op->to.text,
	    .place_len = strlen(op->to.text),
	    .old = op->path.text,
	    .id = at->folder ? NULL : at->id,
	    .etag = at->folder ? NULL : at->etag.text,
	    .size = at->size};

	return catalog_tell(db, op->owner, &e);
}

static int
write_move(struct nx_db *db, void *arg)
{
	struct catalog_tree_op *op = arg;
	struct catalog_entry from;
	int64_t parent;
	int r = catalog_leaving(db, op->owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	r = catalog_walk(db, op->owner, &op->path, op->path.depth, &from);
	if (r == 0 && (from.key == 0 || op->to.depth == 0))
		r = CATALOG_IS_ROOT;
	if (r != 0)
		return r;
	op->entry = from;
	if (strcmp(op->path.text, op->to.text) == 0)
		return check_found(&op->condition, &from, 0);
	if (path_within(&op->to, &op->path))
		return from.folder ? CATALOG_INTO_ITSELF : CATALOG_NOT_FOLDER;
	r = catalog_check_kept(db, op->owner, from.key);
	if (r != 0)
		return r;
	r = catalog_clear_target(db, op->owner, &from, &op->to, op->replace,
	    &op->condition, &parent);
	if (r == 0)
		r = relink(db, op, &from, parent);
	if (r == 0)
		r = catalog_walk(
		    db, op->owner, &op->to, op->to.depth, &op->entry);
	return r != 0 ? r : tell_move(db, op);
}

void
catalog_move(struct catalog *c, struct catalog_tree_op *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_move, catalog_tree_done, op);
}
