/*
 * The sums every folder carries of all below it, and the root's in its owner's
 * account. A change walks from the folder it is in up to the root, which is as
 * many rows as the path has names. A sum below zero is a fault of ours or of
 * the disk's: the write is refused, so that nothing more is built on it.
 */
#include <errno.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog_owed.h"

static int
say_below_zero(int64_t folder)
{
	nx_err("event=folder-below-zero entry=%lld", (long long)folder);
	return -EBADMSG;
}

/* One level: *folder becomes the one above, *ret_name how long its name is. Two
 * plain statements: for one that gives rows back SQLite keeps each page it
 * changes, to be able to take back that one alone. */
static int
add_one(struct nx_db *db, const struct catalog_sums *d, uint64_t time,
    int64_t *folder, int64_t *ret_name)
{
	sqlite3_stmt *stmt;
	int r = nx_db_exec(db,
	    "UPDATE entries SET size = size + ?1, files = files + ?2,"
	    " folders = folders + ?3, charged = charged + ?4,"
	    " height = max(height, ?5), reach = max(reach, ?6),"
	    " modified_at = iif(?7 > 0, ?7, modified_at) WHERE entry = ?8"
	    " AND size + ?1 >= 0 AND files + ?2 >= 0 AND folders + ?3 >= 0"
	    " AND charged + ?4 >= 0",
	    "iiiiiiui", d->size, d->files, d->folders, d->charged, d->height,
	    d->reach, time, *folder);

	if (r < 0)
		return r;
	if (sqlite3_changes(nx_db_handle(db)) == 0)
		return say_below_zero(*folder);
	r = nx_db_query(db, &stmt,
	    "SELECT parent, length(CAST(name AS BLOB)) FROM entries"
	    " WHERE entry = ?",
	    "i", *folder);
	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	*folder = sqlite3_column_int64(stmt, 0);
	*ret_name = sqlite3_column_int64(stmt, 1);
	sqlite3_reset(stmt);
	return 0;
}

/* From *folder on up: it becomes the root, 0, or what is outside, below 0. */
static int
add_to_root(struct nx_db *db, const struct catalog_sums *d, uint64_t time,
    int64_t *folder)
{
	struct catalog_sums at = *d;

	/* No path is deeper: more would be a ring of folders. */
	for (unsigned depth = 0; *folder > 0; depth++) {
		int64_t name;
		int r;

		nx_assert(depth <= PATH_DEPTH_MAX);
		r = add_one(db, &at, time, folder, &name);
		if (r < 0)
			return r;
		time = 0;
		if (at.height > 0) {
			at.height++;
			at.reach += 1 + name;
		}
	}
	return 0;
}

int
catalog_add_up(struct nx_db *db, uint64_t owner, int64_t folder,
    const struct catalog_sums *d)
{
	uint64_t now = catalog_now();
	bool in_root = folder == 0;
	int r = add_to_root(db, d, now, &folder);

	if (r < 0 || folder < 0)
		return r;
	return nx_db_exec(db,
	    "UPDATE users SET tree = tree + ?, tree_at = iif(?, ?, tree_at)"
	    " WHERE user = ?",
	    "iiuu", d->size, (int64_t)in_root, now, owner);
}

int
catalog_add_to_root(struct nx_db *db, int64_t folder,
    const struct catalog_sums *d, struct catalog_root *ret_root)
{
	uint64_t now = catalog_now();
	bool in_root = folder == 0;
	int r = add_to_root(db, d, now, &folder);

	if (r == 0)
		*ret_root =
		    (struct catalog_root){.size = folder == 0 ? d->size : 0,
			.changed_at = in_root ? now : 0};
	return r;
}

int
catalog_settle(struct nx_db *db, uint64_t owner, int64_t folder,
    const struct catalog_sums *d)
{
	struct catalog_root root;
	int r;

	if (catalog_owes(db))
		return catalog_owe_settle(db, owner, folder, d);
	r = catalog_add_to_root(db, folder, d, &root);
	return r < 0 ? r : catalog_account_root(db, owner, d, 0, &root);
}

int
catalog_read_sums(struct nx_db *db, int64_t entry, int64_t *ret_parent,
    struct catalog_sums *ret_sums)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT parent, size, files + (file IS NOT NULL),"
	    " folders + (file IS NULL), charged + iif(file IS NULL, ?2, 0),"
	    " height + 1, reach + 1 + length(CAST(name AS BLOB))"
	    " FROM entries WHERE entry = ?1",
	    "ii", entry, (int64_t)CATALOG_FOLDER_CHARGE);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	*ret_parent = sqlite3_column_int64(stmt, 0);
	*ret_sums = (struct catalog_sums){
	    .size = sqlite3_column_int64(stmt, 1),
	    .files = sqlite3_column_int64(stmt, 2),
	    .folders = sqlite3_column_int64(stmt, 3),
	    .charged = sqlite3_column_int64(stmt, 4),
	    .height = sqlite3_column_int64(stmt, 5),
	    .reach = sqlite3_column_int64(stmt, 6),
	};
	sqlite3_reset(stmt);
	return 0;
}

struct catalog_sums
catalog_negated(const struct catalog_sums *sums)
{
	return (struct catalog_sums){.size = -sums->size,
	    .files = -sums->files,
	    .folders = -sums->folders,
	    .charged = -sums->charged};
}
