/*
 * The time that retention goes by: the highest this catalogue has ever seen. A
 * clock that is set back, by an error or on purpose, shortens nothing; one that
 * is set forward is believed.
 */
#include <errno.h>

#include "common/err.h"
#include "storaged/catalog/catalog_bucket_internal.h"

#define STEP_S 60U /* seconds that a crash may take back */

static int
highest(struct nx_db *db, uint64_t *ret_seen)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt, "SELECT seen FROM clock", "");

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	*ret_seen = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return 0;
}

int
catalog_tick(struct nx_db *db, uint64_t *ret_now)
{
	uint64_t now = catalog_now(), seen;
	int r = highest(db, &seen);

	if (r == 0 && now >= seen + STEP_S)
		r = nx_db_exec(db, "UPDATE clock SET seen = ?", "u", now);
	if (r == 0)
		*ret_now = now > seen ? now : seen;
	return r;
}

uint64_t
catalog_clock(struct catalog *c)
{
	uint64_t now = catalog_now(), seen;

	return highest(c->db, &seen) == 0 && seen > now ? seen : now;
}
