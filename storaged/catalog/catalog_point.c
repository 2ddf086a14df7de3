/* Where the catalogue is, for those who keep copies of it. */
#include <errno.h>
#include <string.h>

#include "storaged/catalog/catalog_internal.h"

const char catalog_schema_point[] =
    "CREATE TABLE point("
    " one INTEGER PRIMARY KEY CHECK(one = 1),"
    " id BLOB NOT NULL,"
    " seq INTEGER NOT NULL,"
    " link INTEGER NOT NULL) STRICT;"
    "INSERT INTO point VALUES(1, randomblob(16), 0, 0);";

int
catalog_point(struct catalog *c, struct catalog_point *ret_point)
{
	struct catalog_point p = {.schema = (uint32_t)catalog_schema_steps};
	sqlite3_stmt *stmt;
	int r =
	    nx_db_query(c->db, &stmt, "SELECT id, seq, link FROM point", "");

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	r = nx_db_blob(stmt, 0, p.id, sizeof(p.id)) ? 0 : -EBADMSG;
	p.seq = (uint64_t)sqlite3_column_int64(stmt, 1);
	p.link = (uint32_t)sqlite3_column_int64(stmt, 2);
	sqlite3_reset(stmt);
	if (r == 0)
		*ret_point = p;
	return r;
}

int
catalog_point_move(struct nx_db *db, uint64_t seq, uint32_t link)
{
	return nx_db_exec(db, "UPDATE point SET seq = ?, link = ?", "uu", seq,
	    (uint64_t)link);
}

/* Microseconds: there are never as many commits. */
int
catalog_point_part(struct nx_db *db)
{
	return nx_db_exec(db,
	    "UPDATE point SET id = randomblob(16), seq = max(seq + ?, ?)", "uu",
	    UINT64_C(1000000000), catalog_now() * 1000000);
}

int
catalog_volumes_known(struct catalog *c, uint64_t *ret_n)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt, "SELECT count(*) FROM volumes", "");

	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	*ret_n = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return 0;
}
