/* Codes in the database; see store.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "authd/store/store.h"

/* No address: there is always a code on the one, never one on the other. */
#define SOMEBODY ""
#define NOBODY   "-"

/* What @code replaces: one login code per user, one registration per name and
 * address, and few registrations per address. */
static int
make_room(struct nx_db *db, const struct auth_code *code)
{
	int r;

	if (code->kind == AUTH_CODE_LOGIN)
		return nx_db_exec(db,
		    "DELETE FROM codes WHERE kind = 2 AND user_id = ?", "u",
		    code->user.id);
	r = nx_db_exec(db,
	    "DELETE FROM codes WHERE kind = 1 AND email = ? AND username = ?",
	    "ss", code->user.email, code->user.username);
	if (r < 0)
		return r;
	return nx_db_exec(db,
	    "DELETE FROM codes WHERE txn IN (SELECT txn FROM codes"
	    " WHERE kind = 1 AND email = ? ORDER BY rowid DESC"
	    " LIMIT -1 OFFSET ?)",
	    "si", code->user.email, (int64_t)(AUTH_CODES_LIVE - 1));
}

int
auth_code_put(struct nx_db *db, const struct auth_code *code)
{
	int r = make_room(db, code);

	if (r < 0)
		return r;
	return nx_db_exec(db,
	    "INSERT INTO codes (txn, kind, user_id, username, email, password,"
	    " mac, tries, created_at, expires_at)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    "biusssbiii", code->txn, sizeof(code->txn), (int64_t)code->kind,
	    code->user.id, code->user.username, code->user.email,
	    code->user.password, code->mac, sizeof(code->mac), code->tries,
	    code->created_at, code->expires_at);
}

static bool
blob_column(sqlite3_stmt *s, int column, uint8_t *buf, size_t size)
{
	const void *blob = sqlite3_column_blob(s, column);

	if (!blob || (size_t)sqlite3_column_bytes(s, column) != size)
		return false;
	memcpy(buf, blob, size);
	return true;
}

static bool
text_column(sqlite3_stmt *s, int column, char *buf, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	if (!text || strlen(text) >= size)
		return false;
	memcpy(buf, text, strlen(text) + 1);
	return true;
}

static int
read_code(sqlite3_stmt *s, struct auth_code *ret_code)
{
	struct auth_code c = {0};

	c.kind = (enum auth_code_kind)sqlite3_column_int(s, 2);
	c.user.id = (uint64_t)sqlite3_column_int64(s, 3);
	c.tries = sqlite3_column_int64(s, 7);
	c.created_at = sqlite3_column_int64(s, 8);
	c.expires_at = sqlite3_column_int64(s, 9);
	if (!blob_column(s, 0, c.txn, sizeof(c.txn)) ||
	    !blob_column(s, 1, c.mac, sizeof(c.mac)) ||
	    !text_column(s, 4, c.user.username, sizeof(c.user.username)) ||
	    !text_column(s, 5, c.user.email, sizeof(c.user.email)) ||
	    !text_column(s, 6, c.user.password, sizeof(c.user.password)))
		return -EBADMSG;
	*ret_code = c;
	return 0;
}

static int
try_codes(struct nx_db *db, enum auth_code_kind kind, const char *email,
    struct auth_code ret_codes[AUTH_CODES_LIVE])
{
	sqlite3_stmt *s;
	int r, n = 0;

	r = nx_db_query(db, &s,
	    "SELECT txn, mac, kind, user_id, username, email, password, tries,"
	    " created_at, expires_at FROM codes"
	    " WHERE email = ? AND kind = ? AND tries > 0 ORDER BY rowid DESC",
	    "si", email, (int64_t)kind);
	while (r == 1 && n < AUTH_CODES_LIVE) {
		r = read_code(s, &ret_codes[n]);
		if (r < 0)
			break;
		n++;
		r = nx_db_next(s);
	}
	if (r < 0)
		return r;
	sqlite3_reset(s);
	/* Paid before anything is compared. */
	r = nx_db_exec(db,
	    "UPDATE codes SET tries = tries - 1"
	    " WHERE email = ? AND kind = ? AND tries > 0",
	    "si", email, (int64_t)kind);
	return r < 0 ? r : n;
}

/* One hit and one miss, in either case. */
int
auth_code_try(struct nx_db *db, enum auth_code_kind kind, const char *email,
    struct auth_code ret_codes[AUTH_CODES_LIVE])
{
	struct auth_code decoy[AUTH_CODES_LIVE];
	int n = try_codes(db, kind, email, ret_codes);
	int r = n < 0 ? n : try_codes(db, kind, n ? NOBODY : SOMEBODY, decoy);

	return r < 0 ? r : n;
}

void
auth_code_decoy(struct auth_code *code)
{
	char txn[2 * AUTH_TXN_LEN + 1];

	sodium_bin2hex(txn, sizeof(txn), code->txn, sizeof(code->txn));
	snprintf(code->user.email, sizeof(code->user.email), "-%s", txn);
}

int
auth_code_drop(struct nx_db *db, enum auth_code_kind kind, const char *email)
{
	return nx_db_exec(db, "DELETE FROM codes WHERE email = ? AND kind = ?",
	    "si", email, (int64_t)kind);
}
