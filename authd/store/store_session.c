/*
 * Sessions, known clients and notices in the database.
 */
#include <errno.h>
#include <string.h>

#include "authd/store/store.h"

#define KNOWN_DAYS 90
#define DAY        86400

/* Those unused longest, but for so many that one more has room. */
static int
make_room(struct nx_db *db, uint64_t user_id)
{
	return nx_db_exec(db,
	    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions"
	    " WHERE user_id = ? ORDER BY seen_at DESC, created_at DESC,"
	    " rowid DESC LIMIT -1 OFFSET ?)",
	    "ui", user_id, (int64_t)(AUTH_SESSIONS_LIVE - 1));
}

int
auth_session_insert(struct nx_db *db, const struct auth_session *s)
{
	int r = make_room(db, s->user_id);

	return r < 0
	    ? r
	    : nx_db_exec(db,
		  "INSERT INTO sessions (id, user_id, created_at,"
		  " expires_at, auth_at, factors, seen_at, name,"
		  " agent, address)"
		  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		  "buiiiuisss", s->id, sizeof(s->id), s->user_id, s->created_at,
		  s->expires_at, s->auth_at, (uint64_t)s->factors, s->seen_at,
		  s->name, s->agent, s->address);
}

#define COLUMNS                                                  \
	"id, user_id, created_at, expires_at, auth_at, factors," \
	" seen_at, name, agent, address"

static int
read_session(sqlite3_stmt *s, struct auth_session *ret_session)
{
	struct auth_session e = {0};

	e.user_id = (uint64_t)sqlite3_column_int64(s, 1);
	e.created_at = sqlite3_column_int64(s, 2);
	e.expires_at = sqlite3_column_int64(s, 3);
	e.auth_at = sqlite3_column_int64(s, 4);
	e.factors = (uint32_t)sqlite3_column_int(s, 5);
	e.seen_at = sqlite3_column_int64(s, 6);
	if (!nx_db_blob(s, 0, e.id, sizeof(e.id)) ||
	    !nx_db_text(s, 7, e.name, sizeof(e.name)) ||
	    !nx_db_text(s, 8, e.agent, sizeof(e.agent)) ||
	    !nx_db_text(s, 9, e.address, sizeof(e.address)))
		return -EBADMSG;
	*ret_session = e;
	return 0;
}

int
auth_session_find(struct nx_db *db, const uint8_t id[NX_SESSION_LEN],
    int64_t now, struct auth_user *ret_user, struct auth_session *ret_session)
{
	struct auth_session session;
	struct auth_user user;
	sqlite3_stmt *s;
	int r;

	r = nx_db_query(db, &s,
	    "SELECT " COLUMNS " FROM sessions WHERE id = ? AND expires_at > ?",
	    "bi", id, (size_t)NX_SESSION_LEN, now);
	if (r <= 0)
		return r;
	r = read_session(s, &session);
	sqlite3_reset(s);
	if (r < 0)
		return r;
	r = auth_user_by_id(db, session.user_id, &user);
	if (r <= 0)
		return r;
	if (user.disabled)
		return 0;
	*ret_user = user;
	*ret_session = session;
	return 1;
}

int
auth_session_check(struct nx_db *db, const uint8_t id[NX_SESSION_LEN],
    uint64_t user_id, int64_t now, struct auth_user *ret_user,
    struct auth_session *ret_session)
{
	struct auth_session session;
	struct auth_user user;
	int r = auth_session_find(db, id, now, &user, &session);

	if (r <= 0)
		return r;
	if (user.id != user_id)
		return 0;
	*ret_user = user;
	if (ret_session)
		*ret_session = session;
	return 1;
}

int
auth_session_rows(struct nx_db *db, uint64_t user_id, int64_t now,
    uint64_t after, struct auth_session *ret_sessions, size_t max)
{
	sqlite3_stmt *s;
	int r, n = 0;

	r = nx_db_query(db, &s,
	    "SELECT " COLUMNS " FROM sessions WHERE user_id = ?"
	    " AND expires_at > ? ORDER BY created_at DESC, id LIMIT ? OFFSET ?",
	    "uiuu", user_id, now, (uint64_t)max, after & INT64_MAX);
	while (r == 1 && (size_t)n < max) {
		r = read_session(s, &ret_sessions[n]);
		if (r < 0)
			break;
		n++;
		r = nx_db_next(s);
	}
	sqlite3_reset(s);
	return r < 0 ? r : n;
}

int
auth_session_rename(struct nx_db *db, const uint8_t id[NX_SESSION_LEN],
    uint64_t user_id, const char *name)
{
	int r = nx_db_exec(db,
	    "UPDATE sessions SET name = ? WHERE id = ? AND user_id = ?", "sbu",
	    name, id, (size_t)NX_SESSION_LEN, user_id);

	return r < 0 ? r : sqlite3_changes(nx_db_handle(db)) > 0;
}

int
auth_session_seen(struct nx_db *db, const uint8_t id[NX_SESSION_LEN],
    const char *address, int64_t now)
{
	return nx_db_exec(db,
	    "UPDATE sessions SET seen_at = ?, address = ? WHERE id = ?", "isb",
	    now, address, id, (size_t)NX_SESSION_LEN);
}

int
auth_session_again(struct nx_db *db, const uint8_t id[NX_SESSION_LEN],
    uint32_t factors, int64_t now)
{
	return nx_db_exec(db,
	    "UPDATE sessions SET auth_at = ?, factors = ? WHERE id = ?", "iub",
	    now, (uint64_t)factors, id, (size_t)NX_SESSION_LEN);
}

int
auth_session_delete(
    struct nx_db *db, const uint8_t id[NX_SESSION_LEN], uint64_t user_id)
{
	int r =
	    nx_db_exec(db, "DELETE FROM sessions WHERE id = ? AND user_id = ?",
		"bu", id, (size_t)NX_SESSION_LEN, user_id);

	return r < 0 ? r : sqlite3_changes(nx_db_handle(db)) > 0;
}

int
auth_session_list(struct nx_db *db, uint64_t user_id,
    uint8_t (*ret_ids)[NX_SESSION_LEN], size_t max)
{
	sqlite3_stmt *s;
	int r, n = 0;

	r = nx_db_query(db, &s,
	    "SELECT id FROM sessions WHERE user_id = ? LIMIT ?", "uu", user_id,
	    (uint64_t)max);
	while (r == 1 && (size_t)n < max) {
		if (!nx_db_blob(s, 0, ret_ids[n++], NX_SESSION_LEN)) {
			sqlite3_reset(s);
			return -EBADMSG;
		}
		r = nx_db_next(s);
	}
	if (r < 0)
		return r;
	sqlite3_reset(s);
	return n;
}

int
auth_known_put(struct nx_db *db, uint64_t user_id,
    const uint8_t client[AUTH_CLIENT_HASH_LEN], int64_t now)
{
	return nx_db_exec(db,
	    "INSERT INTO known (user_id, client, seen_at) VALUES (?, ?, ?)"
	    " ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at",
	    "ubi", user_id, client, (size_t)AUTH_CLIENT_HASH_LEN, now);
}

int
auth_known_has(struct nx_db *db, uint64_t user_id,
    const uint8_t client[AUTH_CLIENT_HASH_LEN])
{
	sqlite3_stmt *s;
	int r = nx_db_query(db, &s,
	    "SELECT 1 FROM known WHERE user_id = ? AND client = ?", "ub",
	    user_id, client, (size_t)AUTH_CLIENT_HASH_LEN);

	if (r == 1)
		sqlite3_reset(s);
	return r;
}

int
auth_notice_put(struct nx_db *db, enum auth_notice_kind kind, uint64_t user_id,
    const uint8_t *session, int64_t now, int64_t *ret_id)
{
	static const enum nx_role roles[] = {NX_ROLE_STORAGE, NX_ROLE_NODE};
	size_t i;
	int r;

	for (i = 0; i < 2; i++) {
		r = nx_db_exec(db,
		    "INSERT INTO notices (role, kind, user_id, session,"
		    " created_at) VALUES (?, ?, ?, ?, ?)",
		    "iiubi", (int64_t)roles[i], (int64_t)kind, user_id, session,
		    (size_t)(session ? NX_SESSION_LEN : 0), now);
		if (r < 0)
			return r;
	}
	*ret_id = sqlite3_last_insert_rowid(nx_db_handle(db));
	return 0;
}

int
auth_notice_next(struct nx_db *db, enum nx_role role,
    enum auth_notice_kind kind, struct auth_notice *ret_notice)
{
	struct auth_notice n = {.role = role, .kind = kind};
	sqlite3_stmt *s;
	int r;

	r = nx_db_query(db, &s,
	    "SELECT id, user_id, session, created_at FROM notices"
	    " WHERE role = ? AND kind = ? ORDER BY id LIMIT 1",
	    "ii", (int64_t)role, (int64_t)kind);
	if (r <= 0)
		return r;
	n.id = sqlite3_column_int64(s, 0);
	n.user_id = (uint64_t)sqlite3_column_int64(s, 1);
	n.has_session = nx_db_blob(s, 2, n.session, NX_SESSION_LEN);
	n.created_at = sqlite3_column_int64(s, 3);
	sqlite3_reset(s);
	*ret_notice = n;
	return 1;
}

int
auth_notice_delete(struct nx_db *db, int64_t id)
{
	return nx_db_exec(db, "DELETE FROM notices WHERE id = ?", "i", id);
}

static int
count(struct nx_db *db, const char *sql, const char *types, int64_t a,
    int64_t b, int64_t *ret_count)
{
	sqlite3_stmt *s;
	int r = nx_db_query(db, &s, sql, types, a, b);

	if (r < 0)
		return r;
	*ret_count = r == 1 ? sqlite3_column_int64(s, 0) : 0;
	if (r == 1)
		sqlite3_reset(s);
	return 0;
}

int
auth_notice_pending(struct nx_db *db, enum nx_role role, int64_t id)
{
	int64_t n;
	int r = count(db,
	    "SELECT count(*) FROM notices"
	    " WHERE role = ? AND kind = 0 AND id <= ?",
	    "ii", (int64_t)role, id, &n);

	return r < 0 ? r : (int)(n > INT32_MAX ? INT32_MAX : n);
}

int
auth_store_purge(struct nx_db *db, int64_t now)
{
	int r;

	r = nx_db_exec(db, "DELETE FROM codes WHERE expires_at <= ?", "i", now);
	if (r == 0)
		r = nx_db_exec(
		    db, "DELETE FROM sessions WHERE expires_at <= ?", "i", now);
	if (r == 0)
		r = nx_db_exec(db, "DELETE FROM known WHERE seen_at < ?", "i",
		    now - (int64_t)KNOWN_DAYS * DAY);
	if (r == 0)
		r = auth_refresh_purge(db, (uint64_t)now * 1000000);
	/* No ticket lives longer than a minute. */
	if (r == 0)
		r = nx_db_exec(db,
		    "DELETE FROM notices WHERE kind = 0 AND created_at < ?",
		    "i", now - 120);
	return r;
}

int
auth_store_count(
    struct nx_db *db, int64_t now, uint64_t *ret_users, uint64_t *ret_sessions)
{
	int64_t users, sessions;
	int r;

	r = count(db, "SELECT count(*) FROM users", "", 0, 0, &users);
	if (r == 0)
		r = count(db,
		    "SELECT count(*) FROM sessions WHERE expires_at > ?", "i",
		    now, 0, &sessions);
	if (r == 0) {
		*ret_users = (uint64_t)users;
		*ret_sessions = (uint64_t)sessions;
	}
	return r;
}

int
auth_store_newest(struct nx_db *db, int64_t *ret_time)
{
	return count(db,
	    "SELECT max(ifnull((SELECT max(created_at) FROM users), 0),"
	    " ifnull((SELECT max(created_at) FROM sessions), 0))",
	    "", 0, 0, ret_time);
}
