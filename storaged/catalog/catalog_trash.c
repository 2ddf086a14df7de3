/*
 * Chunk files that nobody refers to any more, until they are unlinked.
 */
#include "common/err.h"
#include "storaged/catalog/catalog_internal.h"

int
catalog_trash(
    struct catalog *c, int64_t volume, struct chunk_id *ret_ids, size_t max)
{
	sqlite3_stmt *stmt;
	int n = 0;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT id FROM trash WHERE volume = ? LIMIT ?", "iu", volume,
	    (uint64_t)max);

	while (r > 0) {
		nx_db_text(stmt, 0, ret_ids[n].text, sizeof(ret_ids[n].text));
		n++;
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : n;
}

static int
write_trash_done(struct nx_db *db, void *arg)
{
	struct catalog_trash_done *op = arg;
	int r = 0;

	op->began = nx_now_us();
	for (size_t i = 0; i < op->n && r == 0; i++)
		r = nx_db_exec(db,
		    "DELETE FROM trash WHERE volume = ? AND id = ?", "is",
		    op->volume, op->ids[i].text);
	return r;
}

static void
trash_done(int result, void *arg)
{
	struct catalog_trash_done *op = arg;

	op->done(result, op->arg);
}

void
catalog_trash_done(struct catalog *c, struct catalog_trash_done *op)
{
	nx_assert(op->done);
	nx_db_write_behind(c->db, write_trash_done, trash_done, op);
}

int
catalog_knows(struct catalog *c, int64_t volume, const char *name)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT 1 FROM chunks c JOIN replicas r ON r.chunk = c.chunk"
	    " WHERE c.id = ?1 AND r.volume = ?2 UNION ALL"
	    " SELECT 1 FROM trash WHERE volume = ?2 AND id = ?1 LIMIT 1",
	    "si", name, volume);

	if (r > 0)
		sqlite3_reset(stmt);
	return r;
}
