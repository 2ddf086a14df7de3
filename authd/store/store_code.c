/*
 * Codes in the database. Strangers decide when these run, so each takes the same
 * statements whether there is a code or not.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "authd/store/store.h"

/* No address: there is always a code on the one, never one on the other. */
#define SOMEBODY ""
#define NOBODY   "-"

/* What @code replaces: one code per user and kind, one registration per name and
 * address, and few registrations per address. */
static int
make_room(struct nx_db *db, const struct auth_code *code)
{
	int r;

	/* Of nobody there is what is tried in others' place; it stays. */
	if (code->kind != AUTH_CODE_REGISTER)
		return nx_db_exec(db,
		    "DELETE FROM codes WHERE kind = ? AND user_id = ?"
		    " AND user_id <> 0",
		    "iu", (int64_t)code->kind, code->user.id);
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
	    " mac, tries, near, created_at, expires_at, client)"
	    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    "biusssbiiiib", code->txn, sizeof(code->txn), (int64_t)code->kind,
	    code->user.id, code->user.username, code->user.email,
	    code->user.password, code->mac, sizeof(code->mac), code->tries,
	    code->tries, code->created_at, code->expires_at, code->client,
	    sizeof(code->client));
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
	/* Of a code from before there were clients, nobody's. */
	(void)nx_db_blob(s, 10, c.client, sizeof(c.client));
	if (!nx_db_blob(s, 0, c.txn, sizeof(c.txn)) ||
	    !nx_db_blob(s, 1, c.mac, sizeof(c.mac)) ||
	    !nx_db_text(s, 4, c.user.username, sizeof(c.user.username)) ||
	    !nx_db_text(s, 5, c.user.email, sizeof(c.user.email)) ||
	    !nx_db_text(s, 6, c.user.password, sizeof(c.user.password)))
		return -EBADMSG;
	*ret_code = c;
	return 0;
}

/* Which codes somebody may try, and who pays. Every one of these takes email,
 * kind, and the client or the transaction. */
#define SELECT                                                              \
	"SELECT txn, mac, kind, user_id, username, email, password, tries," \
	" created_at, expires_at, client FROM codes"                        \
	" WHERE email = ? AND kind = ?"
#define NEWEST_FIRST " ORDER BY rowid DESC"
static const struct {
	const char *select, *pay;
} ways[] = {
    /* Not even who has used up their own tries is a stranger to a code. */
    [AUTH_STRANGER] = {SELECT " AND tries > 0 AND client <> ?" NEWEST_FIRST,
	"UPDATE codes SET tries = tries"
	" WHERE email = ? AND kind = ? AND client = ? AND 0"},
    [AUTH_NEAR] = {SELECT " AND near > 0 AND client = ?" NEWEST_FIRST,
	"UPDATE codes SET near = near - 1"
	" WHERE email = ? AND kind = ? AND client = ? AND near > 0"},
    [AUTH_BEGAN] = {SELECT " AND tries > 0 AND txn = ?" NEWEST_FIRST,
	"UPDATE codes SET tries = tries - 1"
	" WHERE email = ? AND kind = ? AND txn = ? AND tries > 0"},
};

/* The codes that a SELECT finds; number or -errno. */
static int
read_codes(sqlite3_stmt *s, int r, struct auth_code ret_codes[AUTH_CODES_LIVE])
{
	int n = 0;

	while (r == 1 && n < AUTH_CODES_LIVE) {
		r = read_code(s, &ret_codes[n]);
		if (r < 0)
			break;
		n++;
		r = nx_db_next(s);
	}
	sqlite3_reset(s);
	return r < 0 ? r : n;
}

static int
try_codes(struct nx_db *db, enum auth_code_kind kind, const char *email,
    const struct auth_trier *who, struct auth_code ret_codes[AUTH_CODES_LIVE])
{
	const uint8_t *by =
	    who->standing == AUTH_BEGAN ? who->txn : who->client;
	sqlite3_stmt *s;
	int r, n;

	_Static_assert(AUTH_TXN_LEN == AUTH_CLIENT_HASH_LEN, "one length");
	r = nx_db_query(db, &s, ways[who->standing].select, "sib", email,
	    (int64_t)kind, by, (size_t)AUTH_TXN_LEN);
	n = r < 0 ? r : read_codes(s, r, ret_codes);
	if (n < 0)
		return n;
	/* Paid before anything is compared. */
	r = nx_db_exec(db, ways[who->standing].pay, "sib", email, (int64_t)kind,
	    by, (size_t)AUTH_TXN_LEN);
	return r < 0 ? r : n;
}

/* What makes the work of try_codes the same for all: finds a code where it found
 * none, pays a try where it paid none. */
static int
try_decoys(struct nx_db *db, enum auth_code_kind kind, bool found, bool paid)
{
	struct auth_code decoys[AUTH_CODES_LIVE];
	sqlite3_stmt *s;
	int r;

	r = nx_db_query(db, &s, SELECT NEWEST_FIRST, "si",
	    found ? NOBODY : SOMEBODY, (int64_t)kind);
	if (r >= 0)
		r = read_codes(s, r, decoys);
	if (r < 0)
		return r;
	return nx_db_exec(db,
	    "UPDATE codes SET tries = tries - 1"
	    " WHERE email = ? AND kind = ?",
	    "si", paid ? NOBODY : SOMEBODY, (int64_t)kind);
}

/* One SELECT that finds and one that does not, one row that pays and one that
 * does not, in any case. */
int
auth_code_try(struct nx_db *db, enum auth_code_kind kind, const char *email,
    const struct auth_trier *who, struct auth_code ret_codes[AUTH_CODES_LIVE])
{
	bool pays = who->standing != AUTH_STRANGER;
	int n = try_codes(db, kind, email, who, ret_codes);
	int r;

	if (n < 0)
		return n;
	r = try_decoys(db, kind, n > 0, pays && n > 0);
	return r < 0 ? r : n;
}

int
auth_code_standing(struct nx_db *db, enum auth_code_kind kind,
    const char *email, struct auth_trier *who)
{
	sqlite3_stmt *s;
	int r;

	who->standing = AUTH_STRANGER;
	r = nx_db_query(db, &s,
	    "SELECT max(CASE WHEN txn = ? AND tries > 0 THEN 2"
	    " WHEN client = ? AND near > 0 THEN 1 ELSE 0 END)"
	    " FROM codes WHERE email = ? AND kind = ?",
	    "bbsi", who->txn, sizeof(who->txn), who->client,
	    sizeof(who->client), email, (int64_t)kind);
	if (r <= 0)
		return r;
	who->standing = (enum auth_standing)sqlite3_column_int(s, 0);
	sqlite3_reset(s);
	return 0;
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
