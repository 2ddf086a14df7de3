/* Locks of paths: see catalog_lock.h for what they mean, catalog_schema_locks.c
 * for the rows. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "storaged/catalog/catalog_bucket_internal.h"
#include "storaged/catalog/catalog_lock.h"

#define COPIES_MAX 256 /* files with one content that are looked at */
#define STALE_MAX  128 /* rows that have had their time, taken at once */

/* From ?2 up to the root, if it is in the tree; a ring ends somewhere. */
#define UP                                                           \
	"WITH RECURSIVE up(entry, depth) AS (SELECT ?2, 0 UNION ALL" \
	" SELECT e.parent, depth + 1 FROM up JOIN entries e"         \
	" ON e.entry = up.entry WHERE up.entry > 0 AND depth < 80) "

struct kept {
	uint64_t until; /* of it and of what is above it */
	uint64_t below;
	bool attached;
};

/* 1 when @owner has any locks, 0, -errno. Most have none. */
static int
has_locks(struct nx_db *db, uint64_t owner)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT 1 FROM locks WHERE owner = ? LIMIT 1", "u", owner);

	if (r > 0)
		sqlite3_reset(stmt);
	return r;
}

static int
read_kept(
    struct nx_db *db, uint64_t owner, int64_t entry, struct kept *ret_kept)
{
	sqlite3_stmt *stmt;
	int r = has_locks(db, owner);

	*ret_kept = (struct kept){0};
	if (r <= 0)
		return r;
	r = nx_db_query(db, &stmt,
	    UP "SELECT ifnull(max(l.until), 0), ifnull(max(iif(up.depth = 0,"
	       " l.below, 0)), 0), min(up.entry) = 0 FROM up LEFT JOIN locks l"
	       " ON l.owner = ?1 AND l.entry = up.entry",
	    "ui", owner, entry);
	if (r <= 0)
		return r < 0 ? r : -EIO;
	ret_kept->until = (uint64_t)sqlite3_column_int64(stmt, 0);
	ret_kept->below = (uint64_t)sqlite3_column_int64(stmt, 1);
	ret_kept->attached = sqlite3_column_int(stmt, 2) != 0;
	sqlite3_reset(stmt);
	return 0;
}

/* --- inside a write ---------------------------------------------------------*/

int
catalog_check_kept(struct nx_db *db, uint64_t owner, int64_t entry)
{
	struct kept k;
	uint64_t now;
	int r = read_kept(db, owner, entry, &k);

	if (r < 0 || (k.until == 0 && k.below == 0))
		return r;
	r = catalog_tick(db, &now);
	if (r < 0)
		return r;
	return k.until > now || k.below > now ? CATALOG_KEPT : 0;
}

int
catalog_check_file_kept(struct nx_db *db, uint64_t owner, int64_t file)
{
	int64_t entry;
	int r = catalog_entry_of(db, file, &entry);

	return r <= 0 ? r : catalog_check_kept(db, owner, entry);
}

int
catalog_past_kept(struct nx_db *db, uint64_t owner, int64_t parent,
    int64_t entry, uint64_t *ret_until)
{
	struct kept in, own;
	uint64_t now;
	int r = read_kept(db, owner, parent, &in);

	*ret_until = 0;
	if (r == 0)
		r = read_kept(db, owner, entry, &own);
	if (r < 0)
		return r;
	if (!in.attached)
		in.until = 0;
	if (own.attached && own.until > in.until)
		in.until = own.until;
	if (in.until == 0)
		return 0;
	r = catalog_tick(db, &now);
	if (r == 0 && in.until > now)
		*ret_until = in.until;
	return r;
}

/* --- what must not be lost --------------------------------------------------*/

struct holder {
	int64_t file;
	uint64_t owner;
	enum catalog_home home;
};

/* Files that have @content, the first COPIES_MAX. Number or -errno. */
static int
read_holders(
    struct nx_db *db, int64_t content, struct holder ret_holders[COPIES_MAX])
{
	sqlite3_stmt *stmt;
	int n = 0;
	int r = nx_db_query(db, &stmt,
	    "SELECT file, owner, tree FROM files WHERE file = ?1 UNION ALL"
	    " SELECT file, owner, tree FROM files WHERE content = ?1"
	    " AND content <> 0 LIMIT ?2",
	    "ii", content, (int64_t)COPIES_MAX);

	while (r > 0) {
		ret_holders[n++] = (struct holder){
		    .file = sqlite3_column_int64(stmt, 0),
		    .owner = (uint64_t)sqlite3_column_int64(stmt, 1),
		    .home = (enum catalog_home)sqlite3_column_int(stmt, 2),
		};
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

static int
is_object_kept(struct nx_db *db, int64_t file, uint64_t now)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT 1 FROM objects WHERE file = ? AND (hold <> 0 OR"
	    " (mode <> 0 AND until > ?))",
	    "iu", file, now);

	if (r > 0)
		sqlite3_reset(stmt);
	return r;
}

/* 1, 0, -errno. */
static int
is_kept(struct nx_db *db, const struct holder *h, uint64_t now)
{
	struct kept k = {0};
	int64_t entry;
	int r = catalog_leaving(db, h->owner);

	if (r != 0)
		return r < 0 ? r : 0;
	if (h->home == HOME_BUCKET)
		return is_object_kept(db, h->file, now);
	r = h->home == HOME_TREE ? catalog_entry_of(db, h->file, &entry) : 0;
	if (r > 0)
		r = read_kept(db, h->owner, entry, &k);
	return r < 0 ? r : k.attached && k.until > now;
}

int
catalog_content_kept(struct nx_db *db, int64_t content, int64_t *ret_file)
{
	struct holder holders[COPIES_MAX];
	int64_t whole = catalog_whole_of(db, content);
	uint64_t now;
	int n = whole < 0
	    ? (int)whole
	    : read_holders(db, whole > 0 ? whole : content, holders);
	int r = n < 0 ? n : catalog_tick(db, &now);

	for (int i = 0; i < n && r == 0; i++) {
		r = is_kept(db, &holders[i], now);
		if (r > 0)
			*ret_file = holders[i].file;
	}
	if (r == 0 && n == COPIES_MAX) {
		*ret_file = holders[0].file;
		r = has_locks(db, holders[0].owner);
	}
	return r;
}

/* --- for people -------------------------------------------------------------*/

/* The last entry there is on the way to @path. */
static int
walk_far(struct nx_db *db, uint64_t owner, const struct path *path,
    int64_t *ret_entry)
{
	struct catalog_entry at = {.folder = true};
	int r = 1;

	*ret_entry = 0;
	for (unsigned i = 0; i < path->depth && r > 0 && at.folder; i++) {
		r = catalog_find_child(
		    db, owner, at.key, path_name(path, i), &at);
		if (r > 0)
			*ret_entry = at.key;
	}
	return r < 0 ? r : 0;
}

static int
until_of(struct catalog *c, uint64_t owner, int64_t entry, bool below,
    uint64_t *ret_until)
{
	uint64_t now = catalog_clock(c);
	struct kept k;
	int r = read_kept(c->db, owner, entry, &k);

	if (r < 0)
		return r;
	if (below && k.below > k.until)
		k.until = k.below;
	*ret_until = k.until > now ? k.until : 0;
	return 0;
}

int
catalog_kept_until(struct catalog *c, uint64_t owner, const struct path *path,
    bool below, uint64_t *ret_until)
{
	int64_t entry = 0;
	int r = has_locks(c->db, owner);

	*ret_until = 0;
	if (r > 0)
		r = walk_far(c->db, owner, path, &entry);
	else
		return r;
	return r < 0 ? r : until_of(c, owner, entry, below, ret_until);
}

int
catalog_file_kept_until(
    struct catalog *c, uint64_t owner, int64_t file, uint64_t *ret_until)
{
	int64_t entry;
	int r = catalog_entry_of(c->db, file, &entry);

	*ret_until = 0;
	return r <= 0 ? r : until_of(c, owner, entry, false, ret_until);
}

/* --- locking ----------------------------------------------------------------*/

/* What has had its time, some of it. */
static int
drop_stale(struct nx_db *db, uint64_t owner, uint64_t now)
{
	return nx_db_exec(db,
	    "DELETE FROM locks WHERE owner = ?1 AND entry IN (SELECT entry"
	    " FROM locks WHERE owner = ?1 AND max(until, below) <= ?2"
	    " LIMIT ?3)",
	    "uui", owner, now, (int64_t)STALE_MAX);
}

/* What the lock of @entry itself says, and how many others hold. */
static int
read_locks(struct nx_db *db, uint64_t owner, int64_t entry, uint64_t now,
    uint64_t *ret_until, uint64_t *ret_others)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT ifnull((SELECT until FROM locks WHERE owner = ?1"
	    " AND entry = ?2), 0), (SELECT count(*) FROM locks INDEXED BY"
	    " locks_until WHERE owner = ?1 AND until > ?3 AND until > 0"
	    " AND entry <> ?2)",
	    "uiu", owner, entry, now);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	*ret_until = (uint64_t)sqlite3_column_int64(stmt, 0);
	*ret_others = (uint64_t)sqlite3_column_int64(stmt, 1);
	sqlite3_reset(stmt);
	return 0;
}

static int
insert_lock(struct nx_db *db, uint64_t owner, int64_t entry, uint64_t until)
{
	int r = nx_db_exec(db,
	    "INSERT INTO locks(owner, entry, until, below) VALUES(?, ?, ?, 0)"
	    " ON CONFLICT DO UPDATE SET until = max(until, excluded.until)",
	    "uiu", owner, entry, until);

	return r < 0 ? r
		     : nx_db_exec(db,
			   UP "INSERT INTO locks(owner, entry, until, below)"
			      " SELECT ?1, entry, 0, ?3 FROM up WHERE depth > 0"
			      " AND entry > 0 ON CONFLICT DO UPDATE"
			      " SET below = max(below, excluded.below)",
			   "uiu", owner, entry, until);
}

static int
write_lock(struct nx_db *db, void *arg)
{
	struct catalog_lock_path *op = arg;
	uint64_t now = 0, until = 0, others = 0;
	struct catalog_entry e;
	int r = catalog_leaving(db, op->owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	r = catalog_walk(db, op->owner, &op->path, op->path.depth, &e);
	if (r == 0)
		r = catalog_tick(db, &now);
	if (r == 0)
		r = read_locks(db, op->owner, e.key, now, &until, &others);
	if (r != 0)
		return r;
	if (op->until <= now)
		return CATALOG_LOCK_PAST;
	if (until > now && op->until < until)
		return CATALOG_LOCK_SHORTER;
	if (others >= CATALOG_LOCKS_MAX)
		return CATALOG_LOCKS_MANY;
	r = drop_stale(db, op->owner, now);
	return r < 0 ? r : insert_lock(db, op->owner, e.key, op->until);
}

static void
lock_done(int result, void *arg)
{
	struct catalog_lock_path *op = arg;

	op->done(result, op->arg);
}

void
catalog_lock_path(struct catalog *c, struct catalog_lock_path *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_lock, lock_done, op);
}

int
catalog_drop_locks(struct nx_db *db, uint64_t owner)
{
	int r = nx_db_exec(db,
	    "DELETE FROM locks WHERE owner = ?1 AND entry IN (SELECT entry"
	    " FROM locks WHERE owner = ?1 LIMIT ?2)",
	    "ui", owner, (int64_t)STALE_MAX);

	return r < 0 ? r : sqlite3_changes(nx_db_handle(db)) > 0;
}

/* --- listing ----------------------------------------------------------------*/

int
catalog_locks(struct catalog *c, uint64_t owner,
    const struct catalog_held *after, struct catalog_held *ret_locks,
    size_t max)
{
	uint64_t now = catalog_clock(c);
	sqlite3_stmt *stmt;
	int n = 0, r = catalog_leaving(c->db, owner);

	if (r != 0)
		return r < 0 ? r : 0;
	r = nx_db_query(c->db, &stmt,
	    "SELECT entry, until FROM locks INDEXED BY locks_until"
	    " WHERE owner = ?1 AND until > 0 AND until > ?2"
	    " AND (until, entry) > (?3, ?4) ORDER BY until, entry LIMIT ?5",
	    "uuuiu", owner, now, after->until, after->entry, (uint64_t)max);
	while (r > 0) {
		ret_locks[n].entry = sqlite3_column_int64(stmt, 0);
		ret_locks[n++].until = (uint64_t)sqlite3_column_int64(stmt, 1);
		r = nx_db_next(stmt);
	}
	for (int i = 0; i < n && r == 0; i++)
		r = catalog_entry_place(c->db, ret_locks[i].entry,
		    ret_locks[i].path, sizeof(ret_locks[i].path));
	return r < 0 ? r : n;
}

void
catalog_lock_time(uint64_t until, char ret_text[CATALOG_LOCK_TIME])
{
	time_t at = (time_t)until;
	struct tm tm;

	if (!gmtime_r(&at, &tm) ||
	    strftime(ret_text, CATALOG_LOCK_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm) ==
		0)
		(void)snprintf(ret_text, CATALOG_LOCK_TIME, "%" PRIu64, until);
}
