/*
 * Group commit: the writes that arrived in one turn of the loop are one
 * transaction, one fsync, and then answered. Each of them succeeds or fails
 * alone; whether all of them are on disk is known before anybody is told, or
 * the program ends.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/db_internal.h"
#include "common/err.h"
#include "common/log.h"

#define BATCH_MAX  512 /* writes in one transaction */
#define PASSED_MAX 256 /* turns without room for what nobody waits for */
#define BEHIND_US  500 /* others get the loop first */
#define CAREFUL    16  /* batches with a savepoint for each write */

struct nx_db_write {
	STAILQ_ENTRY(nx_db_write) entry;
	int (*write)(struct nx_db *db, void *arg);
	void (*done)(int result, void *arg);
	void *arg;
	int result;
	bool owing; /* may owe, beside those that do */
};

/* --- what is owed -----------------------------------------------------------*/

void
nx_db_owe(struct nx_db *db, const struct nx_db_owed *owed, void *arg)
{
	db->owed = owed;
	db->owed_arg = arg;
}

static int
pay(struct nx_db *db)
{
	return db->owed ? db->owed->pay(db, db->owed_arg) : 0;
}

static void
forget(struct nx_db *db)
{
	if (db->owed)
		db->owed->forget(db->owed_arg);
}

/* --- one transaction --------------------------------------------------------*/

/* 1: it is to be undone. */
static int
run_write(struct nx_db *db, struct nx_db_write *w)
{
	int r = w->owing ? 0 : pay(db);

	if (r < 0)
		return r;
	w->result = w->write(db, w->arg);
	/* A full disk makes SQLite roll back the whole transaction. */
	if (sqlite3_get_autocommit(db->sqlite))
		return w->result < 0 ? w->result : -EIO;
	return w->result != 0;
}

/* What @w owes is its own as long as it may be undone alone. */
static int
pay_for(struct nx_db *db, struct nx_db_write *w)
{
	int r = pay(db);

	if (r < 0 && !sqlite3_get_autocommit(db->sqlite)) {
		w->result = r;
		r = 1;
	}
	return r;
}

static int
run_alone(struct nx_db *db, struct nx_db_write *w)
{
	int r = nx_db_exec(db, "SAVEPOINT w", "");

	if (r == 0)
		r = run_write(db, w);
	if (r == 0)
		r = pay_for(db, w);
	if (r > 0) {
		db->undone++;
		forget(db);
		r = nx_db_exec(db, "ROLLBACK TO w", "");
	}
	return r < 0 ? r : nx_db_exec(db, "RELEASE w", "");
}

static void
reset_all(struct nx_db *db)
{
	size_t i;

	for (i = 0; i < db->n_stmts; i++)
		sqlite3_reset(db->stmts[i].stmt);
}

/*
 * SQLITE_FULL is SQLite's own: the last frame was not written and all is rolled
 * back. Where the transaction is still open, COMMIT has not begun. After
 * anything else the frames may or may not be in the log, and nobody here can
 * tell: the log itself can, at the next start. Until then nothing may be done
 * in the belief that it failed, so nothing is done at all.
 */
static int
commit(struct nx_db *db)
{
	sqlite3_stmt *stmt = nx_db_stmt(db, "COMMIT");
	int rc = stmt ? sqlite3_step(stmt) : SQLITE_NOMEM;

	if (rc == SQLITE_DONE)
		rc = SQLITE_OK;
	(void)sqlite3_reset(stmt);
	(void)nx_db_sound(db->sqlite, rc);
	if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_FULL &&
	    sqlite3_get_autocommit(db->sqlite))
		nx_db_lost(db->sqlite, "commit");
	return nx_db_errno_of(rc);
}

/*
 * All of @batch in one transaction, each write by @run. 0; -errno, or 1 when one
 * of several is to be undone, and nothing is changed.
 */
static int
try_batch(struct nx_db *db, struct nx_db_writes *batch,
    int (*run)(struct nx_db *db, struct nx_db_write *w))
{
	struct nx_db_write *w;
	int r;

	/* No write writes now, and none is left half done. */
	nx_assert(sqlite3_get_autocommit(db->sqlite));
	nx_db_ship_begin(db);
	r = nx_db_exec(db, "BEGIN IMMEDIATE", "");

	STAILQ_FOREACH(w, batch, entry) {
		if (r != 0)
			break;
		r = run(db, w);
	}
	if (r == 0)
		r = pay(db);
	reset_all(db);
	if (r == 0)
		r = nx_db_ship_changes(db, !db->unsynced);
	if (r == 0)
		r = commit(db);
	nx_db_ship_over(db, r == 0);
	db->undone += r != 0;
	if (r != 0)
		forget(db);
	if (r != 0 && !sqlite3_get_autocommit(db->sqlite))
		(void)nx_db_run(db, "ROLLBACK");
	return r;
}

/*
 * A savepoint for each write makes SQLite copy every page once for each, a
 * third of what a small write costs. So there is none as long as all goes well;
 * when a write is to be undone, all of the batch is, and is done once more with
 * them. Whoever makes many that fail does not make everything be done twice:
 * the next batches begin with them.
 */
static int
try_all(struct nx_db *db, struct nx_db_writes *batch)
{
	bool single = STAILQ_NEXT(STAILQ_FIRST(batch), entry) == NULL;
	int r;

	if (db->careful > 0 && !single) {
		db->careful--;
		return try_batch(db, batch, run_alone);
	}
	r = try_batch(db, batch, run_write);
	if (r <= 0 || single)
		return r < 0 ? r : 0; /* it was undone, and that is all */
	db->careful = CAREFUL;
	return try_batch(db, batch, run_alone);
}

/* What failed together is tried one by one: on a full disk a deletion must not
 * suffer from the creation beside it. */
static void
try_each(struct nx_db *db, struct nx_db_writes *batch)
{
	struct nx_db_writes one = STAILQ_HEAD_INITIALIZER(one);
	size_t n = 0;
	struct nx_db_write *w;

	STAILQ_FOREACH(w, batch, entry)
		n++;
	for (; n > 0; n--) {
		int r;

		w = STAILQ_FIRST(batch);
		STAILQ_REMOVE_HEAD(batch, entry);
		STAILQ_INSERT_TAIL(&one, w, entry);
		r = try_all(db, &one);
		if (r < 0)
			w->result = r;
		STAILQ_REMOVE_HEAD(&one, entry);
		STAILQ_INSERT_TAIL(batch, w, entry);
	}
}

static void
commit_batch(struct nx_db *db, struct nx_db_writes *batch)
{
	struct nx_db_write *w;
	int r = try_all(db, batch);

	if (r < 0) {
		nx_err("event=commit-failed reason=\"%s\"",
		    sqlite3_errmsg(db->sqlite));
		try_each(db, batch);
	}
	while ((w = STAILQ_FIRST(batch))) {
		STAILQ_REMOVE_HEAD(batch, entry);
		if (w->done)
			w->done(w->result, w->arg);
		free(w);
	}
}

/* In WAL mode NORMAL leaves the sync of a commit to the next one with FULL. A
 * checkpoint syncs all the same. */
static void
flush_behind(struct nx_db *db)
{
	struct nx_db_writes one = STAILQ_HEAD_INITIALIZER(one);
	struct nx_db_write *w = STAILQ_FIRST(&db->behind);

	nx_assert(w && STAILQ_EMPTY(&db->pending));
	STAILQ_REMOVE_HEAD(&db->behind, entry);
	STAILQ_INSERT_TAIL(&one, w, entry);
	db->passed = 0;
	(void)nx_db_run(db, "PRAGMA synchronous=NORMAL");
	db->unsynced = true;
	commit_batch(db, &one);
	db->unsynced = false;
	if (nx_db_run(db, "PRAGMA synchronous=FULL") < 0)
		nx_db_lost(db->sqlite, "synchronous");
}

static void
flush(struct nx_db *db)
{
	struct nx_db_writes batch = STAILQ_HEAD_INITIALIZER(batch);
	size_t n = 0;

	while (!STAILQ_EMPTY(&db->pending) && n < BATCH_MAX) {
		struct nx_db_write *w = STAILQ_FIRST(&db->pending);

		STAILQ_REMOVE_HEAD(&db->pending, entry);
		STAILQ_INSERT_TAIL(&batch, w, entry);
		n++;
	}
	if (!STAILQ_EMPTY(&batch))
		commit_batch(db, &batch);
}

/* For what waits behind, when nobody else has the turn. */
static void
await_turn(struct nx_db *db)
{
	struct timeval soon = {.tv_usec = BEHIND_US};

	if (STAILQ_EMPTY(&db->pending) && !STAILQ_EMPTY(&db->behind) &&
	    !evtimer_pending(db->turn, NULL))
		(void)evtimer_add(db->turn, &soon);
}

/* Those who leave no turn free take it along. */
static void
let_in(struct nx_db *db)
{
	struct nx_db_write *w = STAILQ_FIRST(&db->behind);

	if (!w || ++db->passed < PASSED_MAX)
		return;
	STAILQ_REMOVE_HEAD(&db->behind, entry);
	STAILQ_INSERT_TAIL(&db->pending, w, entry);
	db->passed = 0;
}

void
nx_db_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct nx_db *db = arg;

	(void)fd;
	(void)what;
	if (STAILQ_EMPTY(&db->pending) && !STAILQ_EMPTY(&db->behind))
		flush_behind(db);
	else {
		let_in(db);
		flush(db);
	}
	if (!STAILQ_EMPTY(&db->pending))
		event_active(db->turn, EV_TIMEOUT, 0);
	else
		await_turn(db);
}

static void
enqueue(struct nx_db_writes *queue, bool owing,
    int (*write)(struct nx_db *db, void *arg),
    void (*done)(int result, void *arg), void *arg)
{
	struct nx_db_write *w = calloc(1, sizeof(*w));

	if (!w) {
		if (done)
			done(-ENOMEM, arg);
		return;
	}
	nx_assert(write);
	w->write = write;
	w->done = done;
	w->arg = arg;
	w->owing = owing;
	STAILQ_INSERT_TAIL(queue, w, entry);
}

static void
enqueue_now(struct nx_db *db, bool owing,
    int (*write)(struct nx_db *db, void *arg),
    void (*done)(int result, void *arg), void *arg)
{
	bool first = STAILQ_EMPTY(&db->pending);
	struct timeval now = {0};

	enqueue(&db->pending, owing, write, done, arg);
	/* A timer of zero runs after every event of this turn has been seen:
	 * what arrived together is committed together. */
	if (first)
		(void)evtimer_add(db->turn, &now);
}

void
nx_db_write(struct nx_db *db, int (*write)(struct nx_db *db, void *arg),
    void (*done)(int result, void *arg), void *arg)
{
	enqueue_now(db, false, write, done, arg);
}

void
nx_db_write_owing(struct nx_db *db, int (*write)(struct nx_db *db, void *arg),
    void (*done)(int result, void *arg), void *arg)
{
	enqueue_now(db, true, write, done, arg);
}

void
nx_db_write_behind(struct nx_db *db, int (*write)(struct nx_db *db, void *arg),
    void (*done)(int result, void *arg), void *arg)
{
	enqueue(&db->behind, false, write, done, arg);
	await_turn(db);
}

struct now {
	int (*write)(struct nx_db *db, void *arg);
	void *arg;
	int result;
};

static int
write_now(struct nx_db *db, void *arg)
{
	struct now *n = arg;

	return n->write(db, n->arg);
}

static void
done_now(int result, void *arg)
{
	struct now *n = arg;

	n->result = result;
}

int
nx_db_write_now(
    struct nx_db *db, int (*write)(struct nx_db *db, void *arg), void *arg)
{
	struct now n = {write, arg, -ENOMEM};

	enqueue(&db->pending, false, write_now, done_now, &n);
	nx_db_flush(db);
	return n.result;
}

void
nx_db_flush(struct nx_db *db)
{
	STAILQ_CONCAT(&db->pending, &db->behind);
	while (!STAILQ_EMPTY(&db->pending)) {
		flush(db);
		STAILQ_CONCAT(&db->pending, &db->behind);
	}
}
