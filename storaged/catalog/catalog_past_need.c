/*
 * Which rows of past snapshots need: those that were there in its epoch, below
 * its folder as the tree was then; and folders that the snapshot's own folder
 * hangs below now, for with them it would be taken away.
 */
#include <errno.h>

#include "common/err.h"
#include "storaged/catalog/catalog_then.h"

struct moment {
	int64_t folder, epoch;
};

static int
read_moments(struct nx_db *db, uint64_t owner,
    struct moment ret_moments[CATALOG_SNAPSHOTS])
{
	sqlite3_stmt *stmt;
	int n = 0;
	int r = nx_db_query(db, &stmt,
	    "SELECT folder, epoch FROM snapshots WHERE owner = ? LIMIT ?", "ui",
	    owner, (int64_t)CATALOG_SNAPSHOTS);

	while (r > 0) {
		ret_moments[n++] =
		    (struct moment){sqlite3_column_int64(stmt, 0),
			sqlite3_column_int64(stmt, 1)};
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

/* The folder that @folder was in then. 1, 0: it was not there, -errno. */
static int
parent_then(struct nx_db *db, int64_t epoch, int64_t *folder)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT parent FROM entries WHERE entry = ?1 AND born <= ?2"
	    " UNION ALL SELECT parent FROM (SELECT parent, born FROM past"
	    " WHERE entry = ?1 AND died > ?2 AND born < died ORDER BY died"
	    " LIMIT 1) WHERE born <= ?2 LIMIT 1",
	    "ii", *folder, epoch);

	if (r > 0) {
		*folder = sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	return r;
}

int
past_parent(struct nx_db *db, int64_t *folder)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT parent FROM entries WHERE entry = ?1 UNION ALL"
	    " SELECT parent FROM past WHERE entry = ?1 AND own = 1"
	    " AND file IS NULL LIMIT 1",
	    "i", *folder);

	if (r > 0) {
		*folder = sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	return r;
}

/* Was @folder below that of @m, or that itself? 1, 0, -errno. */
static int
was_below(struct nx_db *db, const struct moment *m, int64_t folder)
{
	int r = 1;

	for (unsigned i = 0; r > 0 && i <= PATH_DEPTH_MAX; i++) {
		if (folder == m->folder)
			return 1;
		if (folder <= 0)
			return 0;
		r = parent_then(db, m->epoch, &folder);
	}
	return r < 0 ? r : 0;
}

/* Is @folder now that of @m, or above it? 1, 0, -errno. */
static int
is_above(struct nx_db *db, const struct moment *m, int64_t folder)
{
	int64_t at = m->folder;
	int r = 1;

	for (unsigned i = 0; r > 0 && at > 0 && i <= PATH_DEPTH_MAX; i++) {
		if (at == folder)
			return 1;
		r = past_parent(db, &at);
	}
	return r < 0 ? r : 0;
}

int
past_needed(struct nx_db *db, const struct past *p)
{
	struct moment moments[CATALOG_SNAPSHOTS];
	int n = read_moments(db, p->owner, moments), r = 0;

	for (int i = n - 1; i >= 0 && r == 0; i--) {
		const struct moment *m = &moments[i];

		if (m->epoch >= p->born && m->epoch < p->died)
			r = was_below(db, m, p->parent);
		if (r == 0 && p->own && p->file == 0)
			r = is_above(db, m, p->entry);
	}
	return n < 0 ? n : r;
}

/* --- snapshots that are no more -----------------------------------------------*/

static int
next_held(
    struct nx_db *db, uint64_t owner, int64_t after, struct past *ret_past)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT " PAST_COLUMNS " FROM past p INDEXED BY past_held"
	    " WHERE p.owner = ? AND p.held = 1 AND p.past > ?"
	    " ORDER BY p.past LIMIT 1",
	    "ui", owner, after);

	return past_take(r, stmt, ret_past);
}

static int
let_go(struct nx_db *db, const struct past *p)
{
	int r = past_needed(db, p);

	if (r != 0)
		return r < 0 ? r : 0;
	/* Nobody else can see it. */
	if (p->why == CATALOG_SNAPSHOT)
		return past_drop_anyhow(db, p);
	r = nx_db_exec(
	    db, "UPDATE past SET held = 0 WHERE past = ?", "i", p->past);
	return r < 0 ? r
		     : nx_db_exec(db,
			   "UPDATE users SET held = max(held - ?, 0)"
			   " WHERE user = ?",
			   "iu", p->charged, p->owner);
}

int
past_loosen(struct nx_db *db)
{
	sqlite3_stmt *stmt;
	int64_t after;
	uint64_t owner;
	struct past p;
	int r = nx_db_query(
	    db, &stmt, "SELECT owner, after FROM loosening LIMIT 1", "");

	p.past = 0;
	if (r <= 0)
		return r;
	owner = (uint64_t)sqlite3_column_int64(stmt, 0);
	after = sqlite3_column_int64(stmt, 1);
	sqlite3_reset(stmt);
	r = next_held(db, owner, after, &p);
	if (r > 0)
		r = let_go(db, &p);
	else if (r == 0)
		r = nx_db_exec(
		    db, "DELETE FROM loosening WHERE owner = ?", "u", owner);
	if (r == 0)
		r = nx_db_exec(db,
		    "UPDATE loosening SET after = ? WHERE owner = ?", "iu",
		    p.past, owner);
	return r < 0 ? r : 1;
}
