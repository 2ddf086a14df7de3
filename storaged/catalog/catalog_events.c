/*
 * The log of what changed: written, read, cut; see catalog_events.h. What it
 * costs is one row at the end of its owner's: the number of the one before is
 * remembered, and what is cut goes many rows at once.
 */
#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog_event_internal.h"

#define TRIM_EACH 64  /* changes between two cuts */
#define TRIM_ROWS 256 /* of one cut */
#define TRIM_US   1000

/* --- numbers ----------------------------------------------------------------*/

/* The first there is of @user, and the last; 0: none, -errno. */
static int64_t
first_of(struct nx_db *db, uint64_t user)
{
	sqlite3_stmt *stmt;
	int64_t seq = 0;
	int r = nx_db_query(db, &stmt,
	    "SELECT seq FROM events WHERE owner = ? ORDER BY seq LIMIT 1", "u",
	    user);

	if (r > 0) {
		seq = sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	return r < 0 ? r : seq;
}

static int64_t
last_of(struct nx_db *db, uint64_t user)
{
	sqlite3_stmt *stmt;
	int64_t seq = 0;
	int r = nx_db_query(db, &stmt,
	    "SELECT seq FROM events WHERE owner = ? ORDER BY seq DESC LIMIT 1",
	    "u", user);

	if (r > 0) {
		seq = sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	return r < 0 ? r : seq;
}

int
catalog_events_span(
    struct catalog *c, uint64_t user, uint64_t *ret_first, uint64_t *ret_last)
{
	int64_t first = first_of(c->db, user), last = last_of(c->db, user);

	if (first < 0 || last < 0)
		return (int)(first < 0 ? first : last);
	*ret_first = (uint64_t)first;
	*ret_last = (uint64_t)last;
	return 0;
}

/* What was told last, as long as no write has been undone since. */
static int
next_seq(struct catalog *c, uint64_t user, struct catalog_told **ret_told)
{
	struct catalog_told *t = &c->told[user % CATALOG_TOLD];
	unsigned undone = nx_db_undone(c->db);
	int64_t last;

	*ret_told = t;
	if (t->user == user && t->undone == undone && t->last > 0)
		return 0;
	last = last_of(c->db, user);
	if (last < 0)
		return (int)last;
	*t = (struct catalog_told){
	    .user = user, .last = (uint64_t)last, .undone = undone};
	return 0;
}

/* --- cutting ----------------------------------------------------------------*/

/* All of @user up to @last goes. Number or -errno. */
static int
cut(struct nx_db *db, uint64_t user, int64_t last)
{
	int r =
	    nx_db_exec(db, "DELETE FROM events WHERE owner = ? AND seq <= ?",
		"ui", user, last);

	return r < 0 ? r : sqlite3_changes(nx_db_handle(db));
}

/* What @seq, the last one, makes too many, in one go with it. */
static int
cut_too_many(struct catalog *c, uint64_t user, uint64_t seq)
{
	int64_t first, last;

	if (seq % TRIM_EACH != 0 || seq <= c->events_keep)
		return 0;
	first = first_of(c->db, user);
	if (first < 0)
		return (int)first;
	last = (int64_t)(seq - c->events_keep);
	if (last > first + TRIM_ROWS - 1)
		last = first + TRIM_ROWS - 1;
	if (last < first)
		return 0;
	return cut(c->db, user, last) < 0 ? -EIO : 0;
}

/* How far @user's log is to go: a part from its beginning, never from within,
 * and never the last one. 0: nowhere, -errno. */
static int64_t
old_upto(struct nx_db *db, uint64_t user, uint64_t before, uint64_t keep)
{
	sqlite3_stmt *stmt;
	int64_t upto = 0, seq = 0, last = last_of(db, user);
	int64_t many = last - (int64_t)keep;
	int n = 0, r;

	if (last < 0)
		return last;
	r = nx_db_query(db, &stmt,
	    "SELECT seq, at FROM events WHERE owner = ? ORDER BY seq LIMIT ?",
	    "ui", user, (int64_t)TRIM_ROWS);
	for (; r > 0; n++) {
		seq = sqlite3_column_int64(stmt, 0);
		if (seq == last ||
		    (seq > many &&
			(uint64_t)sqlite3_column_int64(stmt, 1) >= before)) {
			sqlite3_reset(stmt);
			break;
		}
		upto = seq;
		r = nx_db_next(stmt);
	}
	return r < 0 ? r : upto;
}

/* The first user from @user on who has a log; 1, 0: none, -errno. */
static int
user_from(struct nx_db *db, uint64_t user, uint64_t *ret_user)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(db, &stmt,
	    "SELECT owner FROM events WHERE owner >= ? ORDER BY owner LIMIT 1",
	    "u", user);

	if (r > 0) {
		*ret_user = (uint64_t)sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	return r;
}

static int
write_trim(struct nx_db *db, void *arg)
{
	struct catalog_events_trim *op = arg;
	struct catalog *c = nx_db_ctx(db);
	uint64_t began = nx_now_us(), user = op->user;
	int rows = 0, r;

	op->more = false;
	while ((r = user_from(db, user, &user)) > 0) {
		int64_t upto;

		if (rows >= TRIM_ROWS || nx_now_us() - began >= TRIM_US) {
			op->more = true;
			break;
		}
		upto = old_upto(db, user, op->before, c->events_keep);
		r = upto < 0 ? (int)upto : upto ? cut(db, user, upto) : 0;
		if (r < 0)
			break;
		rows += r;
		if (r < TRIM_ROWS)
			user++;
	}
	op->user = user;
	return r < 0 ? r : 0;
}

static void
trim_done(int result, void *arg)
{
	struct catalog_events_trim *op = arg;

	op->done(result, op->arg);
}

void
catalog_events_trim(struct catalog *c, struct catalog_events_trim *op)
{
	nx_assert(op->done);
	nx_db_write_behind(c->db, write_trim, trim_done, op);
}

int
catalog_drop_events(struct nx_db *db, uint64_t user)
{
	int64_t first = first_of(db, user);

	if (first <= 0)
		return (int)first;
	return cut(db, user, first + TRIM_ROWS - 1);
}

/* --- telling ----------------------------------------------------------------*/

static int
insert(struct nx_db *db, uint64_t user, uint64_t seq,
    const struct catalog_event *e)
{
	return nx_db_exec(db,
	    "INSERT INTO events(owner, seq, at, change, thing, size, place,"
	    " id, etag, old, bucket, version)"
	    " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    "uuuiiubsssss", user, seq, catalog_now(), (int64_t)e->change,
	    (int64_t)e->thing, e->size, (const void *)e->place, e->place_len,
	    e->id, e->etag, e->old, e->bucket, e->version);
}

int
catalog_tell(struct nx_db *db, uint64_t user, const struct catalog_event *e)
{
	struct catalog *c = nx_db_ctx(db);
	struct catalog_told *t;
	int r = next_seq(c, user, &t);

	if (r < 0)
		return r;
	r = insert(db, user, t->last + 1, e);
	if (r == -EEXIST) { /* a repair has moved the last one */
		t->last = 0;
		r = next_seq(c, user, &t);
		if (r == 0)
			r = insert(db, user, t->last + 1, e);
	}
	if (r < 0)
		return r;
	t->last++;
	if (c->told_fn)
		c->told_fn(user, c->told_arg);
	return cut_too_many(c, user, t->last);
}

int
catalog_tell_path(struct nx_db *db, uint64_t user, enum catalog_change how,
    const char *path, const struct catalog_entry *e)
{
	struct catalog_event event = {.change = how,
	    .thing = e->folder ? CATALOG_THING_FOLDER : CATALOG_THING_FILE,
	    .place = path,
	    .place_len = strlen(path),
	    .id = e->folder ? NULL : e->id,
	    .etag = e->folder ? NULL : e->etag.text,
	    .size = e->size};

	return catalog_tell(db, user, &event);
}

int
catalog_tell_file(struct nx_db *db, enum catalog_change how,
    const struct catalog_file *f, const char *place)
{
	struct catalog_event e = {.change = how,
	    .thing = f->in_tree ? CATALOG_THING_FILE : CATALOG_THING_RAW,
	    .place = place,
	    .place_len = strlen(place),
	    .id = f->id,
	    .etag = f->etag.text,
	    .size = f->size};

	return catalog_tell(db, f->owner, &e);
}

void
catalog_events_keep(struct catalog *c, uint64_t rows)
{
	nx_assert(rows > 0);
	c->events_keep = rows;
}

void
catalog_events_watch(
    struct catalog *c, void (*told)(uint64_t user, void *arg), void *arg)
{
	c->told_fn = told;
	c->told_arg = arg;
}

/* --- reading ----------------------------------------------------------------*/

/* False: it was not written by us. */
static bool
read_event(sqlite3_stmt *stmt, struct catalog_event *ret_event)
{
	int64_t change = sqlite3_column_int64(stmt, 2);
	int64_t thing = sqlite3_column_int64(stmt, 3);

	if (change < 0 || change >= CATALOG_CHANGES || thing < 0 ||
	    thing >= CATALOG_THINGS)
		return false;
	*ret_event = (struct catalog_event){
	    .seq = (uint64_t)sqlite3_column_int64(stmt, 0),
	    .at = (uint64_t)sqlite3_column_int64(stmt, 1),
	    .change = (enum catalog_change)change,
	    .thing = (enum catalog_thing)thing,
	    .size = (uint64_t)sqlite3_column_int64(stmt, 4),
	    .place = sqlite3_column_blob(stmt, 5),
	    .place_len = (size_t)sqlite3_column_bytes(stmt, 5),
	    .id = (const char *)sqlite3_column_text(stmt, 6),
	    .etag = (const char *)sqlite3_column_text(stmt, 7),
	    .old = (const char *)sqlite3_column_text(stmt, 8),
	    .bucket = (const char *)sqlite3_column_text(stmt, 9),
	    .version = (const char *)sqlite3_column_text(stmt, 10),
	};
	return true;
}

int
catalog_events_read(struct catalog *c, uint64_t user, uint64_t after,
    bool (*each)(const struct catalog_event *e, void *arg), void *arg)
{
	struct catalog_event e;
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT seq, at, change, thing, size, place, id, etag, old, bucket,"
	    " version FROM events WHERE owner = ? AND seq > ? ORDER BY seq",
	    "uu", user, after);

	while (r > 0) {
		bool ours = read_event(stmt, &e);

		if (!ours || !each(&e, arg)) {
			sqlite3_reset(stmt);
			return ours ? 0 : -EBADMSG;
		}
		r = nx_db_next(stmt);
	}
	return r;
}
