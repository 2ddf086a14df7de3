/*
 * Users' accounts in the catalogue: what they have, what of it counts, how much
 * they may have; the totals; and the end of a user. An account is changed by
 * the transaction that changes what it sums, so it is never wrong and never
 * counted anew.
 */
#include <errno.h>
#include <inttypes.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog_owed.h"

/* An account below zero would open a quota without end: the write is refused
 * and nothing changed. Not an assertion, so that one user's broken row does not
 * end the daemon for all. */
static int
below_zero(uint64_t user)
{
	nx_err("event=account-below-zero user=%" PRIu64, user);
	return -EBADMSG;
}

/* 0, or why the first change of @user's account cannot be made. */
static int
open_account(struct nx_db *db, uint64_t user, const struct catalog_sums *d,
    int64_t chunks, const struct catalog_root *root)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(
	    db, &stmt, "SELECT 1 FROM users WHERE user = ?", "u", user);

	if (r > 0)
		sqlite3_reset(stmt);
	if (r < 0)
		return r;
	if (r > 0 || d->size < 0 || d->files < 0 || d->folders < 0 ||
	    d->charged < 0 || chunks < 0)
		return below_zero(user);
	return nx_db_exec(db,
	    "INSERT INTO users(user, used, files, folders, charged, chunks,"
	    " tree, tree_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
	    "uiiiiiiu", user, d->size, d->files, d->folders, d->charged, chunks,
	    root->size, root->changed_at);
}

/* One plain statement, as a rule: what gives rows back makes a table for them. */
int
catalog_account_root(struct nx_db *db, uint64_t user,
    const struct catalog_sums *d, int64_t chunks,
    const struct catalog_root *root)
{
	int r = nx_db_exec(db,
	    "UPDATE users SET used = used + ?2, files = files + ?3,"
	    " folders = folders + ?4, charged = charged + ?5,"
	    " chunks = chunks + ?6, tree = tree + ?7,"
	    " tree_at = iif(?8 > 0, ?8, tree_at) WHERE user = ?1"
	    " AND used + ?2 >= 0 AND files + ?3 >= 0 AND folders + ?4 >= 0"
	    " AND charged + ?5 >= 0 AND chunks + ?6 >= 0",
	    "uiiiiiiu", user, d->size, d->files, d->folders, d->charged, chunks,
	    root->size, root->changed_at);

	if (r < 0 || sqlite3_changes(nx_db_handle(db)) > 0)
		return r;
	return open_account(db, user, d, chunks, root);
}

int
catalog_account(struct nx_db *db, uint64_t user, const struct catalog_sums *d,
    int64_t chunks)
{
	static const struct catalog_root as_it_is;

	if (catalog_owes(db))
		return catalog_owe_account(db, user, d, chunks);
	return catalog_account_root(db, user, d, chunks, &as_it_is);
}

int
catalog_check_account(
    struct nx_db *db, uint64_t user, uint64_t quota, uint64_t entries)
{
	sqlite3_stmt *stmt;
	int r;

	if (catalog_owes(db))
		return catalog_owed_check(db, user, quota, entries);
	r = nx_db_query(db, &stmt,
	    "SELECT charged + held, files + folders FROM users"
	    " WHERE user = ?",
	    "u", user);
	if (r <= 0)
		return r;
	if ((uint64_t)sqlite3_column_int64(stmt, 0) > quota)
		r = CATALOG_OVER_QUOTA;
	else if ((uint64_t)sqlite3_column_int64(stmt, 1) > entries)
		r = CATALOG_TOO_MANY;
	else
		r = 0;
	sqlite3_reset(stmt);
	return r;
}

struct catalog_known *
catalog_known(struct catalog *c, uint64_t user)
{
	struct catalog_known *k = &c->known[user % CATALOG_KNOWN];
	sqlite3 *sqlite = nx_db_handle(c->db);
	int now = sqlite3_total_changes(sqlite);

	/* What a write reads may be undone, and the count is not. */
	if (k->user != user || k->changes != now ||
	    !sqlite3_get_autocommit(sqlite))
		*k = (struct catalog_known){.user = user, .changes = now};
	return k;
}

static int
read_usage(struct catalog *c, uint64_t user, struct catalog_usage *ret_usage)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT used, files, quota, folders, charged, history, pasts, held"
	    " FROM users"
	    " WHERE user = ?",
	    "u", user);

	if (r < 0)
		return r;
	*ret_usage = (struct catalog_usage){.quota = CATALOG_NO_QUOTA};
	if (r > 0) {
		ret_usage->used = (uint64_t)sqlite3_column_int64(stmt, 0);
		ret_usage->files = (uint64_t)sqlite3_column_int64(stmt, 1);
		ret_usage->quota = sqlite3_column_int64(stmt, 2);
		ret_usage->folders = (uint64_t)sqlite3_column_int64(stmt, 3);
		ret_usage->charged = (uint64_t)sqlite3_column_int64(stmt, 4);
		ret_usage->history = (uint64_t)sqlite3_column_int64(stmt, 5);
		ret_usage->pasts = (uint64_t)sqlite3_column_int64(stmt, 6);
		ret_usage->held = (uint64_t)sqlite3_column_int64(stmt, 7);
	}
	sqlite3_reset(stmt);
	return 0;
}

static int
write_quota(struct nx_db *db, void *arg)
{
	struct catalog_set_quota *q = arg;

	return nx_db_exec(db,
	    "INSERT INTO users(user, quota) VALUES(?1, ?2)"
	    " ON CONFLICT(user) DO UPDATE SET quota = ?2",
	    "uu", q->user, q->quota);
}

static void
quota_done(int result, void *arg)
{
	struct catalog_set_quota *op = arg;

	op->done(result, op->arg);
}

void
catalog_set_quota(struct catalog *c, struct catalog_set_quota *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_quota, quota_done, op);
}

int
catalog_usage(struct catalog *c, uint64_t user, struct catalog_usage *ret_usage)
{
	struct catalog_known *k = catalog_known(c, user);
	int r = k->has_usage ? 0 : read_usage(c, user, &k->usage);

	k->has_usage = r == 0 && sqlite3_get_autocommit(nx_db_handle(c->db));
	if (r == 0)
		*ret_usage = k->usage;
	return r;
}

/* --- leaving ----------------------------------------------------------------*/

/* 1 while what a deleted user had is being taken away: it is nobody's then. And
 * after that, for whatever began while they were there. */
int
catalog_leaving(struct nx_db *db, uint64_t user)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT 1 FROM going WHERE owner = ?1 AND folder = 0 UNION ALL"
	    " SELECT 1 FROM dropped WHERE user = ?1 LIMIT 1",
	    "u", user);

	if (r > 0)
		sqlite3_reset(stmt);
	return r;
}

int
catalog_known_leaving(struct catalog *c, uint64_t user)
{
	struct catalog_known *k = catalog_known(c, user);
	int r = k->has_leaving ? k->leaving : catalog_leaving(c->db, user);

	k->leaving = r > 0;
	k->has_leaving = r >= 0 && sqlite3_get_autocommit(nx_db_handle(c->db));
	return r;
}

static int
write_drop_user(struct nx_db *db, void *arg)
{
	struct catalog_drop_user *op = arg;
	int r = nx_db_exec(db,
	    "UPDATE users SET quota = 0, used = 0, files = 0, folders = 0,"
	    " charged = 0, tree = 0, history = 0, pasts = 0, held = 0"
	    " WHERE user = ?",
	    "u", op->user);

	if (r == 0)
		r = nx_db_exec(db,
		    "INSERT OR IGNORE INTO going(owner, folder) VALUES(?, 0)",
		    "u", op->user);
	if (r == 0)
		r = nx_db_exec(db, "INSERT OR IGNORE INTO dropped VALUES(?)",
		    "u", op->user);
	/* Or it would be settled with an account that has gone. */
	return r < 0 ? r : catalog_copy_undo(db, &op->user);
}

static void
drop_user_done(int result, void *arg)
{
	struct catalog_drop_user *op = arg;

	op->done(result, op->arg);
}

void
catalog_drop_user(struct catalog *c, struct catalog_drop_user *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_drop_user, drop_user_done, op);
}

/* --- totals -----------------------------------------------------------------*/

int
catalog_totals(struct catalog *c, struct catalog_totals *ret_totals)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT ifnull(sum(files), 0), ifnull(sum(chunks), 0),"
	    " ifnull(sum(used), 0) FROM users",
	    "");

	if (r < 0)
		return r;
	nx_assert(r > 0);
	ret_totals->files = (uint64_t)sqlite3_column_int64(stmt, 0);
	ret_totals->chunks = (uint64_t)sqlite3_column_int64(stmt, 1);
	ret_totals->bytes = (uint64_t)sqlite3_column_int64(stmt, 2);
	sqlite3_reset(stmt);
	return 0;
}
