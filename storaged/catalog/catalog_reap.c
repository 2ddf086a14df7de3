/*
 * What deletions leave behind. A deletion itself is short, however much hangs
 * on it: a folder's row goes, and with it the way to everything below; a file's
 * row goes, and of its chunks as many as one step may take. The rest waits in
 * the tables going (folders without a row, whose children still have theirs)
 * and going_files (chunks without a file), and reaping takes it away, a bounded
 * number of rows at a time, after a restart where it stopped before.
 *
 * What somebody reads right now waits until they have (catalog_pin). Owners take
 * turns, so that nobody waits for what another has deleted.
 *
 * Accounts were settled when it went from sight; only the number of chunks is
 * kept here, because they exist until now.
 */
#include <errno.h>

#include "common/err.h"
#include "common/id.h"
#include "storaged/catalog/catalog_bucket_internal.h"
#include "storaged/catalog/catalog_event_internal.h"
#include "storaged/catalog/catalog_past.h"

#define STEP_CHANGES  256  /* rows, on nearly as many pages */
#define STEP_US       1000 /* and no longer than that: pages may be cold */
#define STEP_CHILDREN 128
#define STEP_CHUNKS   32 /* of one file; each is some four rows */

/* Of going_files: its readers have finished. */
#define NOBODY_READS "file NOT IN (SELECT file FROM pins)"
/* Of going: a user's row counts what is still read, and goes after that. */
#define MAY_GO       "(folder <> 0 OR owner NOT IN (SELECT owner FROM going_files))"
#define WAITING_ROWS 8192 /* summed up when somebody asks: a millisecond */

/* --- chunks -----------------------------------------------------------------*/

/* Of one with a code: erasure_part_size(). */
#define PART_SIZE "(160 + (code >> 8) - 1) / (code >> 8) * 65536"
_Static_assert(CHUNK_BLOCKS == 160 && CRC_BLOCK == 65536, "PART_SIZE says so");

/* Before @end in @file. */
static int
drop_chunks_before(struct nx_db *db, uint64_t owner, int64_t file, int64_t end)
{
	static const struct catalog_sums none;
	int r = nx_db_exec(db,
	    "INSERT OR IGNORE INTO trash(volume, id, owner, size)"
	    " SELECT r.volume, c.id, ?3, c.size"
	    " FROM chunks c JOIN replicas r ON r.chunk = c.chunk"
	    " WHERE c.file = ?1 AND c.idx < ?2 AND r.at = 0",
	    "iiu", file, end, owner);

	if (r == 0)
		r = catalog_tell_died(db, owner, file, end);
	if (r == 0)
		r = nx_db_exec(db,
		    "DELETE FROM replicas WHERE chunk IN (SELECT chunk"
		    " FROM chunks WHERE file = ? AND idx < ?)",
		    "ii", file, end);
	if (r == 0)
		r = nx_db_exec(db,
		    "DELETE FROM chunks WHERE file = ? AND idx < ?", "ii", file,
		    end);
	if (r < 0)
		return r;
	return catalog_account(
	    db, owner, &none, -sqlite3_changes(nx_db_handle(db)));
}

/* The first STEP_CHUNKS of @file go, or a few of its pieces. 1 when some are left, 0, -errno. */
static int
drop_chunks(struct nx_db *db, uint64_t owner, int64_t file)
{
	sqlite3_stmt *stmt;
	int64_t first, last;
	int r = catalog_drop_parts(db, owner, file);

	if (r != 0)
		return r;
	r = nx_db_query(db, &stmt,
	    "SELECT ifnull(min(idx), 0), ifnull(max(idx), -1) FROM chunks"
	    " WHERE file = ?",
	    "i", file);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	first = sqlite3_column_int64(stmt, 0);
	last = sqlite3_column_int64(stmt, 1);
	sqlite3_reset(stmt);
	if (last < first)
		return 0;
	r = drop_chunks_before(db, owner, file, first + STEP_CHUNKS);
	return r < 0 ? r : last >= first + STEP_CHUNKS;
}

/* The row of @file goes. *ret_content: whose chunks it had. */
static int
drop_row(struct nx_db *db, int64_t file, int64_t *ret_content)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "DELETE FROM files WHERE file = ? RETURNING"
	    " iif(content <> 0, content, file)",
	    "i", file);

	*ret_content = r > 0 ? sqlite3_column_int64(stmt, 0) : file;
	return r > 0 ? nx_db_next(stmt) : r;
}

/* Does a file still have @content? 1, 0, -errno. */
static int
is_kept(struct nx_db *db, int64_t content)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT 1 FROM files WHERE file = ?1 UNION ALL SELECT 1 FROM files"
	    " WHERE content = ?1 AND content <> 0 LIMIT 1",
	    "i", content);

	if (r > 0)
		sqlite3_reset(stmt);
	return r;
}

int
catalog_drop_file(struct nx_db *db, uint64_t owner, int64_t file)
{
	int r = drop_row(db, file, &file);

	if (r == 0)
		r = is_kept(db, file);
	if (r != 0)
		return r < 0 ? r : 0;
	r = catalog_is_pinned(db, file); /* all of it waits */
	if (r == 0)
		r = drop_chunks(db, owner, file);
	if (r > 0)
		r = nx_db_exec(db,
		    "INSERT INTO going_files(file, owner, size) VALUES(?1, ?2,"
		    " ifnull(((SELECT max(idx) FROM chunks WHERE file = ?1) -"
		    " (SELECT min(idx) FROM chunks WHERE file = ?1) + 1) *"
		    " (SELECT iif(code = 0, ?3, " PART_SIZE ") FROM chunks"
		    " WHERE file = ?1 ORDER BY idx LIMIT 1),"
		    " (SELECT ifnull(sum(size), 0) FROM parts"
		    " WHERE whole = ?1)))",
		    "iui", file, owner, (int64_t)CHUNK_SIZE);
	return r;
}

int
catalog_drop_folder(
    struct nx_db *db, uint64_t owner, int64_t folder, int64_t charged)
{
	int r =
	    nx_db_exec(db, "DELETE FROM entries WHERE entry = ?", "i", folder);

	if (r == 0)
		r = nx_db_exec(db,
		    "INSERT INTO going(owner, folder, charged) VALUES(?, ?, ?)",
		    "uii", owner, folder, charged);
	return r;
}

/* --- steps ------------------------------------------------------------------*/

struct child {
	int64_t entry; /* 0: a raw file */
	int64_t file;  /* 0: a folder */
	struct catalog_sums sums;
};

/* Up to STEP_CHILDREN rows of "entry, file, charged, size, files, folders". */
static int
read_children(int r, sqlite3_stmt *stmt, struct child *ret_children, int *ret_n)
{
	*ret_n = 0;
	while (r > 0) {
		nx_assert(*ret_n < STEP_CHILDREN);
		ret_children[(*ret_n)++] = (struct child){
		    .entry = sqlite3_column_int64(stmt, 0),
		    .file = sqlite3_column_int64(stmt, 1),
		    .sums = {.charged = sqlite3_column_int64(stmt, 2),
			.size = sqlite3_column_int64(stmt, 3),
			.files = sqlite3_column_int64(stmt, 4),
			.folders = sqlite3_column_int64(stmt, 5)},
		};
		r = nx_db_next(stmt);
	}
	return r;
}

static int
children_of(struct nx_db *db, uint64_t owner, int64_t folder,
    struct child *ret_children, int *ret_n)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT entry, file, charged + iif(file IS NULL, ?4, 0), size,"
	    " files + (file IS NOT NULL), folders + (file IS NULL)"
	    " FROM entries WHERE owner = ?1 AND parent = ?2 LIMIT ?3",
	    "uiii", owner, folder, (int64_t)STEP_CHILDREN,
	    (int64_t)CATALOG_FOLDER_CHARGE);

	return read_children(r, stmt, ret_children, ret_n);
}

static int
raw_files_of(
    struct nx_db *db, uint64_t owner, struct child *ret_children, int *ret_n)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT 0, file, 0, 0, 0, 0 FROM files WHERE owner = ?"
	    " AND tree = 0 LIMIT ?",
	    "ui", owner, (int64_t)STEP_CHILDREN);

	return read_children(r, stmt, ret_children, ret_n);
}

static int
drop_child(struct nx_db *db, uint64_t owner, const struct child *child)
{
	int r = 0;

	if (child->entry == 0)
		return catalog_drop_file(db, owner, child->file);
	r = nx_db_exec(
	    db, "DELETE FROM entries WHERE entry = ?", "i", child->entry);
	return r < 0
	    ? r
	    : past_release(db, owner, child->entry, child->file, &child->sums);
}

/* The folder is empty; when it was the root, nothing of the user is left. */
static int
folder_gone(struct nx_db *db, uint64_t owner, int64_t folder)
{
	int r =
	    nx_db_exec(db, "DELETE FROM going WHERE owner = ? AND folder = ?",
		"ui", owner, folder);

	if (r == 0 && folder == 0)
		r = nx_db_exec(
		    db, "DELETE FROM users WHERE user = ?", "u", owner);
	return r;
}

struct step {
	int changes; /* of the connection, when it began */
	uint64_t began;
};

static bool
is_enough(struct nx_db *db, const struct step *step)
{
	return sqlite3_total_changes(nx_db_handle(db)) - step->changes >=
	    STEP_CHANGES ||
	    nx_now_us() - step->began >= STEP_US;
}

/* As many of @children as the step may take: what they counted is not below
 * @folder any more. What an older program deleted has not been counted. */
static int
drop_children(struct nx_db *db, uint64_t owner, int64_t folder,
    const struct child *children, int n, const struct step *step)
{
	int64_t less = 0;
	int r = 0;

	for (int i = 0; i < n && r == 0 && !is_enough(db, step); i++) {
		less += children[i].sums.charged;
		r = drop_child(db, owner, &children[i]);
	}
	if (r == 0 && less > 0)
		r = nx_db_exec(db,
		    "UPDATE going SET charged = max(charged - ?, 0)"
		    " WHERE owner = ? AND folder = ?",
		    "iui", less, owner, folder);
	return r;
}

static int
owner_upto(struct nx_db *db, int64_t most, int64_t volume, int64_t *ret_owner)
{
	sqlite3_stmt *stmt;
	bool is;
	int r;

	(void)volume;
	r = nx_db_query(db, &stmt,
	    "SELECT max(owner) FROM (SELECT * FROM (SELECT owner"
	    " FROM going_files WHERE owner <= ?1 AND " NOBODY_READS
	    " ORDER BY owner DESC LIMIT 1) UNION ALL SELECT * FROM"
	    " (SELECT owner FROM going WHERE owner <= ?1 AND " MAY_GO
	    " ORDER BY owner DESC LIMIT 1))",
	    "i", most);
	if (r <= 0)
		return r < 0 ? r : -EIO;
	is = sqlite3_column_type(stmt, 0) != SQLITE_NULL;
	if (is)
		*ret_owner = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return is;
}

/* 1: there was one to work on, 0: there is none, -errno. */
static int
reap_folder(struct nx_db *db, uint64_t owner, const struct step *step)
{
	struct child children[STEP_CHILDREN];
	sqlite3_stmt *stmt;
	int64_t folder;
	int n = 0, r;

	/* The newest first, which is the deepest: the table stays short. */
	r = nx_db_query(db, &stmt,
	    "SELECT folder FROM going WHERE owner = ? AND " MAY_GO
	    " ORDER BY folder DESC LIMIT 1",
	    "u", owner);

	if (r <= 0)
		return r;
	folder = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	r = children_of(db, owner, folder, children, &n);
	if (r == 0 && n == 0 && folder == 0)
		r = raw_files_of(db, owner, children, &n);
	if (r == 0 && n == 0 && folder == 0)
		r = catalog_drop_buckets(db, owner);
	if (r == 0 && n == 0 && folder == 0)
		r = catalog_drop_events(db, owner);
	if (r == 0 && n == 0 && folder == 0)
		r = catalog_drop_locks(db, owner);
	if (r == 0 && n == 0)
		r = past_drop_below(db, owner, folder);
	if (r == 0 && n == 0)
		r = folder_gone(db, owner, folder);
	if (r == 0)
		r = drop_children(db, owner, folder, children, n, step);
	return r < 0 ? r : 1;
}

/* Of the file of most bytes. */
static int
reap_chunks(struct nx_db *db, uint64_t owner)
{
	sqlite3_stmt *stmt;
	int64_t file;
	int r = nx_db_query(db, &stmt,
	    "SELECT file FROM going_files WHERE owner = ? AND " NOBODY_READS
	    " ORDER BY size DESC LIMIT 1",
	    "u", owner);

	if (r <= 0)
		return r;
	file = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	r = drop_chunks(db, owner, file);
	if (r == 0)
		r = nx_db_exec(
		    db, "DELETE FROM going_files WHERE file = ?", "i", file);
	return r < 0 ? r : 1;
}

/* Chunks before folders: a user's row, which counts them, goes last. */
static int
write_reap(struct nx_db *db, void *arg)
{
	struct catalog_reap *op = arg;
	struct step step = {
	    .changes = sqlite3_total_changes(nx_db_handle(db)),
	    .began = nx_now_us(),
	};
	uint64_t owner;
	int r;

	op->began = step.began;
	do {
		r = catalog_next_owner(db, &op->turn, owner_upto, 0, &owner);
		if (r <= 0)
			break;
		r = reap_chunks(db, owner);
		if (r == 0)
			r = reap_folder(db, owner, &step);
	} while (r > 0 && !is_enough(db, &step));
	op->more = r > 0;
	return r < 0 ? r : 0;
}

int
catalog_left(struct catalog *c)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT EXISTS (SELECT 1 FROM going WHERE " MAY_GO ") OR"
	    " EXISTS (SELECT 1 FROM going_files WHERE " NOBODY_READS ")",
	    "");

	if (r <= 0)
		return r < 0 ? r : -EIO;
	r = sqlite3_column_int(stmt, 0);
	sqlite3_reset(stmt);
	return r;
}

static void
reap_done(int result, void *arg)
{
	struct catalog_reap *op = arg;

	op->done(result, op->arg);
}

void
catalog_reap(struct catalog *c, struct catalog_reap *op)
{
	nx_assert(op->done);
	nx_db_write_behind(c->db, write_reap, reap_done, op);
}

/* --- what waits -------------------------------------------------------------*/

static int
read_waiting(struct catalog *c, uint64_t user, uint64_t *ret_bytes)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT (SELECT ifnull(sum(size), 0) FROM (SELECT size FROM trash"
	    " WHERE owner = ?1 LIMIT ?2)) + (SELECT ifnull(sum(size), 0)"
	    " FROM going_files WHERE owner = ?1)"
	    " + (SELECT ifnull(sum(charged), 0) FROM (SELECT charged"
	    " FROM going WHERE owner = ?1 LIMIT ?2))",
	    "ui", user, (int64_t)WAITING_ROWS);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	*ret_bytes = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return 0;
}

int
catalog_waiting(struct catalog *c, uint64_t user, uint64_t *ret_bytes)
{
	struct catalog_known *k = catalog_known(c, user);
	int r = k->has_waiting ? 0 : read_waiting(c, user, &k->waiting);

	k->has_waiting = r == 0 && sqlite3_get_autocommit(nx_db_handle(c->db));
	if (r == 0)
		*ret_bytes = k->waiting;
	return r;
}
