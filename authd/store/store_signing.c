/* See signing.h. */
#include <errno.h>

#include "authd/store/signing.h"

int
auth_signing_list(
    struct nx_db *db, struct auth_signing_row ret_rows[AUTH_SIGNING_KEYS])
{
	sqlite3_stmt *s;
	int n = 0,
	    r = nx_db_query(db, &s,
		"SELECT kid, made_at, signs_at, drop_at FROM signing_keys"
		" ORDER BY number LIMIT ?",
		"i", (int64_t)AUTH_SIGNING_KEYS);

	for (; r == 1 && n < AUTH_SIGNING_KEYS; r = nx_db_next(s), n++) {
		struct auth_signing_row *row = &ret_rows[n];

		if (!nx_db_text(s, 0, row->kid, sizeof(row->kid))) {
			r = -EBADMSG;
			break;
		}
		row->made_at = sqlite3_column_int64(s, 1);
		row->signs_at = sqlite3_column_int64(s, 2);
		row->drop_at = sqlite3_column_int64(s, 3);
	}
	sqlite3_reset(s);
	return r < 0 ? r : n;
}

int
auth_signing_put(struct nx_db *db, const struct auth_signing_row *row)
{
	return nx_db_exec(db,
	    "INSERT INTO signing_keys (kid, made_at, signs_at, drop_at)"
	    " VALUES (?, ?, ?, ?)",
	    "siii", row->kid, row->made_at, row->signs_at, row->drop_at);
}

int
auth_signing_retire(struct nx_db *db, const char *but, int64_t drop_at)
{
	return nx_db_exec(db,
	    "UPDATE signing_keys SET drop_at = ? WHERE drop_at = 0"
	    " AND kid <> ?",
	    "is", drop_at, but);
}

int
auth_signing_set_begin(struct nx_db *db, const char *kid, int64_t signs_at)
{
	return nx_db_exec(db,
	    "UPDATE signing_keys SET signs_at = ? WHERE kid = ?", "is",
	    signs_at, kid);
}

int
auth_signing_delete(struct nx_db *db, const char *kid)
{
	return nx_db_exec(
	    db, "DELETE FROM signing_keys WHERE kid = ?", "s", kid);
}
