/*
 * Files that somebody reads right now. Deleting one takes it from sight at
 * once; its chunks wait until the last pin is gone. Pins are in memory: after a
 * restart nobody reads, and what waited goes.
 */
#include "common/err.h"
#include "storaged/catalog/catalog_internal.h"

int
catalog_pin(struct catalog *c, int64_t file)
{
	return nx_db_exec(c->db,
	    "INSERT INTO pins(file, n) VALUES(?, 1)"
	    " ON CONFLICT(file) DO UPDATE SET n = n + 1",
	    "i", file);
}

int
catalog_unpin(struct catalog *c, int64_t file)
{
	int r = nx_db_exec(
	    c->db, "DELETE FROM pins WHERE file = ? AND n = 1", "i", file);

	if (r < 0 || sqlite3_changes(nx_db_handle(c->db)) > 0)
		return r < 0 ? r : 1;
	return nx_db_exec(
	    c->db, "UPDATE pins SET n = n - 1 WHERE file = ?", "i", file);
}

int
catalog_is_pinned(struct nx_db *db, int64_t file)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(
	    db, &stmt, "SELECT 1 FROM pins WHERE file = ?", "i", file);

	if (r > 0)
		sqlite3_reset(stmt);
	return r;
}
