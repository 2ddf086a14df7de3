/*
 * Users in the database. A name and an address are one whatever the case of their
 * letters: the columns compare so.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "authd/store/store.h"

#define COLUMNS                                                       \
	"id, username, email, password, disabled, created_at, role, " \
	"factors, password_at, login_at, handle"

static int
read_user(sqlite3_stmt *s, struct auth_user *ret_user)
{
	struct auth_user u = {0};

	u.id = (uint64_t)sqlite3_column_int64(s, 0);
	u.disabled = sqlite3_column_int(s, 4) != 0;
	u.created_at = sqlite3_column_int64(s, 5);
	u.role = (enum auth_role)sqlite3_column_int(s, 6);
	u.factors = (uint32_t)sqlite3_column_int(s, 7);
	u.password_at = sqlite3_column_int64(s, 8);
	u.login_at = sqlite3_column_int64(s, 9);
	if (u.id == 0 || !nx_db_blob(s, 10, u.handle, sizeof(u.handle)) ||
	    !nx_db_text(s, 1, u.username, sizeof(u.username)) ||
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
	int r;

	randombytes_buf(user->handle, sizeof(user->handle));
	user->password_at = user->created_at;
	if (user->factors == 0)
		user->factors = AUTH_FACTOR_MAIL;
	r = nx_db_exec(db,
	    "INSERT INTO users (username, email, password, created_at, role,"
	    " factors, password_at, handle) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	    "sssiiuib", user->username, user->email, user->password,
	    user->created_at, (int64_t)user->role, (uint64_t)user->factors,
	    user->password_at, user->handle, sizeof(user->handle));

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
auth_user_set_role(struct nx_db *db, uint64_t id, enum auth_role role)
{
	return nx_db_exec(db, "UPDATE users SET role = ? WHERE id = ?", "iu",
	    (int64_t)role, id);
}

int
auth_user_set_password(
    struct nx_db *db, uint64_t id, const char *hash, int64_t now)
{
	return nx_db_exec(db,
	    "UPDATE users SET password = ?, password_at = ? WHERE id = ?",
	    "siu", hash, now, id);
}

int
auth_user_rehash(struct nx_db *db, uint64_t id, const char *hash)
{
	return nx_db_exec(
	    db, "UPDATE users SET password = ? WHERE id = ?", "su", hash, id);
}

int
auth_user_set_factors(struct nx_db *db, uint64_t id, uint32_t factors)
{
	return nx_db_exec(db, "UPDATE users SET factors = ? WHERE id = ?", "uu",
	    (uint64_t)factors, id);
}

int
auth_user_set_email(struct nx_db *db, uint64_t id, const char *email)
{
	return nx_db_exec(
	    db, "UPDATE users SET email = ? WHERE id = ?", "su", email, id);
}

int
auth_user_signed_in(struct nx_db *db, uint64_t id, int64_t now)
{
	return nx_db_exec(
	    db, "UPDATE users SET login_at = ? WHERE id = ?", "iu", now, id);
}

int
auth_user_admins(struct nx_db *db)
{
	sqlite3_stmt *s;
	int n,
	    r = nx_db_query(db, &s,
		"SELECT count(*) FROM users WHERE role = 1 AND disabled = 0",
		"");

	if (r <= 0)
		return r < 0 ? r : -EIO;
	n = sqlite3_column_int(s, 0);
	sqlite3_reset(s);
	return n;
}

/* Notices go on until they are confirmed, and the audit stays. */
const char *const auth_user_deletes[] = {
    "DELETE FROM codes WHERE user_id = ?",
    "DELETE FROM sessions WHERE user_id = ?",
    "DELETE FROM known WHERE user_id = ?",
    "DELETE FROM access_keys WHERE user_id = ?",
    "DELETE FROM totp WHERE user_id = ?",
    "DELETE FROM recovery WHERE user_id = ?",
    "DELETE FROM passkeys WHERE user_id = ?",
    "DELETE FROM users WHERE id = ?",
    NULL,
};

int
auth_user_delete(struct nx_db *db, uint64_t id)
{
	int r = 0;

	for (size_t i = 0; r == 0 && auth_user_deletes[i]; i++)
		r = nx_db_exec(db, auth_user_deletes[i], "u", id);
	return r;
}
