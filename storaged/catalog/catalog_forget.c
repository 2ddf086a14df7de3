/*
 * Forgetting a volume, however much is on it: first a look whether anything
 * would be lost that may not, which changes nothing, then replica by replica, a
 * bounded number in one write. Other writes go between the steps; each step
 * decides anew for what it takes, and the volume is marked when nothing refers
 * to it any more. Steps are not synced: the mark is, and what was before it.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/err.h"
#include "storaged/catalog/catalog_internal.h"
#include "storaged/catalog/catalog_lock.h"

#define STEP_ROWS 64 /* replicas; each is some four changes */

struct row {
	int64_t chunk;
	int64_t file;     /* its content; 0: deleted, its chunks wait */
	int64_t replicas; /* the fewest of the file */
	int64_t
	    others; /* replicas of the chunk on other volumes; of a part of a
			   * stripe, as many as it then has */
};

static int
by_key(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* 0; CATALOG_WOULD_LOSE; CATALOG_KEPT, whatever anybody said; -errno. */
static int
check_loss(struct nx_db *db, struct catalog_forget *op, int64_t file)
{
	int r;

	if (op->n_losable == 0 ||
	    !bsearch(&file, op->losable, op->n_losable, sizeof(file), by_key))
		return CATALOG_WOULD_LOSE;
	r = catalog_content_kept(db, file, &op->kept);
	return r > 0 ? CATALOG_KEPT : r;
}

/* What has a chunk nowhere already is not lost once more. */
static bool
is_loss(const struct row *row)
{
	return row->file != 0 && row->others == 0 && row->replicas > 0;
}

/* Up to STEP_ROWS replicas of the volume after @after. Number or -errno. */
static int
read_rows(struct nx_db *db, int64_t volume, int64_t after, struct row *ret_rows)
{
	sqlite3_stmt *stmt;
	int n = 0;
	int r = nx_db_query(db, &stmt,
	    "SELECT r.chunk, iif(f.replicas IS NULL, 0, c.file),"
	    " ifnull(f.replicas, 0), iif(ifnull(c.code, 0) = 0,"
	    " (SELECT count(*) FROM replicas o"
	    " WHERE o.chunk = r.chunk AND o.volume <> ?1), max(0,"
	    " " CHUNK_REPLICAS(
		"c") " - NOT EXISTS (SELECT 1 FROM replicas o"
		     " WHERE o.chunk = r.chunk AND o.volume <> ?1)))"
		     " FROM (SELECT chunk FROM replicas"
		     " WHERE volume = ?1 AND chunk > ?2 ORDER BY chunk LIMIT "
		     "?3) r"
		     " LEFT JOIN chunks c ON c.chunk = r.chunk"
		     " LEFT JOIN files f ON f.file = ifnull((SELECT a.file "
		     "FROM files a"
		     " WHERE a.file = c.file), (SELECT min(a.file) FROM files a"
		     " WHERE a.content = c.file AND a.content <> 0))"
		     " ORDER BY r.chunk",
	    "iii", volume, after, (int64_t)STEP_ROWS);

	while (r > 0) {
		nx_assert(n < STEP_ROWS);
		ret_rows[n++] = (struct row){
		    .chunk = sqlite3_column_int64(stmt, 0),
		    .file = sqlite3_column_int64(stmt, 1),
		    .replicas = sqlite3_column_int64(stmt, 2),
		    .others = sqlite3_column_int64(stmt, 3),
		};
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

static int
check_losses(
    struct nx_db *db, struct catalog_forget *op, const struct row *rows, int n)
{
	int r = 0;

	for (int i = 0; i < n && r == 0; i++)
		if (is_loss(&rows[i]))
			r = check_loss(db, op, rows[i].file);
	return r;
}

/* --- looking ----------------------------------------------------------------*/

static int
look(struct nx_db *db, void *arg)
{
	struct catalog_forget *op = arg;
	struct row rows[STEP_ROWS];
	int n = read_rows(db, op->volume, op->after, rows);
	int r = n < 0 ? n : check_losses(db, op, rows, n);

	if (r != 0)
		return r;
	if (n > 0)
		op->looked = rows[n - 1].chunk;
	op->more = n == STEP_ROWS;
	return 0;
}

/* --- forgetting -------------------------------------------------------------*/

/* Rows are as they were read: of one file only the first chunk that is nowhere
 * makes a loss. */
static int
forget_row(struct nx_db *db, struct catalog_forget *op, const struct row *row)
{
	int r = 0;

	if (row->others == 0)
		r = catalog_lose_chunk(db, row->chunk);
	if (r == 0 && row->file != 0)
		r = nx_db_exec(db,
		    "UPDATE files SET replicas = ?1 WHERE"
		    " " HAS_CONTENT("files", "?2") " AND replicas > ?1",
		    "ii", row->others, row->file);
	if (r == 0 && is_loss(row))
		op->step_lost += (uint64_t)sqlite3_changes(nx_db_handle(db));
	if (r == 0)
		r = nx_db_exec(db,
		    "DELETE FROM replicas WHERE chunk = ? AND volume = ?", "ii",
		    row->chunk, op->volume);
	return r;
}

/* *ret_n: how many rows went. */
static int
forget_trash(struct nx_db *db, int64_t volume, int *ret_n)
{
	int r = nx_db_exec(db,
	    "DELETE FROM trash WHERE volume = ?1 AND id IN"
	    " (SELECT id FROM trash WHERE volume = ?1 LIMIT ?2)",
	    "ii", volume, (int64_t)STEP_ROWS);

	*ret_n = sqlite3_changes(nx_db_handle(db));
	return r;
}

static int
forget_segments(struct nx_db *db, int64_t volume, int *ret_n)
{
	int r = nx_db_exec(db,
	    "DELETE FROM segments WHERE volume = ?1 AND segment IN"
	    " (SELECT segment FROM segments WHERE volume = ?1 LIMIT ?2)",
	    "ii", volume, (int64_t)STEP_ROWS);

	*ret_n = sqlite3_changes(nx_db_handle(db));
	return r;
}

static int
forget(struct nx_db *db, void *arg)
{
	struct catalog_forget *op = arg;
	struct row rows[STEP_ROWS];
	int n = read_rows(db, op->volume, 0, rows);
	int r = n < 0 ? n : check_losses(db, op, rows, n);

	op->step_lost = 0;
	if (r != 0)
		return r;
	for (int i = 0; i < n && r == 0; i++)
		r = forget_row(db, op, &rows[i]);
	if (n == 0)
		r = forget_trash(db, op->volume, &n);
	if (n == 0 && r == 0)
		r = forget_segments(db, op->volume, &n);
	op->more = n > 0;
	return r;
}

/* --- the mark ---------------------------------------------------------------*/

/* An upload that was nearly done may have been committed since the last step:
 * then there is one more. */
static int
mark(struct nx_db *db, void *arg)
{
	struct catalog_forget *op = arg;
	int r = nx_db_exec(db,
	    "UPDATE volumes SET state = ?2, active = 0 WHERE volume = ?1"
	    " AND NOT EXISTS (SELECT 1 FROM replicas WHERE volume = ?1)"
	    " AND NOT EXISTS (SELECT 1 FROM trash WHERE volume = ?1)"
	    " AND NOT EXISTS (SELECT 1 FROM segments WHERE volume = ?1)",
	    "ii", op->volume, (int64_t)CATALOG_VOLUME_GOING);

	op->more = sqlite3_changes(nx_db_handle(db)) == 0;
	return r;
}

static void marked(int result, void *arg);

static void
stepped(int result, void *arg)
{
	struct catalog_forget *op = arg;

	if (result == 0)
		op->lost += op->step_lost;
	if (result != 0)
		op->done(result, op->arg);
	else if (op->more)
		nx_db_write_behind(op->catalog->db, forget, stepped, op);
	else
		nx_db_write(op->catalog->db, mark, marked, op);
}

static void
marked(int result, void *arg)
{
	struct catalog_forget *op = arg;

	op->step_lost = 0;
	if (result == 0 && op->more)
		stepped(0, op);
	else
		op->done(result, op->arg);
}

static void
looked(int result, void *arg)
{
	struct catalog_forget *op = arg;

	/* Not in the step itself, which may have been made more than once. */
	op->after = op->looked;
	if (result != 0)
		op->done(result, op->arg);
	else
		nx_db_write_behind(op->catalog->db, op->more ? look : forget,
		    op->more ? looked : stepped, op);
}

void
catalog_volume_forget(struct catalog *c, struct catalog_forget *op)
{
	nx_assert(op->done && op->volume != 0);
	op->catalog = c;
	op->after = op->looked = 0;
	op->lost = op->step_lost = 0;
	nx_db_write_behind(c->db, look, looked, op);
}
