/* See refresh.h. */
#include "authd/store/refresh.h"

#define ID "bb"
#define ARGS(id) \
	(id)->session, sizeof((id)->session), (id)->nonce, sizeof((id)->nonce)

/* Used ones first, then the oldest, but for so many that one more has room. */
static int
make_room(struct nx_db *db, const struct auth_refresh_id *id)
{
	return nx_db_exec(db,
	    "DELETE FROM refresh WHERE session = ?1 AND nonce IN"
	    " (SELECT nonce FROM refresh WHERE session = ?1"
	    " ORDER BY used_us > 0, made_us DESC LIMIT -1 OFFSET ?2)",
	    "bi", id->session, sizeof(id->session),
	    (int64_t)(AUTH_REFRESH_ROWS - 1));
}

int
auth_refresh_put(
    struct nx_db *db, const struct auth_refresh_id *id, uint64_t now_us)
{
	int r = make_room(db, id);

	return r < 0 ? r
		     : nx_db_exec(db,
			   "INSERT INTO refresh (session, nonce, made_us)"
			   " VALUES (?, ?, ?)",
			   ID "u", ARGS(id), now_us);
}

/* A clock that went back makes the time since no shorter. */
static bool
is_within(uint64_t used_us, uint64_t now_us, uint64_t window_us)
{
	return (used_us > now_us ? used_us - now_us : now_us - used_us) <=
	    window_us;
}

int
auth_refresh_use(struct nx_db *db, const struct auth_refresh_id *id,
    uint64_t now_us, uint64_t window_us)
{
	sqlite3_stmt *s;
	uint64_t used;
	int r = nx_db_query(db, &s,
	    "SELECT used_us FROM refresh WHERE session = ? AND nonce = ?", ID,
	    ARGS(id));

	if (r <= 0)
		return r;
	used = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	if (used != 0)
		return is_within(used, now_us, window_us);
	r = nx_db_exec(db,
	    "UPDATE refresh SET used_us = ? WHERE session = ? AND nonce = ?",
	    "u" ID, now_us, ARGS(id));
	return r < 0 ? r : 1;
}

int
auth_refresh_purge(struct nx_db *db, uint64_t now_us)
{
	const uint64_t life = AUTH_REFRESH_WINDOW_MAX * 1000000ULL;

	return now_us < life
	    ? 0
	    : nx_db_exec(db,
		  "DELETE FROM refresh WHERE used_us > 0 AND used_us < ?", "u",
		  now_us - life);
}
