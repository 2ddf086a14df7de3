/*
 * What keeps history within its bounds: how long who keeps it, and the steps
 * that give up what has had its time, what is beyond its owner's bounds and what
 * others need the room of.
 */
#include <errno.h>

#include "common/err.h"
#include "common/id.h"
#include "storaged/catalog/catalog_past.h"

#define STEP_ROWS  64
#define STEP_US    1000
#define STEP_USERS 64 /* looked at */

int
catalog_history_default(
    struct catalog *c, uint64_t seconds, uint64_t quota, uint64_t entries)
{
	return nx_db_exec(c->db,
	    "UPDATE keeping_default SET seconds = ?, quota = ?, entries = ?",
	    "uuu", seconds, quota, entries);
}

/* --- folders with a time of their own ---------------------------------------*/

static int
set_seconds(struct nx_db *db, const struct catalog_keep *op, int64_t folder)
{
	sqlite3_stmt *stmt;
	int r = nx_db_exec(db,
	    "INSERT INTO keeping(owner, folder, seconds) VALUES(?, ?, ?)"
	    " ON CONFLICT DO UPDATE SET seconds = excluded.seconds",
	    "uiu", op->owner, folder, op->seconds);

	if (r == 0)
		r = nx_db_query(db, &stmt,
		    "SELECT count(*) FROM keeping WHERE owner = ?", "u",
		    op->owner);
	if (r <= 0)
		return r < 0 ? r : -EIO;
	r = sqlite3_column_int64(stmt, 0) > CATALOG_KEEPINGS
	    ? CATALOG_KEEPINGS_MANY
	    : 0;
	sqlite3_reset(stmt);
	return r;
}

static int
write_keep(struct nx_db *db, void *arg)
{
	struct catalog_keep *op = arg;
	struct catalog_entry e;
	int r = catalog_leaving(db, op->owner);

	if (r != 0)
		return r < 0 ? r : CATALOG_NO_USER;
	r = catalog_walk(db, op->owner, &op->path, op->path.depth, &e);
	if (r == 0 && !e.folder)
		r = CATALOG_NOT_FOLDER;
	if (r != 0)
		return r;
	if (!op->inherit)
		return set_seconds(db, op, e.key);
	return nx_db_exec(db,
	    "DELETE FROM keeping WHERE owner = ? AND folder = ?", "ui",
	    op->owner, e.key);
}

static void
keep_done(int result, void *arg)
{
	struct catalog_keep *op = arg;

	op->done(result, op->arg);
}

void
catalog_keep_set(struct catalog *c, struct catalog_keep *op)
{
	nx_assert(op->done && op->seconds <= CATALOG_KEEP_MAX);
	nx_db_write(c->db, write_keep, keep_done, op);
}

int
catalog_keep_get(struct catalog *c, uint64_t owner, const struct path *path,
    uint64_t *ret_seconds, bool *ret_own)
{
	struct catalog_entry e;
	sqlite3_stmt *stmt;
	int64_t seconds;
	int r = catalog_stat(c, owner, path, &e);

	if (r == 0 && !e.folder)
		r = CATALOG_NOT_FOLDER;
	if (r != 0)
		return r;
	r = past_seconds(c->db, owner, e.key, &seconds);
	if (r == 0)
		r = nx_db_query(c->db, &stmt,
		    "SELECT 1 FROM keeping WHERE owner = ? AND folder = ?",
		    "ui", owner, e.key);
	*ret_own = r > 0;
	if (r > 0)
		sqlite3_reset(stmt);
	*ret_seconds = (uint64_t)seconds;
	return r < 0 ? r : 0;
}

/* --- giving up --------------------------------------------------------------*/

static int
next_expired(struct nx_db *db, struct past *ret_past)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT " PAST_COLUMNS " FROM past p INDEXED BY past_until"
	    " WHERE p.held = 0 AND p.until <= ? ORDER BY p.until LIMIT 1",
	    "u", catalog_now());

	return past_take(r, stmt, ret_past);
}

/* Who has most that may be given up. 1, 0, -errno. */
static int
richest(struct nx_db *db, uint64_t *ret_user)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT user FROM users INDEXED BY users_history"
	    " WHERE history > held ORDER BY history - held DESC LIMIT 1",
	    "");

	if (r > 0) {
		*ret_user = (uint64_t)sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	return r;
}

static int
next_of_richest(struct nx_db *db, struct past *ret_past)
{
	uint64_t user;
	int r = richest(db, &user);

	return r > 0 ? past_oldest(db, user, ret_past) : r;
}

/* Some users' bounds. 1: there are more users, 0, -errno. */
static int
trim_users(struct nx_db *db, struct catalog_history_step *op)
{
	uint64_t users[STEP_USERS];
	sqlite3_stmt *stmt;
	int n = 0, left = 0;
	int r = nx_db_query(db, &stmt,
	    "SELECT user FROM users WHERE user >= ? ORDER BY user LIMIT ?",
	    "ui", op->user, (int64_t)STEP_USERS);

	while (r > 0) {
		users[n++] = (uint64_t)sqlite3_column_int64(stmt, 0);
		r = nx_db_next(stmt);
	}
	op->next_user = op->user;
	for (int i = 0; i < n && r == 0; i++) {
		left = past_trim(db, users[i]);
		r = left < 0 ? left : 0;
		op->next_user = users[i] + (left == 0);
		if (left > 0)
			break; /* again with that one */
	}
	op->gone |= left > 0;
	return r < 0 ? r : left > 0 || n == STEP_USERS;
}

/* Rows that are not locked; those are put off by past_drop. */
static int
give_up(struct nx_db *db, struct catalog_history_step *op, bool release)
{
	uint64_t began = nx_now_us();
	struct past p;
	int r = 1;

	for (int i = 0; i < STEP_ROWS && nx_now_us() - began < STEP_US; i++) {
		if (release && op->released >= op->release)
			return 0;
		r = release ? next_of_richest(db, &p) : next_expired(db, &p);
		if (r <= 0)
			return r;
		r = past_drop(db, &p);
		if (r < 0 || (release && r == CATALOG_LOCKED))
			return r < 0 ? r : 0;
		op->gone = true;
		if (release && p.own)
			op->released += (uint64_t)p.charged;
		r = 1;
	}
	return r;
}

/* 1 when there is more of it, 0, -errno. */
static int
loosen(struct nx_db *db, struct catalog_history_step *op)
{
	int r = 1;

	for (int i = 0;
	     i < STEP_ROWS && r > 0 && nx_now_us() - op->began < STEP_US; i++) {
		r = past_loosen(db);
		op->gone |= r > 0;
	}
	return r;
}

static int
write_step(struct nx_db *db, void *arg)
{
	struct catalog_history_step *op = arg;
	int r;

	op->began = nx_now_us();
	op->gone = false;
	op->released = 0;
	r = loosen(db, op);
	if (r == 0)
		r = give_up(db, op, false);
	if (r == 0 && op->release > 0)
		r = give_up(db, op, true);
	if (r == 0) {
		r = trim_users(db, op);
		op->more = r > 0;
		return r < 0 ? r : 0;
	}
	op->next_user = op->user;
	op->more = r > 0;
	return r < 0 ? r : 0;
}

static void
step_done(int result, void *arg)
{
	struct catalog_history_step *op = arg;

	if (result == 0)
		op->user = op->more ? op->next_user : 0;
	op->done(result, op->arg);
}

void
catalog_history_step(struct catalog *c, struct catalog_history_step *op)
{
	nx_assert(op->done);
	nx_db_write(c->db, write_step, step_done, op);
}

int
catalog_history_loose(struct catalog *c, uint64_t *ret_bytes)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT ifnull(sum(history - held), 0) FROM users"
	    " INDEXED BY users_history WHERE history > held",
	    "");

	if (r <= 0)
		return r < 0 ? r : -EIO;
	*ret_bytes = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return 0;
}
