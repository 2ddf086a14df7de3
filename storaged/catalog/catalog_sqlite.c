/*
 * The catalogue in SQLite: its tables, users' accounts, totals. See catalog.h;
 * files are in catalog_files.c, trees in catalog_tree.c, volumes and replicas
 * in catalog_volumes.c.
 *
 * Every sum that is shown (a user's bytes, a folder's size, a file's fewest
 * replicas) is a column kept by the transaction that changes what it sums.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "storaged/catalog/catalog_internal.h"

static const char schema_1[] =
    "CREATE TABLE users("
    " user INTEGER PRIMARY KEY,"
    " quota INTEGER NOT NULL DEFAULT -1," /* -1: the default */
    " used INTEGER NOT NULL DEFAULT 0,"
    " files INTEGER NOT NULL DEFAULT 0,"
    " chunks INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE volumes("
    " volume INTEGER PRIMARY KEY AUTOINCREMENT,"
    " node TEXT NOT NULL UNIQUE,"
    " size INTEGER NOT NULL,"
    " state INTEGER NOT NULL,"
    " active INTEGER NOT NULL DEFAULT 0,"
    " suspect INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE files("
    " file INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL UNIQUE,"
    " owner INTEGER NOT NULL,"
    " name TEXT NOT NULL,"
    " tree INTEGER NOT NULL,"
    " size INTEGER NOT NULL,"
    " chunks INTEGER NOT NULL,"
    " want INTEGER NOT NULL,"
    " replicas INTEGER NOT NULL,"
    " md5 TEXT NOT NULL,"
    " created_at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX files_raw ON files(owner, file) WHERE tree = 0;"
    "CREATE INDEX files_degraded ON files(file) WHERE replicas < want;"
    "CREATE TABLE chunks("
    " chunk INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL UNIQUE,"
    " file INTEGER NOT NULL,"
    " idx INTEGER NOT NULL,"
    " size INTEGER NOT NULL,"
    " md5 BLOB NOT NULL,"
    " crc BLOB NOT NULL," /* CRC32C of each 64 KiB, little-endian */
    " UNIQUE(file, idx)) STRICT;"
    "CREATE TABLE replicas("
    " chunk INTEGER NOT NULL,"
    " volume INTEGER NOT NULL REFERENCES volumes,"
    " PRIMARY KEY(chunk, volume)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX replicas_volume ON replicas(volume, chunk);"
    /* Chunk files nobody refers to: the collector unlinks them. */
    "CREATE TABLE trash("
    " volume INTEGER NOT NULL REFERENCES volumes,"
    " id TEXT NOT NULL,"
    " PRIMARY KEY(volume, id)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE entries("
    " entry INTEGER PRIMARY KEY AUTOINCREMENT,"
    " owner INTEGER NOT NULL,"
    " parent INTEGER NOT NULL," /* 0: the root */
    " name TEXT NOT NULL,"
    " file INTEGER," /* NULL: a folder */
    " size INTEGER NOT NULL,"
    " files INTEGER NOT NULL DEFAULT 0,"
    " folders INTEGER NOT NULL DEFAULT 0,"
    " modified_at INTEGER NOT NULL,"
    " UNIQUE(owner, parent, name)) STRICT;"
    "CREATE UNIQUE INDEX entries_file ON entries(file)"
    " WHERE file IS NOT NULL;";

static const char *const migrations[] = {schema_1};

/* What a write is about to delete; in memory, empty between writes. */
static const char scratch[] =
    "CREATE TEMP TABLE doomed(file INTEGER PRIMARY KEY);"
    "CREATE TEMP TABLE doomed_entries("
    " entry INTEGER PRIMARY KEY, file INTEGER);";

int
catalog_open(
    struct event_base *base, const char *path, struct catalog **ret_catalog)
{
	struct catalog *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = nx_db_open(
	    base, path, migrations, NX_ARRAY_SIZE(migrations), &c->db);
	if (r == 0 &&
	    sqlite3_exec(nx_db_handle(c->db), scratch, NULL, NULL, NULL) !=
		SQLITE_OK)
		r = nx_db_errno(c->db);
	if (r < 0) {
		catalog_close(c);
		return r;
	}
	*ret_catalog = c;
	return 0;
}

struct catalog *
catalog_close(struct catalog *c)
{
	if (c) {
		nx_db_close(c->db);
		free(c);
	}
	return NULL;
}

static int
write_nothing(struct nx_db *db, void *arg)
{
	(void)db;
	(void)arg;
	return 0;
}

int
catalog_flush(struct catalog *c)
{
	return nx_db_write_now(c->db, write_nothing, NULL);
}

static void
barrier_done(int result, void *arg)
{
	struct catalog_barrier *op = arg;

	op->done(result, op->arg);
}

void
catalog_barrier(struct catalog *c, struct catalog_barrier *op)
{
	op->catalog = c;
	nx_db_write(c->db, write_nothing, barrier_done, op);
}

uint64_t
catalog_now(void)
{
	return (uint64_t)time(NULL);
}

void
catalog_copy_text(sqlite3_stmt *stmt, int column, char *ret_text, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	(void)snprintf(ret_text, size, "%s", text ? text : "");
}

/* --- users ------------------------------------------------------------------*/

int
catalog_account(struct nx_db *db, uint64_t user, int64_t bytes, int64_t files,
    int64_t chunks)
{
	return nx_db_exec(db,
	    "INSERT INTO users(user, used, files, chunks)"
	    " VALUES(?1, ?2, ?3, ?4)"
	    " ON CONFLICT(user) DO UPDATE SET used = used + ?2,"
	    " files = files + ?3, chunks = chunks + ?4",
	    "uiii", user, bytes, files, chunks);
}

int
catalog_usage(struct catalog *c, uint64_t user, struct catalog_usage *ret_usage)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT used, files, quota FROM users WHERE user = ?", "u", user);

	if (r < 0)
		return r;
	*ret_usage = (struct catalog_usage){.quota = CATALOG_NO_QUOTA};
	if (r > 0) {
		ret_usage->used = (uint64_t)sqlite3_column_int64(stmt, 0);
		ret_usage->files = (uint64_t)sqlite3_column_int64(stmt, 1);
		ret_usage->quota = sqlite3_column_int64(stmt, 2);
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
	op->catalog = c;
	nx_db_write(c->db, write_quota, quota_done, op);
}

static int
write_drop_user(struct nx_db *db, void *arg)
{
	struct catalog_drop_user *op = arg;
	int r = nx_db_exec(db,
	    "INSERT INTO doomed SELECT file FROM files WHERE owner = ?1"
	    " AND tree = 0 UNION ALL SELECT file FROM entries"
	    " WHERE owner = ?1 AND file IS NOT NULL",
	    "u", op->user);

	if (r == 0)
		r = nx_db_exec(
		    db, "DELETE FROM entries WHERE owner = ?", "u", op->user);
	if (r == 0)
		r = catalog_delete_doomed(db, op->user);
	if (r == 0)
		r = nx_db_exec(
		    db, "DELETE FROM users WHERE user = ?", "u", op->user);
	return r;
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
	op->catalog = c;
	nx_db_write(c->db, write_drop_user, drop_user_done, op);
}

/* --- totals -----------------------------------------------------------------*/

int
catalog_totals(struct catalog *c, struct catalog_totals *ret_totals)
{
	sqlite3_stmt *stmt;
	int r = nx_db_query(c->db, &stmt,
	    "SELECT ifnull(sum(files), 0), ifnull(sum(chunks), 0),"
	    " ifnull(sum(used), 0),"
	    " (SELECT count(*) FROM files WHERE replicas < want) FROM users",
	    "");

	if (r < 0)
		return r;
	nx_assert(r > 0);
	ret_totals->files = (uint64_t)sqlite3_column_int64(stmt, 0);
	ret_totals->chunks = (uint64_t)sqlite3_column_int64(stmt, 1);
	ret_totals->bytes = (uint64_t)sqlite3_column_int64(stmt, 2);
	ret_totals->degraded = (uint64_t)sqlite3_column_int64(stmt, 3);
	sqlite3_reset(stmt);
	return 0;
}
