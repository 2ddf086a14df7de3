/* See passkey.h. */
#include <errno.h>
#include <sodium.h>

#include "authd/store/store.h"

#define COLUMNS                                                       \
	"id, mark, user_id, name, alg, public, count, flags, aaguid," \
	" created_at, used_at"

static int
read_passkey(sqlite3_stmt *s, struct auth_passkey *ret)
{
	struct auth_passkey p = {0};

	p.key.id_len = (size_t)sqlite3_column_bytes(s, 0);
	p.user_id = (uint64_t)sqlite3_column_int64(s, 2);
	p.key.alg = sqlite3_column_int(s, 4);
	p.key.len = (size_t)sqlite3_column_bytes(s, 5);
	p.key.count = (uint32_t)sqlite3_column_int64(s, 6);
	p.key.flags = (uint8_t)sqlite3_column_int(s, 7);
	p.created_at = sqlite3_column_int64(s, 9);
	p.used_at = sqlite3_column_int64(s, 10);
	if (p.key.id_len > sizeof(p.key.id) ||
	    p.key.len > sizeof(p.key.public) ||
	    !nx_db_blob(s, 0, p.key.id, p.key.id_len) ||
	    !nx_db_text(s, 1, p.mark, sizeof(p.mark)) ||
	    !nx_db_text(s, 3, p.name, sizeof(p.name)) ||
	    !nx_db_blob(s, 5, p.key.public, p.key.len) ||
	    !nx_db_blob(s, 8, p.key.aaguid, sizeof(p.key.aaguid)))
		return -EBADMSG;
	*ret = p;
	return 0;
}

int
auth_passkey_insert(struct nx_db *db, struct auth_passkey *p)
{
	uint8_t hash[crypto_generichash_BYTES];

	crypto_generichash(
	    hash, sizeof(hash), p->key.id, p->key.id_len, NULL, 0);
	sodium_bin2hex(p->mark, sizeof(p->mark), hash, AUTH_PASSKEY_MARK / 2);
	return nx_db_exec(db,
	    "INSERT INTO passkeys (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?,"
	    " ?, ?, ?, ?)",
	    "bsusibuubii", p->key.id, p->key.id_len, p->mark, p->user_id,
	    p->name, (int64_t)p->key.alg, p->key.public, p->key.len,
	    (uint64_t)p->key.count, (uint64_t)p->key.flags, p->key.aaguid,
	    sizeof(p->key.aaguid), p->created_at, p->used_at);
}

int
auth_passkey_find(
    struct nx_db *db, const uint8_t *id, size_t len, struct auth_passkey *ret)
{
	sqlite3_stmt *s;
	int r = nx_db_query(db, &s,
	    "SELECT " COLUMNS " FROM passkeys WHERE id = ?", "b", id, len);

	if (r <= 0)
		return r;
	r = read_passkey(s, ret);
	sqlite3_reset(s);
	return r < 0 ? r : 1;
}

int
auth_passkey_list(
    struct nx_db *db, uint64_t user_id, struct auth_passkey *ret, size_t max)
{
	sqlite3_stmt *s;
	int n = 0,
	    r = nx_db_query(db, &s,
		"SELECT " COLUMNS " FROM passkeys WHERE user_id = ?"
		" ORDER BY created_at, mark LIMIT ?",
		"uu", user_id, (uint64_t)max);

	while (r == 1 && (size_t)n < max) {
		r = read_passkey(s, &ret[n]);
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
auth_passkey_count(struct nx_db *db, uint64_t user_id)
{
	sqlite3_stmt *s;
	int n,
	    r = nx_db_query(db, &s,
		"SELECT count(*) FROM passkeys WHERE user_id = ?", "u",
		user_id);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	n = sqlite3_column_int(s, 0);
	sqlite3_reset(s);
	return n;
}

int
auth_passkey_used(struct nx_db *db, const struct auth_passkey *p, int64_t now)
{
	return nx_db_exec(db,
	    "UPDATE passkeys SET count = ?, flags = ?, used_at = ?"
	    " WHERE id = ?",
	    "uuib", (uint64_t)p->key.count, (uint64_t)p->key.flags, now,
	    p->key.id, p->key.id_len);
}

static int
changed(struct nx_db *db, int r)
{
	return r < 0 ? r : sqlite3_changes(nx_db_handle(db)) > 0;
}

int
auth_passkey_rename(
    struct nx_db *db, uint64_t user_id, const char *mark, const char *name)
{
	return changed(db,
	    nx_db_exec(db,
		"UPDATE passkeys SET name = ? WHERE user_id = ? AND mark = ?",
		"sus", name, user_id, mark));
}

int
auth_passkey_delete(struct nx_db *db, uint64_t user_id, const char *mark)
{
	return changed(db,
	    nx_db_exec(db,
		"DELETE FROM passkeys WHERE user_id = ? AND mark = ?", "us",
		user_id, mark));
}
