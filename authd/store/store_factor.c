/* See factor.h. */
#include <errno.h>

#include "authd/store/store.h"

int
auth_totp_get(struct nx_db *db, uint64_t user_id, struct auth_totp *ret)
{
	struct auth_totp t = {0};
	sqlite3_stmt *s;
	int r = nx_db_query(db, &s,
	    "SELECT sealed, confirmed_at, step, wrong, wrong_since, created_at"
	    " FROM totp WHERE user_id = ?",
	    "u", user_id);

	if (r <= 0)
		return r;
	r = nx_db_blob(s, 0, t.sealed, sizeof(t.sealed)) ? 1 : -EBADMSG;
	t.confirmed_at = sqlite3_column_int64(s, 1);
	t.step = sqlite3_column_int64(s, 2);
	t.wrong = sqlite3_column_int64(s, 3);
	t.wrong_since = sqlite3_column_int64(s, 4);
	t.created_at = sqlite3_column_int64(s, 5);
	sqlite3_reset(s);
	if (r == 1)
		*ret = t;
	return r;
}

int
auth_totp_put(struct nx_db *db, uint64_t user_id, const struct auth_totp *t)
{
	return nx_db_exec(db,
	    "INSERT OR REPLACE INTO totp (user_id, sealed, confirmed_at, step,"
	    " wrong, wrong_since, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
	    "ubiiiii", user_id, t->sealed, sizeof(t->sealed), t->confirmed_at,
	    t->step, t->wrong, t->wrong_since, t->created_at);
}

int
auth_totp_delete(struct nx_db *db, uint64_t user_id)
{
	return nx_db_exec(
	    db, "DELETE FROM totp WHERE user_id = ?", "u", user_id);
}

int
auth_recovery_put(struct nx_db *db, uint64_t user_id,
    uint8_t (*hashes)[AUTH_SECRET_HASH_LEN], size_t n)
{
	int r = nx_db_exec(
	    db, "DELETE FROM recovery WHERE user_id = ?", "u", user_id);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = nx_db_exec(db,
		    "INSERT INTO recovery (user_id, hash) VALUES (?, ?)", "ub",
		    user_id, hashes[i], sizeof(hashes[i]));
	return r;
}

int
auth_recovery_use(struct nx_db *db, uint64_t user_id,
    const uint8_t hash[AUTH_SECRET_HASH_LEN])
{
	int r = nx_db_exec(db,
	    "DELETE FROM recovery WHERE user_id = ? AND hash = ?", "ub",
	    user_id, hash, (size_t)AUTH_SECRET_HASH_LEN);

	return r < 0 ? r : sqlite3_changes(nx_db_handle(db)) > 0;
}

int
auth_recovery_count(struct nx_db *db, uint64_t user_id)
{
	sqlite3_stmt *s;
	int n,
	    r = nx_db_query(db, &s,
		"SELECT count(*) FROM recovery WHERE user_id = ?", "u",
		user_id);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	n = sqlite3_column_int(s, 0);
	sqlite3_reset(s);
	return n;
}
