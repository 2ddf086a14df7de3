/* See key.h. */
#include <errno.h>
#include <string.h>

#include "authd/store/store.h"

#define COLUMNS                                                       \
	"id, user_id, name, kind, secret, rights, place, created_at," \
	" expires_at, used_at, used_from"

static int
read_key(sqlite3_stmt *s, struct auth_key *ret_key)
{
	struct auth_key k = {0};

	k.user_id = (uint64_t)sqlite3_column_int64(s, 1);
	k.kind = (enum auth_key_kind)sqlite3_column_int(s, 3);
	k.kept_len = (size_t)sqlite3_column_bytes(s, 4);
	k.rights = (uint32_t)sqlite3_column_int64(s, 5);
	k.created_at = sqlite3_column_int64(s, 7);
	k.expires_at = sqlite3_column_int64(s, 8);
	k.used_at = sqlite3_column_int64(s, 9);
	if (k.kept_len > sizeof(k.kept) ||
	    !nx_db_blob(s, 4, k.kept, k.kept_len) ||
	    !nx_db_text(s, 0, k.id, sizeof(k.id)) ||
	    !nx_db_text(s, 2, k.name, sizeof(k.name)) ||
	    !nx_db_text(s, 6, k.place, sizeof(k.place)) ||
	    !nx_db_text(s, 10, k.used_from, sizeof(k.used_from)))
		return -EBADMSG;
	*ret_key = k;
	return 0;
}

static int
read_one(int r, sqlite3_stmt *s, struct auth_key *ret_key)
{
	if (r <= 0)
		return r;
	r = read_key(s, ret_key);
	sqlite3_reset(s);
	return r < 0 ? r : 1;
}

int
auth_key_insert(struct nx_db *db, const struct auth_key *k)
{
	return nx_db_exec(db,
	    "INSERT INTO access_keys (id, user_id, name, kind, secret, rights,"
	    " place, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, "
	    "?)",
	    "susibusii", k->id, k->user_id, k->name, (int64_t)k->kind, k->kept,
	    k->kept_len, (uint64_t)k->rights, k->place, k->created_at,
	    k->expires_at);
}

int
auth_key_find(struct nx_db *db, const char *id, struct auth_key *ret_key)
{
	sqlite3_stmt *s;
	int r = nx_db_query(db, &s,
	    "SELECT " COLUMNS " FROM access_keys WHERE id = ?", "s", id);

	return read_one(r, s, ret_key);
}

int
auth_key_of(struct nx_db *db, uint64_t user_id, const char *text,
    struct auth_key *ret_key)
{
	sqlite3_stmt *s;
	int r = nx_db_query(db, &s,
	    "SELECT " COLUMNS " FROM access_keys"
	    " WHERE user_id = ? AND (id = ? OR name = ?)"
	    " ORDER BY id <> ? LIMIT 1",
	    "usss", user_id, text, text, text);

	return read_one(r, s, ret_key);
}

int
auth_key_list(struct nx_db *db, uint64_t user_id, const char *after,
    struct auth_key *ret_keys, size_t max)
{
	sqlite3_stmt *s;
	int r, n = 0;

	r = nx_db_query(db, &s,
	    "SELECT " COLUMNS " FROM access_keys"
	    " WHERE user_id = ? AND name > ? ORDER BY name LIMIT ?",
	    "usu", user_id, after, (uint64_t)max);
	while (r == 1 && (size_t)n < max) {
		r = read_key(s, &ret_keys[n]);
		if (r < 0)
			break;
		n++;
		r = nx_db_next(s);
	}
	sqlite3_reset(s);
	return r < 0 ? r : n;
}

int
auth_key_count(struct nx_db *db, uint64_t user_id)
{
	sqlite3_stmt *s;
	int n,
	    r = nx_db_query(db, &s,
		"SELECT count(*) FROM access_keys WHERE user_id = ?", "u",
		user_id);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	n = sqlite3_column_int(s, 0);
	sqlite3_reset(s);
	return n;
}

int
auth_key_delete(struct nx_db *db, const char *id)
{
	return nx_db_exec(db, "DELETE FROM access_keys WHERE id = ?", "s", id);
}

int
auth_key_used(struct nx_db *db, const char *id, const char *from, int64_t now)
{
	return nx_db_exec(db,
	    "UPDATE access_keys SET used_at = ?, used_from = ? WHERE id = ?",
	    "iss", now, from, id);
}
