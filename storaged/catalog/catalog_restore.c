/*
 * Bringing back what was: a row of past becomes one of entries again, with the
 * key it had, so that what is below a folder is there with it and a file has
 * its versions. First it hangs in no folder, as what is being copied does; then
 * it goes where it is wanted by the rules of a move.
 */
#include <errno.h>
#include <stdio.h>

#include "common/err.h"
#include "common/id.h"
#include "storaged/catalog/catalog_event_internal.h"
#include "storaged/catalog/catalog_past.h"

#define OUTSIDE INT64_C(-1)

/* The entry of @p, in no folder. */
static int
insert_outside(struct nx_db *db, const struct past *p, int64_t key,
    const char *name, int64_t *ret_entry)
{
	int64_t own = p->file ? 0 : (int64_t)CATALOG_FOLDER_CHARGE;
	int r = nx_db_exec(db,
	    "INSERT INTO entries(entry, owner, parent, name, file, size, files,"
	    " folders, charged, height, reach, modified_at)"
	    " VALUES(nullif(?, 0), ?, ?, ?, nullif(?, 0), ?, ?, ?, ?, ?, ?, ?)",
	    "iuisiiiiiiiu", key, p->owner, OUTSIDE, name, p->file, p->size,
	    p->files, p->folders, p->charged - own, p->height, p->reach,
	    p->modified_at);

	*ret_entry = sqlite3_last_insert_rowid(nx_db_handle(db));
	if (r == 0 && p->file != 0)
		r = nx_db_exec(db, "UPDATE files SET tree = 1 WHERE file = ?",
		    "i", p->file);
	return r;
}

static int
put_in(struct nx_db *db, const struct catalog_restore *op,
    const struct path *to, int64_t entry, int64_t file, int64_t parent)
{
	struct catalog_sums sums;
	int r = nx_db_exec(db,
	    "UPDATE entries SET parent = ?1, name = ?2, born = " EPOCH_OF(
		"?4") " WHERE entry = ?3",
	    "isiu", parent, path_last(to), entry, op->owner);

	if (r == 0 && file != 0)
		r = nx_db_exec(db, "UPDATE files SET name = ? WHERE file = ?",
		    "si", path_last(to), file);
	if (r == 0)
		r = catalog_read_sums(db, entry, &parent, &sums);
	return r < 0 ? r : catalog_settle(db, op->owner, parent, &sums);
}

/* A file's own key, unless something else has come of it meanwhile. Then what
 * snapshots have of the file goes by the new one: who has that gives it to them
 * one day. */
static int
take_key(struct nx_db *db, const struct past *p, int64_t *entry)
{
	int r;

	if (p->entry == *entry)
		return 0;
	r = nx_db_exec(db,
	    "UPDATE entries SET entry = ?1 WHERE entry = ?2 AND NOT EXISTS"
	    " (SELECT 1 FROM entries WHERE entry = ?1)",
	    "ii", p->entry, *entry);
	if (r == 0 && sqlite3_changes(nx_db_handle(db)) > 0)
		*entry = p->entry;
	else if (r == 0)
		r = nx_db_exec(db,
		    "UPDATE past SET entry = ? WHERE entry = ? AND own = 0"
		    " AND file = ?",
		    "iii", *entry, p->entry, p->file);
	return r;
}

static int
bring_back(struct nx_db *db, struct catalog_restore *op, const struct past *p,
    const struct path *to)
{
	struct catalog_entry e = {.folder = p->file == 0, .file = p->file};
	int64_t parent;
	int r;

	nx_id_new(e.name);
	/* A folder's is nobody's: what is below it says so. The file's may be
	 * that of what is in the way. */
	r = insert_outside(db, p, e.folder ? p->entry : 0, e.name, &e.key);
	if (r == 0)
		r = catalog_clear_target(db, op->owner, &e, to, op->replace,
		    &op->condition, &parent);
	if (r == 0)
		r = take_key(db, p, &e.key);
	return r != 0 ? r : put_in(db, op, to, e.key, p->file, parent);
}

/* By the rules of a move, and it is said that it is there. */
static int
take_out(struct nx_db *db, struct catalog_restore *op, const struct past *p,
    const struct path *to)
{
	enum catalog_change how = CATALOG_EVENT_CREATED;
	int r;

	if (catalog_walk(db, op->owner, to, to->depth, &op->entry) == 0)
		how = CATALOG_EVENT_CHANGED;
	r = past_give_back(db, p);
	if (r == 0)
		r = bring_back(db, op, p, to);
	if (r == 0)
		r = catalog_walk(db, op->owner, to, to->depth, &op->entry);
	return r != 0
	    ? r
	    : catalog_tell_path(db, op->owner, how, to->text, &op->entry);
}

static int
write_restore(struct nx_db *db, void *arg)
{
	struct catalog_restore *op = arg;
	const struct path *to = op->to.depth ? &op->to : &op->path;
	struct past p;
	int r = past_find(db, op->owner, &op->path, op->past, &p);

	op->within = false;
	if (r == 0)
		r = take_out(db, op, &p, to);
	else if (r == CATALOG_NO_PATH && op->past == 0)
		r = past_copy_out(db, op);
	if (r == 0)
		r = catalog_check_account(
		    db, op->owner, op->quota, op->entries);
	if (r == 0)
		r = catalog_walk(db, op->owner, to, to->depth, &op->entry);
	return r;
}

static void
restored(int result, void *arg)
{
	struct catalog_restore *op = arg;

	op->done(result, op->arg);
}

void
catalog_restore(struct catalog *c, struct catalog_restore *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_restore, restored, op);
}
