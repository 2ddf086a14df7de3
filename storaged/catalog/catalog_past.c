/*
 * Rows of past: how they come to be and how they go. See catalog_schema_history.c
 * for what they mean. Whatever a row owns goes through past_release; accounts are
 * settled in the same transaction.
 */
#include <errno.h>

#include "common/err.h"
#include "storaged/catalog/catalog_lock.h"
#include "storaged/catalog/catalog_past.h"

#define TRIM_ROWS  2  /* for each that comes */
#define BELOW_ROWS 16 /* of one step of the reaper; each has chunks */

/* --- rows -------------------------------------------------------------------*/

void
past_read(sqlite3_stmt *stmt, struct past *ret_past)
{
	struct past *p = ret_past;

	p->past = sqlite3_column_int64(stmt, 0);
	p->parent = sqlite3_column_int64(stmt, 1);
	p->entry = sqlite3_column_int64(stmt, 2);
	p->owner = (uint64_t)sqlite3_column_int64(stmt, 3);
	p->file = sqlite3_column_int64(stmt, 4);
	p->size = sqlite3_column_int64(stmt, 5);
	p->files = sqlite3_column_int64(stmt, 6);
	p->folders = sqlite3_column_int64(stmt, 7);
	p->charged = sqlite3_column_int64(stmt, 8);
	p->height = sqlite3_column_int64(stmt, 9);
	p->reach = sqlite3_column_int64(stmt, 10);
	p->modified_at = (uint64_t)sqlite3_column_int64(stmt, 11);
	p->born = sqlite3_column_int64(stmt, 12);
	p->died = sqlite3_column_int64(stmt, 13);
	p->why = (enum catalog_why)sqlite3_column_int(stmt, 14);
	p->own = sqlite3_column_int(stmt, 15) != 0;
	p->held = sqlite3_column_int(stmt, 16) != 0;
	nx_db_text(stmt, 17, p->name, sizeof(p->name));
}

int
past_take(int r, sqlite3_stmt *stmt, struct past *ret_past)
{
	if (r > 0) {
		past_read(stmt, ret_past);
		sqlite3_reset(stmt);
	}
	return r;
}

int
past_get(struct nx_db *db, uint64_t owner, int64_t past, struct past *ret_past)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT " PAST_COLUMNS " FROM past p WHERE p.past = ?"
	    " AND p.owner = ?",
	    "iu", past, owner);

	return past_take(r, stmt, ret_past);
}

/* --- accounts ---------------------------------------------------------------*/

/* Files and folders that @p stands for. */
static int64_t
count_of(const struct past *p)
{
	if (!p->own)
		return 0;
	return p->file ? 1 : 1 + p->files + p->folders;
}

/* A user who leaves has no account any more. */
static int
account(struct nx_db *db, const struct past *p, int sign)
{
	return nx_db_exec(db,
	    "UPDATE users SET history = max(history + ?, 0),"
	    " pasts = max(pasts + ?, 0), held = max(held + ?, 0)"
	    " WHERE user = ?",
	    "iiiu", sign * p->charged, sign * count_of(p),
	    p->held ? sign * p->charged : 0, p->owner);
}

/* --- how long ---------------------------------------------------------------*/

/* What the nearest folder from @key up says that says anything. 1, 0, -errno. */
static int
read_keeping(
    struct nx_db *db, uint64_t owner, int64_t key, int64_t *ret_seconds)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "WITH RECURSIVE up(folder, n) AS (SELECT ?2, 0 UNION ALL"
	    " SELECT e.parent, up.n + 1 FROM up JOIN entries e"
	    " ON e.entry = up.folder WHERE up.folder > 0 AND up.n < 80)"
	    " SELECT k.seconds FROM up JOIN keeping k ON k.owner = ?1"
	    " AND k.folder = up.folder ORDER BY up.n LIMIT 1",
	    "ui", owner, key);

	if (r > 0) {
		*ret_seconds = sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	return r;
}

int
past_seconds(
    struct nx_db *db, uint64_t owner, int64_t key, int64_t *ret_seconds)
{
	sqlite3_stmt *stmt;
	bool own;
	int r = nx_db_query(db, &stmt,
	    "SELECT seconds, EXISTS (SELECT 1 FROM keeping WHERE owner = ?)"
	    " FROM keeping_default",
	    "u", owner);

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	*ret_seconds = sqlite3_column_int64(stmt, 0);
	own = sqlite3_column_int(stmt, 1) != 0;
	sqlite3_reset(stmt);
	r = own ? read_keeping(db, owner, key, ret_seconds) : 0;
	return r < 0 ? r : 0;
}

/* --- coming -----------------------------------------------------------------*/

/* What the row of @key in entries would be as one of past. 1, 0, -errno. */
static int
read_entry(struct nx_db *db, int64_t key, struct past *ret_past)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT 0, parent, entry, owner, ifnull(file, 0), 0, 0, 0, 0, 0, 0,"
	    " 0, born, " EPOCH_OF("e.owner") ", 0, 1, 0, '' FROM entries e"
					     " WHERE entry = ?",
	    "i", key);

	return past_take(r, stmt, ret_past);
}

/* @p says how. */
static int
bury(struct nx_db *db, const struct past *p, uint64_t seconds)
{
	uint64_t now = catalog_now();
	int64_t own = p->own ? 1 : 0;
	struct past buried;
	int r = nx_db_exec(db,
	    "INSERT INTO past(owner, parent, name, entry, file, size, files,"
	    " folders, charged, height, reach, modified_at, born, died,"
	    " gone_at, until, why, own, held) SELECT owner, parent, name,"
	    " entry, file, size, files, folders,"
	    " iif(?1, charged + iif(file IS NULL, ?2, 0), 0), height, reach,"
	    " modified_at, born, ?3, ?4, ?5, ?6, ?1, ?7 FROM entries"
	    " WHERE entry = ?8",
	    "iiiuuiii", own, (int64_t)CATALOG_FOLDER_CHARGE, p->died, now,
	    now + seconds, (int64_t)p->why, (int64_t)p->held, p->entry);

	if (r == 0)
		r = past_get(db, p->owner,
		    sqlite3_last_insert_rowid(nx_db_handle(db)), &buried);
	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	r = account(db, &buried, 1);
	if (r == 0 && p->own && p->file != 0)
		r = nx_db_exec(db, "UPDATE files SET tree = ? WHERE file = ?",
		    "ii", (int64_t)PAST_HOME, p->file);
	return r;
}

int
past_keep(struct nx_db *db, uint64_t owner, int64_t key, enum catalog_why why,
    bool forever)
{
	int64_t seconds = 0;
	struct past p;
	int r = forever ? 0 : past_seconds(db, owner, key, &seconds);

	if (r == 0)
		r = read_entry(db, key, &p);
	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	r = past_needed(db, &p);
	if (r < 0 || (r == 0 && seconds == 0))
		return r;
	p.held = r > 0;
	p.why = seconds > 0 ? why : CATALOG_SNAPSHOT;
	r = bury(db, &p, (uint64_t)seconds);
	return r < 0 ? r : 1;
}

int
past_moves(struct nx_db *db, uint64_t owner, int64_t key)
{
	struct past p;
	int r = read_entry(db, key, &p);

	(void)owner;
	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	/* What hangs below it goes along: only its place is to be kept. */
	p.own = false;
	r = past_needed(db, &p);
	if (r <= 0)
		return r;
	p.held = true;
	p.why = CATALOG_SNAPSHOT;
	return bury(db, &p, 0);
}

/* --- going ------------------------------------------------------------------*/

/* Another row of past that has the same. 1, 0, -errno. */
static int
find_heir(struct nx_db *db, int64_t key, int64_t file, struct past *ret_past)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT " PAST_COLUMNS " FROM past p WHERE p.entry = ?1"
	    " AND p.own = 0 AND ifnull(p.file, 0) = ?2 LIMIT 1",
	    "ii", key, file);

	return past_take(r, stmt, ret_past);
}

/* @heir has what was @sums from now on, and pays for it. */
static int
inherit(
    struct nx_db *db, const struct past *heir, const struct catalog_sums *sums)
{
	struct past p = *heir;
	int r = nx_db_exec(db,
	    "UPDATE past SET own = 1, size = ?, files = ?, folders = ?,"
	    " charged = ? WHERE past = ?",
	    "iiiii", sums->size, p.file ? 0 : sums->files,
	    p.file ? 0 : sums->folders - 1, sums->charged, p.past);

	if (r == 0 && p.file != 0)
		r = nx_db_exec(db, "UPDATE files SET tree = ? WHERE file = ?",
		    "ii", (int64_t)PAST_HOME, p.file);
	p.own = true;
	p.files = sums->files;
	p.folders = sums->folders - 1;
	p.charged = sums->charged;
	return r < 0 ? r : account(db, &p, 1);
}

int
past_release(struct nx_db *db, uint64_t owner, int64_t key, int64_t file,
    const struct catalog_sums *sums)
{
	struct past heir;
	int r = find_heir(db, key, file, &heir);

	if (r != 0)
		return r < 0 ? r : inherit(db, &heir, sums);
	if (file != 0)
		return catalog_drop_file(db, owner, file);
	return nx_db_exec(db,
	    "INSERT INTO going(owner, folder, charged) VALUES(?, ?, ?)", "uii",
	    owner, key, sums->charged);
}

/* As catalog_read_sums says of an entry. */
static struct catalog_sums
sums_of(const struct past *p)
{
	return (struct catalog_sums){.size = p->size,
	    .files = p->files + (p->file != 0),
	    .folders = p->folders + (p->file == 0),
	    .charged = p->charged};
}

int
past_drop_anyhow(struct nx_db *db, const struct past *p)
{
	struct catalog_sums sums = sums_of(p);
	int r = nx_db_exec(db, "DELETE FROM past WHERE past = ?", "i", p->past);

	if (r == 0)
		r = account(db, p, -1);
	return r < 0 || !p->own
	    ? r
	    : past_release(db, p->owner, p->entry, p->file, &sums);
}

/*
 * The one place that asks whether something in the history may not be taken
 * away, before its time or by a purge. Only the end of its owner does not ask.
 */
int
past_locked(struct nx_db *db, const struct past *p, uint64_t *ret_until)
{
	return catalog_past_kept(db, p->owner, p->parent, p->entry, ret_until);
}

int
past_drop(struct nx_db *db, const struct past *p)
{
	uint64_t until;
	int r = past_locked(db, p, &until);

	if (r == 0 && until > 0) {
		/* So that nobody comes back to it before. */
		r = nx_db_exec(db,
		    "UPDATE past SET until = max(until, ?) WHERE past = ?",
		    "ui", until, p->past);
		return r < 0 ? r : CATALOG_LOCKED;
	}
	if (r == 0 && p->held)
		return nx_db_exec(db, "UPDATE past SET why = ? WHERE past = ?",
		    "ii", (int64_t)CATALOG_SNAPSHOT, p->past);
	return r < 0 ? r : past_drop_anyhow(db, p);
}

int
past_give_back(struct nx_db *db, const struct past *p)
{
	int r = account(db, p, -1);

	if (r < 0)
		return r;
	if (!p->held)
		return nx_db_exec(
		    db, "DELETE FROM past WHERE past = ?", "i", p->past);
	return nx_db_exec(db,
	    "UPDATE past SET own = 0, charged = 0, why = ? WHERE past = ?",
	    "ii", (int64_t)CATALOG_SNAPSHOT, p->past);
}

/* --- bounds -----------------------------------------------------------------*/

/* Is more of @owner's kept than may be? 1, 0, -errno. */
static int
is_beyond(struct nx_db *db, uint64_t owner)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT u.history - u.held > iif(u.quota < 0, iif(u.user = 0,"
	    " 0x7fffffffffffffff, d.quota), u.quota) OR (u.user <> 0"
	    " AND u.pasts > d.entries) FROM users u, keeping_default d"
	    " WHERE u.user = ?",
	    "u", owner);

	if (r <= 0)
		return r;
	r = sqlite3_column_int(stmt, 0);
	sqlite3_reset(stmt);
	return r;
}

/* 1 and the oldest that no snapshot needs, 0, -errno. */
int
past_oldest(struct nx_db *db, uint64_t owner, struct past *ret_past)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT " PAST_COLUMNS " FROM past p INDEXED BY past_owner"
	    " WHERE p.owner = ? AND p.held = 0 ORDER BY p.past LIMIT 1",
	    "u", owner);

	return past_take(r, stmt, ret_past);
}

int
past_trim(struct nx_db *db, uint64_t owner)
{
	struct past p;
	int r = is_beyond(db, owner);

	for (int i = 0; i < TRIM_ROWS && r > 0; i++) {
		r = past_oldest(db, owner, &p);
		if (r <= 0)
			return r;
		r = past_drop(db, &p);
		if (r != 0) /* locked: the rest waits for it */
			return r < 0 ? r : 0;
		r = is_beyond(db, owner);
	}
	return r;
}

/* --- the end of a folder, or of a user --------------------------------------*/

static int
next_below(
    struct nx_db *db, uint64_t owner, int64_t folder, struct past *ret_past)
{
	sqlite3_stmt *stmt;
	int r;

	if (folder == 0)
		r = nx_db_query(db, &stmt,
		    "SELECT " PAST_COLUMNS " FROM past p INDEXED BY past_name"
		    " WHERE p.owner = ? LIMIT 1",
		    "u", owner);
	else
		r = nx_db_query(db, &stmt,
		    "SELECT " PAST_COLUMNS " FROM past p INDEXED BY past_name"
		    " WHERE p.owner = ? AND p.parent = ? LIMIT 1",
		    "ui", owner, folder);
	return past_take(r, stmt, ret_past);
}

static int
drop_settings(struct nx_db *db, uint64_t owner, int64_t folder)
{
	int r = nx_db_exec(db,
	    "DELETE FROM keeping WHERE owner = ?1 AND (?2 = 0 OR folder = ?2)",
	    "ui", owner, folder);

	if (r == 0 && folder == 0)
		r = nx_db_exec(
		    db, "DELETE FROM snapshots WHERE owner = ?", "u", owner);
	if (r == 0 && folder == 0)
		r = nx_db_exec(
		    db, "DELETE FROM loosening WHERE owner = ?", "u", owner);
	return r;
}

int
past_drop_below(struct nx_db *db, uint64_t owner, int64_t folder)
{
	struct past p;
	int n = 0, r = 1;

	while (n < BELOW_ROWS && (r = next_below(db, owner, folder, &p)) > 0) {
		r = past_drop_anyhow(db, &p);
		if (r < 0)
			return r;
		n++;
	}
	if (r < 0 || n > 0)
		return r < 0 ? r : 1;
	return drop_settings(db, owner, folder);
}
