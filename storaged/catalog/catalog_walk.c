/*
 * The way to a folder. Many files that come at once go to the same few, so what
 * was walked last is remembered as long as no folder can have changed: between
 * two changes of the database, and within a transaction as long as only commits
 * of new files are in it.
 */
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_owed.h"

/* Which moment it is; false: one in which anything may change. */
static bool
moment_of(struct catalog *c, struct catalog_moment *ret_moment)
{
	sqlite3 *sqlite = nx_db_handle(c->db);
	bool between = sqlite3_get_autocommit(sqlite);

	*ret_moment = (struct catalog_moment){
	    .between = between, .changes = sqlite3_total_changes(sqlite)};
	if (between)
		return true;
	ret_moment->changes = 0;
	return catalog_owed_moment(c, &ret_moment->owed);
}

static bool
is_then(const struct catalog_moment *a, const struct catalog_moment *b)
{
	return a->between == b->between && a->changes == b->changes &&
	    a->owed == b->owed;
}

/* The folders on the way: their keys, and nothing else of them. */
static int
walk(struct nx_db *db, uint64_t owner, const struct path *path, unsigned depth,
    int64_t *ret_key)
{
	int64_t at = 0;

	for (unsigned i = 0; i < depth; i++) {
		sqlite3_stmt *stmt;
		bool folder;
		int r = nx_db_query(db, &stmt,
		    "SELECT entry, file IS NULL FROM entries"
		    " WHERE owner = ? AND parent = ? AND name = ?",
		    "uis", owner, at, path_name(path, i));

		if (r <= 0)
			return r < 0 ? r : CATALOG_NO_PATH;
		at = sqlite3_column_int64(stmt, 0);
		folder = sqlite3_column_int(stmt, 1) != 0;
		sqlite3_reset(stmt);
		if (!folder)
			return CATALOG_NOT_FOLDER;
	}
	*ret_key = at;
	return 0;
}

int
catalog_walk_folders(struct nx_db *db, uint64_t owner, const struct path *path,
    unsigned depth, int64_t *ret_key)
{
	struct catalog *c = nx_db_ctx(db);
	struct catalog_walked *w = &c->walked[owner % CATALOG_WALKED];
	struct catalog_moment now;
	size_t len;
	int r;

	nx_assert(depth < path->depth);
	len = path->start[depth];
	if (len == 0 || len > sizeof(w->names) || !moment_of(c, &now))
		return walk(db, owner, path, depth, ret_key);
	if (w->owner == owner && w->len == len && is_then(&w->then, &now) &&
	    memcmp(w->names, path->names, len) == 0) {
		*ret_key = w->key;
		return 0;
	}
	r = walk(db, owner, path, depth, ret_key);
	if (r != 0)
		return r;
	w->owner = owner;
	w->then = now;
	w->key = *ret_key;
	w->len = len;
	memcpy(w->names, path->names, len);
	return 0;
}
