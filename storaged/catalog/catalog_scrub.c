/*
 * How far looking at every replica has come: a row for the cycle, and columns of
 * each volume for the pass over it. Written behind others' writes: what a power
 * cut undoes is read once more.
 */
#include <errno.h>

#include "common/err.h"
#include "storaged/catalog/catalog_internal.h"

int
catalog_scrub(struct catalog *c, struct catalog_scrub *ret_scrub)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT cycle, began_at, ended_at, chunks, bytes, bad, missing"
	    " FROM scrub",
	    "");

	if (r <= 0)
		return r < 0 ? r : -EIO;
	*ret_scrub = (struct catalog_scrub){
	    .cycle = (uint64_t)sqlite3_column_int64(stmt, 0),
	    .began_at = (uint64_t)sqlite3_column_int64(stmt, 1),
	    .ended_at = (uint64_t)sqlite3_column_int64(stmt, 2),
	    .chunks = (uint64_t)sqlite3_column_int64(stmt, 3),
	    .bytes = (uint64_t)sqlite3_column_int64(stmt, 4),
	    .bad = (uint64_t)sqlite3_column_int64(stmt, 5),
	    .missing = (uint64_t)sqlite3_column_int64(stmt, 6),
	};
	sqlite3_reset(stmt);
	return 0;
}

int
catalog_scrub_pass(
    struct catalog *c, int64_t volume, struct catalog_scrub_pass *ret_pass)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT scrub_cycle, scrub_began, scrub_after, scrub_passed,"
	    " scrub_since FROM volumes WHERE volume = ?",
	    "i", volume);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_pass = (struct catalog_scrub_pass){
	    .volume = volume,
	    .cycle = (uint64_t)sqlite3_column_int64(stmt, 0),
	    .began_at = (uint64_t)sqlite3_column_int64(stmt, 1),
	    .after = sqlite3_column_int64(stmt, 2),
	    .passed = (uint64_t)sqlite3_column_int64(stmt, 3),
	    .since = (uint64_t)sqlite3_column_int64(stmt, 4),
	};
	sqlite3_reset(stmt);
	return 0;
}

static int
write_scrub(struct nx_db *db, void *arg)
{
	const struct catalog_scrub_save *op = arg;
	const struct catalog_scrub *s = &op->scrub;
	const struct catalog_scrub_pass *p = &op->pass;
	int r = nx_db_exec(db,
	    "UPDATE scrub SET cycle = ?, began_at = ?, ended_at = ?,"
	    " chunks = ?, bytes = ?, bad = ?, missing = ?",
	    "uuuuuuu", s->cycle, s->began_at, s->ended_at, s->chunks, s->bytes,
	    s->bad, s->missing);

	if (r < 0 || p->volume == 0)
		return r;
	return nx_db_exec(db,
	    "UPDATE volumes SET scrub_cycle = ?, scrub_began = ?,"
	    " scrub_after = ?, scrub_passed = ?, scrub_since = ?"
	    " WHERE volume = ?",
	    "uuiuui", p->cycle, p->began_at, p->after, p->passed, p->since,
	    p->volume);
}

static void
scrub_written(int result, void *arg)
{
	struct catalog_scrub_save *op = arg;

	op->done(result, op->arg);
}

void
catalog_scrub_save(struct catalog *c, struct catalog_scrub_save *op)
{
	nx_assert(op->done);
	nx_db_write_behind(c->db, write_scrub, scrub_written, op);
}

int
catalog_scrub_sums(struct catalog *c, struct catalog_scrub_sums *ret_sums)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT ifnull(sum(chunks), 0),"
	    " ifnull(min(iif(chunks > 0, scrub_since, NULL)), 0),"
	    " (SELECT count(*) FROM (SELECT DISTINCT file FROM damage"
	    " LIMIT ?2)) FROM volumes WHERE state = ?1",
	    "ii", (int64_t)CATALOG_VOLUME_READY, (int64_t)CATALOG_DAMAGED_MAX);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	*ret_sums = (struct catalog_scrub_sums){
	    .chunks = (uint64_t)sqlite3_column_int64(stmt, 0),
	    .since = (uint64_t)sqlite3_column_int64(stmt, 1),
	    .damaged_files = (uint64_t)sqlite3_column_int64(stmt, 2),
	};
	sqlite3_reset(stmt);
	return 0;
}
