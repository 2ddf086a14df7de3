/*
 * Users' trees in the catalogue. An entry is a file or a folder and knows its
 * folder by key; whatever puts one in or takes one out settles sums and account
 * (catalog_sums.c) in the same transaction.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_event_internal.h"
#include "storaged/catalog/catalog_lock.h"
#include "storaged/catalog/catalog_owed.h"
#include "storaged/catalog/catalog_past.h"

#define ENTRY_COLUMNS                                                     \
	"e.entry, e.name, e.file, e.size, e.modified_at, f.id, "          \
	"f.md5, " DAMAGE_COLUMNS(CONTENT_OF("f")) ", e.files, e.folders," \
						  " e.charged, " ABOUT_COLUMNS

static void
read_entry(sqlite3_stmt *stmt, struct catalog_entry *ret_entry)
{
	struct catalog_entry *e = ret_entry;

	memset(e, 0, sizeof(*e));
	e->key = sqlite3_column_int64(stmt, 0);
	nx_db_text(stmt, 1, e->name, sizeof(e->name));
	e->folder = sqlite3_column_type(stmt, 2) == SQLITE_NULL;
	e->file = sqlite3_column_int64(stmt, 2);
	e->size = (uint64_t)sqlite3_column_int64(stmt, 3);
	e->modified_at = (uint64_t)sqlite3_column_int64(stmt, 4);
	nx_db_text(stmt, 5, e->id, sizeof(e->id));
	nx_db_text(stmt, 6, e->etag.text, sizeof(e->etag.text));
	e->damaged = (uint32_t)sqlite3_column_int64(stmt, 7);
	e->missing = (uint32_t)sqlite3_column_int64(stmt, 8);
	e->files = (uint64_t)sqlite3_column_int64(stmt, 9);
	e->folders = (uint64_t)sqlite3_column_int64(stmt, 10);
	e->charged = (uint64_t)sqlite3_column_int64(stmt, 11);
	catalog_read_about(stmt, 12, &e->about);
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
	int64_t folder = 0;
	int r = 0;

	if (depth == 0) {
		*ret_entry = (struct catalog_entry){.folder = true};
		return 0;
	}
	r = catalog_walk_folders(db, owner, path, depth - 1, &folder);
	if (r != 0)
		return r;
	r = catalog_find_child(
	    db, owner, folder, path_name(path, depth - 1), ret_entry);
	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_PATH;
	return 0;
}

int
catalog_walk_parent(struct nx_db *db, uint64_t owner, const struct path *path,
    struct catalog_entry *ret_parent)
{
	int64_t folder;
	int r;

	if (path->depth == 0)
		return CATALOG_IS_ROOT;
	r = catalog_walk_folders(db, owner, path, path->depth - 1, &folder);
	if (r == 0)
		*ret_parent =
		    (struct catalog_entry){.key = folder, .folder = true};
	return r == CATALOG_NO_PATH ? CATALOG_NO_PARENT : r;
}

static int
read_root(struct nx_db *db, uint64_t owner, struct catalog_entry *root)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT tree, tree_at FROM users WHERE user = ?", "u", owner);

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
	int r = catalog_leaving(c->db, owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	r = catalog_walk(c->db, owner, path, path->depth, &e);
	if (r == 0 && e.key == 0)
		r = read_root(c->db, owner, &e);
	if (r == 0)
		*ret_entry = e;
	return r;
}

/* Names after @after, from the first, or before it, from the last. */
static int
query_list(struct nx_db *db, uint64_t owner, int64_t folder, const char *after,
    bool reverse, size_t max, sqlite3_stmt **ret_stmt)
{
	if (!reverse)
		return nx_db_query(db, ret_stmt,
		    "SELECT " ENTRY_COLUMNS " FROM entries e LEFT JOIN files f"
		    " ON f.file = e.file WHERE e.owner = ? AND e.parent = ?"
		    " AND e.name > ? ORDER BY e.name LIMIT ?",
		    "uisu", owner, folder, after, (uint64_t)max);
	/* No name has the byte FF. */
	return nx_db_query(db, ret_stmt,
	    "SELECT " ENTRY_COLUMNS " FROM entries e LEFT JOIN files f"
	    " ON f.file = e.file WHERE e.owner = ? AND e.parent = ?"
	    " AND e.name < ? ORDER BY e.name DESC LIMIT ?",
	    "uisu", owner, folder, after[0] ? after : "\xff", (uint64_t)max);
}

int
catalog_list(struct catalog *c, uint64_t owner, int64_t folder,
    const char *after, bool reverse, struct catalog_entry *ret_entries,
    size_t max)
{
	sqlite3_stmt *stmt;
	int n = 0;
	int r = query_list(c->db, owner, folder, after, reverse, max, &stmt);

	while (r > 0) {
		read_entry(stmt, &ret_entries[n++]);
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

int
catalog_list_to_folder(struct nx_db *db, uint64_t owner, int64_t folder,
    const char *after, struct catalog_entry *ret_entries, size_t max)
{
	sqlite3_stmt *stmt;
	int n = 0;
	int r = query_list(db, owner, folder, after, false, max, &stmt);

	while (r > 0) {
		read_entry(stmt, &ret_entries[n++]);
		if (ret_entries[n - 1].folder) {
			sqlite3_reset(stmt);
			return n;
		}
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

int
catalog_check_condition(
    const struct catalog_condition *condition, const struct etag *etag)
{
	bool met = !(condition->absent && etag) &&
	    !((condition->present || condition->n_match > 0) && !etag);
	bool same = condition->n_match == 0;

	for (uint8_t i = 0; i < condition->n_match && met && !same; i++)
		same = strcmp(condition->match[i].text, etag->text) == 0;
	return met && same ? 0 : CATALOG_UNMET;
}

static int
check_unlocked(struct catalog *c, uint64_t owner, const struct path *path)
{
	uint64_t until;
	int r = catalog_kept_until(c, owner, path, false, &until);

	return r == 0 && until > 0 ? CATALOG_KEPT : r;
}

int
catalog_check_target(struct catalog *c, uint64_t owner, const struct path *path,
    bool create_only, const struct catalog_condition *condition,
    uint64_t *ret_old)
{
	struct catalog_entry parent, old;
	int r = catalog_known_leaving(c, owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	r = catalog_walk_parent(c->db, owner, path, &parent);
	if (r == 0)
		r = catalog_find_child(
		    c->db, owner, parent.key, path_last(path), &old);
	else
		return r == CATALOG_IS_ROOT ? CATALOG_IS_FOLDER : r;
	if (r < 0)
		return r;
	*ret_old = 0;
	if (r == 0)
		return catalog_check_condition(condition, NULL);
	if (old.folder)
		return CATALOG_IS_FOLDER;
	if (create_only)
		return CATALOG_TAKEN;
	*ret_old = old.charged;
	r = catalog_check_condition(condition, &old.etag);
	return r != 0 ? r : check_unlocked(c, owner, path);
}

/* --- entries ----------------------------------------------------------------*/

static int
insert_entry(struct nx_db *db, uint64_t owner, int64_t parent, const char *name,
    int64_t file, uint64_t size, int64_t charge)
{
	/* As catalog_read_sums would find them. */
	struct catalog_sums d = {.size = (int64_t)size,
	    .files = file != 0,
	    .folders = file == 0,
	    .charged = file ? charge : (int64_t)CATALOG_FOLDER_CHARGE,
	    .height = 1,
	    .reach = 1 + (int64_t)strlen(name)};
	int r = nx_db_exec(db,
	    "INSERT INTO entries(owner, parent, name, file, size, modified_at,"
	    " charged, born) VALUES(?1, ?2, ?3, nullif(?4, 0), ?5, ?6, ?7,"
	    " " EPOCH_OF("?1") ")",
	    "uisiuui", owner, parent, name, file, size, catalog_now(), charge);

	return r < 0 ? r : catalog_settle(db, owner, parent, &d);
}

/* --- files in trees ---------------------------------------------------------*/

static int
replace_file(struct nx_db *db, const struct catalog_commit *op, int64_t file,
    int64_t parent, const struct catalog_entry *old)
{
	uint64_t owner = op->file.owner, size = op->file.size;
	int64_t charge = (int64_t)catalog_charge(size + op->file.extra);
	struct catalog_sums d = {.size = (int64_t)size - (int64_t)old->size,
	    .charged = charge - (int64_t)old->charged};
	struct catalog_sums gone = {.size = (int64_t)old->size,
	    .files = 1,
	    .charged = (int64_t)old->charged};
	int kept, r = catalog_owed_pay(db);

	if (r == 0)
		r = catalog_check_kept(db, owner, old->key);
	if (r != 0)
		return r;
	kept = past_keep(db, owner, old->key, CATALOG_REPLACED, false);
	r = kept < 0
	    ? kept
	    : nx_db_exec(db,
		  "UPDATE entries SET file = ?1, size = ?2, charged = ?3,"
		  " modified_at = ?4, born = " EPOCH_OF(
		      "?6") " WHERE entry = ?5",
		  "iuiuiu", file, size, charge, catalog_now(), old->key, owner);

	if (r == 0 && kept == 0)
		r = past_release(db, owner, old->key, old->file, &gone);
	if (r == 0)
		r = catalog_settle(db, owner, parent, &d);
	if (r == 0 && kept > 0)
		r = past_trim(db, owner);
	return r < 0 ? r : 0;
}

static int
put_entry(struct nx_db *db, const struct catalog_commit *op, int64_t file,
    bool *ret_replaced)
{
	uint64_t owner = op->file.owner;
	const char *name = path_last(op->path);
	struct catalog_entry parent, old;
	int r = catalog_walk_parent(db, owner, op->path, &parent);

	*ret_replaced = false;
	if (r != 0)
		return r;
	r = catalog_find_child(db, owner, parent.key, name, &old);
	if (r < 0)
		return r;
	if (r > 0 && old.folder)
		return CATALOG_IS_FOLDER;
	if (r > 0 && op->create_only)
		return CATALOG_TAKEN;
	if (catalog_check_condition(&op->condition, r > 0 ? &old.etag : NULL))
		return CATALOG_UNMET;
	if (r == 0)
		return insert_entry(db, owner, parent.key, name, file,
		    op->file.size,
		    (int64_t)catalog_charge(op->file.size + op->file.extra));
	*ret_replaced = true;
	return replace_file(db, op, file, parent.key, &old);
}

int
catalog_put_entry(struct nx_db *db, const struct catalog_commit *op,
    int64_t file, bool *ret_replaced)
{
	const struct catalog_file *f = &op->file;
	struct catalog_event e = {.thing = CATALOG_THING_FILE,
	    .place = op->path->text,
	    .place_len = strlen(op->path->text),
	    .id = f->id,
	    .etag = f->etag.text,
	    .size = f->size};
	int r = put_entry(db, op, file, ret_replaced);

	e.change =
	    *ret_replaced ? CATALOG_EVENT_CHANGED : CATALOG_EVENT_CREATED;
	return r != 0 ? r : catalog_tell(db, f->owner, &e);
}

int
catalog_entry_of(struct nx_db *db, int64_t file, int64_t *ret_entry)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(
	    db, &stmt, "SELECT entry FROM entries WHERE file = ?", "i", file);

	if (r <= 0)
		return r;
	*ret_entry = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return 1;
}

int
catalog_is_attached(struct nx_db *db, int64_t file)
{
	int64_t at;
	int r = catalog_entry_of(db, file, &at);

	for (unsigned depth = 0; r > 0 && at != 0; depth++) {
		sqlite3_stmt *stmt;

		nx_assert(depth <= PATH_DEPTH_MAX);
		r = nx_db_query(db, &stmt,
		    "SELECT parent FROM entries WHERE entry = ?", "i", at);
		if (r > 0) {
			at = sqlite3_column_int64(stmt, 0);
			sqlite3_reset(stmt);
		}
	}
	return r;
}

int
catalog_take_entry(struct nx_db *db, uint64_t owner, int64_t file)
{
	struct catalog_entry e = {.file = file};
	struct catalog_sums sums;
	int r = catalog_is_attached(db, file);

	if (r > 0)
		r = catalog_entry_of(db, file, &e.key);
	if (r <= 0)
		return r < 0 ? r : CATALOG_NO_FILE;
	r = catalog_check_kept(db, owner, e.key);
	if (r != 0)
		return r;
	return catalog_bury(db, owner, &e, CATALOG_DELETED, false, &sums);
}

void
catalog_tree_done(int result, void *arg)
{
	struct catalog_tree_op *op = arg;

	op->done(result, op->arg);
}

/* --- mkdir ------------------------------------------------------------------*/

/* The @i-th of op->path. */
static int
make_folder(struct nx_db *db, const struct catalog_tree_op *op, unsigned i,
    int64_t parent, struct catalog_entry *ret_entry)
{
	const char *name = path_name(&op->path, i);
	char path[PATH_BYTES_MAX + 2];
	int r = insert_entry(db, op->owner, parent, name, 0, 0, 0);

	if (r == 0)
		r = catalog_find_child(db, op->owner, parent, name, ret_entry);
	path_upto(&op->path, i + 1, path);
	return r < 0 ? r
		     : catalog_tell_path(db, op->owner, CATALOG_EVENT_CREATED,
			   path, ret_entry);
}

static int
write_mkdir(struct nx_db *db, void *arg)
{
	struct catalog_tree_op *op = arg;
	struct catalog_entry at = {.folder = true};
	bool made = false;
	int e = catalog_leaving(db, op->owner);

	if (e != 0)
		return e < 0 ? e : CATALOG_NO_USER;
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
		r = make_folder(db, op, i, parent, &at);
		if (r < 0)
			return r;
		made = true;
	}
	op->entry = at;
	if (made)
		return catalog_check_account(
		    db, op->owner, op->quota, op->entries);
	return op->parents && at.folder ? 0 : CATALOG_TAKEN;
}

void
catalog_mkdir(struct catalog *c, struct catalog_tree_op *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_mkdir, catalog_tree_done, op);
}
