/* SQLite with one connection, one thread, and group commit: see db.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include "common/db.h"
#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"

#define BATCH_MAX 512 /* writes in one transaction */
#define STMT_MAX  256

struct write {
	STAILQ_ENTRY(write) entry;
	int (*write)(struct nx_db *db, void *arg);
	void (*done)(int result, void *arg);
	void *arg;
	int result;
};
STAILQ_HEAD(writes, write);

struct nx_db {
	sqlite3 *sqlite;
	struct event *turn;
	struct writes pending;
	struct {
		const char *sql;
		sqlite3_stmt *stmt;
	} stmts[STMT_MAX];
	size_t n_stmts;
};

sqlite3 *
nx_db_handle(struct nx_db *db)
{
	return db->sqlite;
}

static int
errno_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE: return 0;
	case SQLITE_CONSTRAINT: return -EEXIST;
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return -EBUSY;
	case SQLITE_CANTOPEN: return -ENOENT;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH: return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return -EBADMSG;
	default: return -EIO;
	}
}

int
nx_db_errno(struct nx_db *db)
{
	int rc = sqlite3_extended_errcode(db->sqlite);

	return rc == SQLITE_OK ? -EIO : errno_of(rc);
}

/* --- statements -------------------------------------------------------------*/

sqlite3_stmt *
nx_db_stmt(struct nx_db *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	size_t i;

	/* By address: every statement is a literal of the program. */
	for (i = 0; i < db->n_stmts; i++)
		if (db->stmts[i].sql == sql) {
			sqlite3_reset(db->stmts[i].stmt);
			sqlite3_clear_bindings(db->stmts[i].stmt);
			return db->stmts[i].stmt;
		}
	nx_assert(db->n_stmts < STMT_MAX);
	if (sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT,
		&stmt, NULL) != SQLITE_OK) {
		nx_err("event=sql-error reason=\"%s\" sql=\"%s\"",
		    sqlite3_errmsg(db->sqlite), sql);
		return NULL;
	}
	db->stmts[db->n_stmts].sql = sql;
	db->stmts[db->n_stmts++].stmt = stmt;
	return stmt;
}

static int
bind_all(sqlite3_stmt *stmt, const char *types, va_list ap)
{
	int i, rc = SQLITE_OK;

	for (i = 1; *types && rc == SQLITE_OK; i++, types++) {
		if (*types == 'i')
			rc = sqlite3_bind_int64(stmt, i, va_arg(ap, int64_t));
		else if (*types == 'u')
			rc = sqlite3_bind_int64(
			    stmt, i, (int64_t)va_arg(ap, uint64_t));
		else if (*types == 's')
			rc = sqlite3_bind_text(stmt, i,
			    va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
		else {
			const void *data = va_arg(ap, const void *);
			size_t len = va_arg(ap, size_t);

			nx_assert(*types == 'b');
			rc = sqlite3_bind_blob64(
			    stmt, i, data, len, SQLITE_TRANSIENT);
		}
	}
	return errno_of(rc);
}

int
nx_db_next(sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 1;
	sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : errno_of(rc);
}

int
nx_db_exec(struct nx_db *db, const char *sql, const char *types, ...)
{
	sqlite3_stmt *stmt = nx_db_stmt(db, sql);
	va_list ap;
	int r;

	if (!stmt)
		return nx_db_errno(db);
	va_start(ap, types);
	r = bind_all(stmt, types, ap);
	va_end(ap);
	if (r == 0)
		r = nx_db_next(stmt);
	sqlite3_reset(stmt);
	return r > 0 ? 0 : r;
}

int
nx_db_query(struct nx_db *db, sqlite3_stmt **ret_stmt, const char *sql,
    const char *types, ...)
{
	sqlite3_stmt *stmt = nx_db_stmt(db, sql);
	va_list ap;
	int r;

	if (!stmt)
		return nx_db_errno(db);
	va_start(ap, types);
	r = bind_all(stmt, types, ap);
	va_end(ap);
	if (r == 0)
		r = nx_db_next(stmt);
	*ret_stmt = stmt;
	return r;
}

/* --- group commit -----------------------------------------------------------*/

static int
run(struct nx_db *db, const char *sql)
{
	return errno_of(sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL));
}

static int
run_write(struct nx_db *db, struct write *w)
{
	int r = run(db, "SAVEPOINT w");

	if (r < 0)
		return r;
	w->result = w->write(db, w->arg);
	/* A full disk makes SQLite roll back the whole transaction. */
	if (sqlite3_get_autocommit(db->sqlite))
		return w->result < 0 ? w->result : -EIO;
	if (w->result != 0) {
		r = run(db, "ROLLBACK TO w");
		if (r < 0)
			return r;
	}
	return run(db, "RELEASE w");
}

static void
reset_all(struct nx_db *db)
{
	size_t i;

	for (i = 0; i < db->n_stmts; i++)
		sqlite3_reset(db->stmts[i].stmt);
}

/* All of @batch in one transaction. 0, or -errno and nothing is changed. */
static int
try_batch(struct nx_db *db, struct writes *batch)
{
	struct write *w;
	int r = run(db, "BEGIN IMMEDIATE");

	STAILQ_FOREACH(w, batch, entry) {
		if (r < 0)
			break;
		r = run_write(db, w);
	}
	reset_all(db);
	if (r == 0)
		r = run(db, "COMMIT");
	if (r < 0 && !sqlite3_get_autocommit(db->sqlite))
		(void)run(db, "ROLLBACK");
	return r;
}

/* What failed together is tried one by one: on a full disk a deletion must not
 * suffer from the creation beside it. */
static void
try_each(struct nx_db *db, struct writes *batch)
{
	struct writes one = STAILQ_HEAD_INITIALIZER(one);
	size_t n = 0;
	struct write *w;

	STAILQ_FOREACH(w, batch, entry)
		n++;
	for (; n > 0; n--) {
		int r;

		w = STAILQ_FIRST(batch);
		STAILQ_REMOVE_HEAD(batch, entry);
		STAILQ_INSERT_TAIL(&one, w, entry);
		r = try_batch(db, &one);
		if (r < 0)
			w->result = r;
		STAILQ_REMOVE_HEAD(&one, entry);
		STAILQ_INSERT_TAIL(batch, w, entry);
	}
}

static void
commit_batch(struct nx_db *db, struct writes *batch)
{
	struct write *w;
	int r = try_batch(db, batch);

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

static void
flush(struct nx_db *db)
{
	struct writes batch = STAILQ_HEAD_INITIALIZER(batch);
	size_t n = 0;

	while (!STAILQ_EMPTY(&db->pending) && n < BATCH_MAX) {
		struct write *w = STAILQ_FIRST(&db->pending);

		STAILQ_REMOVE_HEAD(&db->pending, entry);
		STAILQ_INSERT_TAIL(&batch, w, entry);
		n++;
	}
	if (!STAILQ_EMPTY(&batch))
		commit_batch(db, &batch);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct nx_db *db = arg;

	(void)fd;
	(void)what;
	flush(db);
	if (!STAILQ_EMPTY(&db->pending))
		event_active(db->turn, EV_TIMEOUT, 0);
}

static void
enqueue(struct nx_db *db, int (*write)(struct nx_db *db, void *arg),
    void (*done)(int result, void *arg), void *arg)
{
	struct write *w = calloc(1, sizeof(*w));

	if (!w) {
		if (done)
			done(-ENOMEM, arg);
		return;
	}
	w->write = write;
	w->done = done;
	w->arg = arg;
	STAILQ_INSERT_TAIL(&db->pending, w, entry);
}

void
nx_db_write(struct nx_db *db, int (*write)(struct nx_db *db, void *arg),
    void (*done)(int result, void *arg), void *arg)
{
	bool first = STAILQ_EMPTY(&db->pending);
	struct timeval now = {0};

	enqueue(db, write, done, arg);
	/* A timer of zero runs after every event of this turn has been seen:
	 * what arrived together is committed together. */
	if (first)
		(void)evtimer_add(db->turn, &now);
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

	enqueue(db, write_now, done_now, &n);
	while (!STAILQ_EMPTY(&db->pending))
		flush(db);
	return n.result;
}

/* --- opening ----------------------------------------------------------------*/

static int
user_version(struct nx_db *db)
{
	sqlite3_stmt *stmt;
	int version = -EIO;

	if (sqlite3_prepare_v2(db->sqlite, "PRAGMA user_version", -1, &stmt,
		NULL) != SQLITE_OK)
		return nx_db_errno(db);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		version = sqlite3_column_int(stmt, 0);
	else
		version = nx_db_errno(db);
	sqlite3_finalize(stmt);
	return version;
}

static int
migrate(struct nx_db *db, const char *const *migrations, size_t n)
{
	int version = user_version(db);

	if (version < 0)
		return version;
	if ((size_t)version > n)
		return -EPROTONOSUPPORT;
	for (; (size_t)version < n; version++) {
		char bump[64];
		int r = run(db, "BEGIN IMMEDIATE");

		(void)snprintf(
		    bump, sizeof(bump), "PRAGMA user_version=%d", version + 1);
		if (r == 0)
			r = run(db, migrations[version]);
		if (r == 0)
			r = run(db, bump);
		if (r == 0)
			r = run(db, "COMMIT");
		if (r < 0) {
			nx_err("event=migration-failed to=%d reason=\"%s\"",
			    version + 1, sqlite3_errmsg(db->sqlite));
			(void)run(db, "ROLLBACK");
			return r;
		}
	}
	return 0;
}

static int
configure(struct nx_db *db)
{
	static const char *const pragmas[] = {
	    "PRAGMA locking_mode=EXCLUSIVE",
	    "PRAGMA journal_mode=WAL",
	    "PRAGMA synchronous=FULL",
	    "PRAGMA foreign_keys=ON",
	    "PRAGMA trusted_schema=OFF",
	    "PRAGMA temp_store=MEMORY",
	    "PRAGMA mmap_size=0",
	    "PRAGMA cache_size=-2048",
	};
	size_t i;

	(void)sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	for (i = 0; i < NX_ARRAY_SIZE(pragmas); i++) {
		int r = run(db, pragmas[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

int
nx_db_open(struct event_base *base, const char *path,
    const char *const *migrations, size_t n, struct nx_db **ret_db)
{
	struct nx_db *db = calloc(1, sizeof(*db));
	int r;

	if (!db)
		return -ENOMEM;
	STAILQ_INIT(&db->pending);
	db->turn = evtimer_new(base, on_turn, db);
	r = db->turn ? 0 : -ENOMEM;
	if (r == 0)
		r = errno_of(sqlite3_open_v2(path, &db->sqlite,
		    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX,
		    NULL));
	if (r == 0)
		r = chmod(path, 0600) < 0 ? -errno : 0;
	if (r == 0)
		r = configure(db);
	if (r == 0)
		r = migrate(db, migrations, n);
	if (r < 0) {
		nx_db_close(db);
		return r;
	}
	*ret_db = db;
	return 0;
}

struct nx_db *
nx_db_close(struct nx_db *db)
{
	size_t i;

	if (!db)
		return NULL;
	while (!STAILQ_EMPTY(&db->pending))
		flush(db);
	for (i = 0; i < db->n_stmts; i++)
		sqlite3_finalize(db->stmts[i].stmt);
	sqlite3_close(db->sqlite);
	if (db->turn)
		event_free(db->turn);
	free(db);
	return NULL;
}
