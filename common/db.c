/*
 * Databases: opening them, statements, and what an error means. One connection,
 * one thread. A database that cannot be read or written any more ends its
 * program: what is in memory may be stale, and the next start sees what is on
 * the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/db_internal.h"
#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"

#define CHECKPOINT_PAGES 4000

sqlite3 *
nx_db_handle(struct nx_db *db)
{
	return db->sqlite;
}

void
nx_db_set_ctx(struct nx_db *db, void *ctx)
{
	db->ctx = ctx;
}

void *
nx_db_ctx(const struct nx_db *db)
{
	return db->ctx;
}

unsigned
nx_db_undone(const struct nx_db *db)
{
	return db->undone;
}

int
nx_db_errno_of(int rc)
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

_Noreturn void
nx_db_lost(sqlite3 *sqlite, const char *doing)
{
	nx_log(2, "event=database-lost doing=%s code=%d reason=\"%s\"", doing,
	    sqlite3_extended_errcode(sqlite), sqlite3_errmsg(sqlite));
	_exit(1);
}

static struct {
	sqlite3 *sqlite; /* one in a program at most */
	void (*damaged)(const char *why, void *arg);
	void *arg;
} watch;

void
nx_db_on_damage(
    struct nx_db *db, void (*damaged)(const char *why, void *arg), void *arg)
{
	watch.sqlite = db->sqlite;
	watch.damaged = damaged;
	watch.arg = arg;
}

int
nx_db_sound(sqlite3 *sqlite, int rc)
{
	int primary = rc & 0xff;

	if ((primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) &&
	    watch.sqlite && watch.sqlite == sqlite)
		watch.damaged(sqlite3_errmsg(sqlite), watch.arg);
	return rc;
}

int
nx_db_alive(sqlite3 *sqlite, int rc, const char *doing)
{
	int primary = rc & 0xff;
	bool memory = primary == SQLITE_IOERR &&
	    sqlite3_extended_errcode(sqlite) == SQLITE_IOERR_NOMEM;

	if ((primary == SQLITE_IOERR && !memory) || primary == SQLITE_READONLY)
		nx_db_lost(sqlite, doing);
	return nx_db_sound(sqlite, rc);
}

int
nx_db_errno(struct nx_db *db)
{
	int rc = nx_db_alive(
	    db->sqlite, sqlite3_extended_errcode(db->sqlite), "statement");

	return rc == SQLITE_OK ? -EIO : nx_db_errno_of(rc);
}

/* --- statements -------------------------------------------------------------*/

/* By address: every statement is a literal of the program. Its place, or the
 * free one that is to be. */
static uint16_t *
slot_of(struct nx_db *db, const char *sql)
{
	size_t at = (size_t)((uintptr_t)sql * 0x9e3779b97f4a7c15ULL >> 40);

	for (;; at++) {
		uint16_t *slot = &db->slots[at % NX_DB_SLOTS];

		if (*slot == 0 || db->stmts[*slot - 1].sql == sql)
			return slot;
	}
}

sqlite3_stmt *
nx_db_stmt(struct nx_db *db, const char *sql)
{
	uint16_t *slot = slot_of(db, sql);
	sqlite3_stmt *stmt = NULL;

	if (*slot > 0) {
		stmt = db->stmts[*slot - 1].stmt;
		sqlite3_reset(stmt);
		sqlite3_clear_bindings(stmt);
		return stmt;
	}
	nx_assert(db->n_stmts < NX_DB_STMTS);
	if (sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT,
		&stmt, NULL) != SQLITE_OK) {
		nx_err("event=sql-error reason=\"%s\" sql=\"%s\"",
		    sqlite3_errmsg(db->sqlite), sql);
		return NULL;
	}
	db->stmts[db->n_stmts].sql = sql;
	db->stmts[db->n_stmts++].stmt = stmt;
	*slot = (uint16_t)db->n_stmts;
	return stmt;
}

/* @keep: what text and bytes point to may go before the statement is asked for
 * its last row. */
static int
bind_all(sqlite3_stmt *stmt, bool keep, const char *types, va_list ap)
{
	sqlite3_destructor_type how = keep ? SQLITE_TRANSIENT : SQLITE_STATIC;
	int i, rc = SQLITE_OK;

	for (i = 1; *types && rc == SQLITE_OK; i++, types++) {
		if (*types == 'i')
			rc = sqlite3_bind_int64(stmt, i, va_arg(ap, int64_t));
		else if (*types == 'u')
			rc = sqlite3_bind_int64(
			    stmt, i, (int64_t)va_arg(ap, uint64_t));
		else if (*types == 's')
			rc = sqlite3_bind_text(
			    stmt, i, va_arg(ap, const char *), -1, how);
		else {
			const void *data = va_arg(ap, const void *);
			size_t len = va_arg(ap, size_t);

			nx_assert(*types == 'b');
			rc = sqlite3_bind_blob64(stmt, i, data, len, how);
		}
	}
	nx_assert(
	    rc != SQLITE_OK || i - 1 == sqlite3_bind_parameter_count(stmt));
	return nx_db_errno_of(rc);
}

int
nx_db_next(sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 1;
	(void)nx_db_alive(sqlite3_db_handle(stmt), rc, "statement");
	(void)sqlite3_reset(stmt);
	return rc == SQLITE_DONE ? 0 : nx_db_errno_of(rc);
}

bool
nx_db_text(sqlite3_stmt *stmt, int column, char *buf, size_t size)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);
	size_t len = (size_t)sqlite3_column_bytes(stmt, column);

	nx_assert(size > 0);
	buf[0] = '\0';
	if (!text || len >= size || memchr(text, 0, len))
		return false;
	memcpy(buf, text, len);
	buf[len] = '\0';
	return true;
}

bool
nx_db_blob(sqlite3_stmt *stmt, int column, void *buf, size_t size)
{
	const void *blob = sqlite3_column_blob(stmt, column);

	if (!blob || (size_t)sqlite3_column_bytes(stmt, column) != size)
		return false;
	memcpy(buf, blob, size);
	return true;
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
	r = bind_all(stmt, false, types, ap);
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
	r = bind_all(stmt, true, types, ap);
	va_end(ap);
	if (r == 0)
		r = nx_db_next(stmt);
	*ret_stmt = stmt;
	return r;
}

int
nx_db_run(struct nx_db *db, const char *sql)
{
	return nx_db_errno_of(nx_db_sound(
	    db->sqlite, sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL)));
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
		int r = nx_db_run(db, "BEGIN IMMEDIATE");

		(void)snprintf(
		    bump, sizeof(bump), "PRAGMA user_version=%d", version + 1);
		if (r == 0)
			r = nx_db_run(db, migrations[version]);
		if (r == 0)
			r = nx_db_run(db, bump);
		if (r == 0)
			r = nx_db_run(db, "COMMIT");
		if (r < 0) {
			nx_err("event=migration-failed to=%d reason=\"%s\"",
			    version + 1, sqlite3_errmsg(db->sqlite));
			(void)nx_db_run(db, "ROLLBACK");
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
		int r = nx_db_run(db, pragmas[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* After every commit, when the log has grown to @pages. A full disk leaves it
 * growing, which deletions need. */
static int
on_wal(void *arg, sqlite3 *sqlite, const char *name, int pages)
{
	if (pages < CHECKPOINT_PAGES)
		return SQLITE_OK;
	nx_db_ship_settle(arg);
	(void)nx_db_alive(sqlite,
	    sqlite3_wal_checkpoint_v2(
		sqlite, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL),
	    "checkpoint");
	return SQLITE_OK;
}

/*
 * What the log holds may be in memory alone: the kernel forgets that a page was
 * dirty when writing it failed once. So it is written anew, into the database,
 * before anybody builds on it. A full disk may put that off.
 */
static int
settle(struct nx_db *db)
{
	int rc = sqlite3_wal_checkpoint_v2(
	    db->sqlite, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	(void)sqlite3_wal_hook(db->sqlite, on_wal, db);
	return (rc & 0xff) == SQLITE_FULL ? 0 : nx_db_errno_of(rc);
}

int
nx_db_open(struct event_base *base, const char *path,
    const char *const *migrations, size_t n, struct nx_db **ret_db)
{
	struct nx_db *db = calloc(1, sizeof(*db));
	int r;

	if (!db)
		return -ENOMEM;
	/* Nobody asks how much memory SQLite has, and counting takes a lock for
	 * each piece. (Of the first database only; then it is too late.) */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	STAILQ_INIT(&db->pending);
	STAILQ_INIT(&db->behind);
	db->turn = evtimer_new(base, nx_db_on_turn, db);
	r = db->turn ? 0 : -ENOMEM;
	if (r == 0)
		r = nx_db_errno_of(sqlite3_open_v2(path, &db->sqlite,
		    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
			SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX,
		    NULL));
	if (r == 0)
		r = chmod(path, 0600) < 0 ? -errno : 0;
	if (r == 0)
		r = configure(db);
	if (r == 0)
		r = migrate(db, migrations, n);
	if (r == 0)
		r = settle(db);
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
	nx_db_flush(db);
	for (i = 0; i < db->n_stmts; i++)
		sqlite3_finalize(db->stmts[i].stmt);
	db->ship = nx_db_ship_free(db->ship);
	if (watch.sqlite == db->sqlite)
		watch.sqlite = NULL;
	sqlite3_close(db->sqlite);
	if (db->turn)
		event_free(db->turn);
	free(db);
	return NULL;
}
