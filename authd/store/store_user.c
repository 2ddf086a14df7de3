/*
 * Users in the database. A name and an address are one whatever the case of their
 * letters: the columns compare so.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "authd/store/store.h"

#define COLUMNS "id, username, email, password, disabled, created_at"

static int
read_user(sqlite3_stmt *s, struct auth_user *ret_user)
{
	struct auth_user u = {0};

	u.id = (uint64_t)sqlite3_column_int64(s, 0);
	u.disabled = sqlite3_column_int(s, 4) != 0;
	u.created_at = sqlite3_column_int64(s, 5);
	if (u.id == 0 || !nx_db_text(s, 1, u.username, sizeof(u.username)) ||
	    !nx_db_text(s, 2, u.email, sizeof(u.email)) ||
	    !nx_db_text(s, 3, u.password, sizeof(u.password)))
		return -EBADMSG;
	*ret_user = u;
	return 0;
}

/* The one row of a query that has just been made. */
static int
read_one(int r, sqlite3_stmt *s, struct auth_user *ret_user)
{
	if (r <= 0)
		return r;
	r = read_user(s, ret_user);
	sqlite3_reset(s);
	return r < 0 ? r : 1;
}

int
auth_user_by_name(
    struct nx_db *db, const char *name, struct auth_user *ret_user)
{
	sqlite3_stmt *s;
	int r = nx_db_query(db, &s,
	    "SELECT " COLUMNS " FROM users WHERE username = ?", "s", name);

	return read_one(r, s, ret_user);
}

int
auth_user_by_email(
    struct nx_db *db, const char *email, struct auth_user *ret_user)
{
	sqlite3_stmt *s;
	int r = nx_db_query(db, &s,
	    "SELECT " COLUMNS " FROM users WHERE email = ?", "s", email);

	return read_one(r, s, ret_user);
}

int
auth_user_by_id(struct nx_db *db, uint64_t id, struct auth_user *ret_user)
{
	sqlite3_stmt *s;
	int r = nx_db_query(
	    db, &s, "SELECT " COLUMNS " FROM users WHERE id = ?", "u", id);

	return read_one(r, s, ret_user);
}

int
auth_user_list(
    struct nx_db *db, uint64_t after, struct auth_user *ret_users, size_t max)
{
	sqlite3_stmt *s;
	int r, n = 0;

	r = nx_db_query(db, &s,
	    "SELECT " COLUMNS " FROM users WHERE id > ? ORDER BY id LIMIT ?",
	    "uu", after, (uint64_t)max);
	while (r == 1 && (size_t)n < max) {
		r = read_user(s, &ret_users[n]);
		if (r < 0)
			break;
		n++;
		r = nx_db_next(s);
	}
	if (r < 0)
		return r;
	sqlite3_reset(s);
	return n;
}

int
auth_user_insert(struct nx_db *db, struct auth_user *user)
{
	int r = nx_db_exec(db,
	    "INSERT INTO users (username, email, password, created_at)"
	    " VALUES (?, ?, ?, ?)",
	    "sssi", user->username, user->email, user->password,
	    user->created_at);

	if (r == 0)
		user->id =
		    (uint64_t)sqlite3_last_insert_rowid(nx_db_handle(db));
	return r;
}

int
auth_user_set_disabled(struct nx_db *db, uint64_t id, bool disabled)
{
	return nx_db_exec(db, "UPDATE users SET disabled = ? WHERE id = ?",
	    "iu", (int64_t)disabled, id);
}

int
auth_user_delete(struct nx_db *db, uint64_t id)
{
	static const char *const statements[] = {
	    "DELETE FROM codes WHERE user_id = ?",
	    "DELETE FROM sessions WHERE user_id = ?",
	    "DELETE FROM known WHERE user_id = ?",
	    "DELETE FROM users WHERE id = ?",
	};
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < sizeof(statements) / sizeof(*statements); i++)
		r = nx_db_exec(db, statements[i], "u", id);
	return r;
}
