/*
 * SQLite as Nexus uses it: one connection per database, in one thread, WAL,
 * synchronous=FULL, exclusive locking (Debian 12's 3.40 has the WAL-reset bug,
 * which needs two connections). Writes that arrive together are committed
 * together: nx_db_write() collects for one turn of the event loop, runs one
 * transaction, commits once, then answers them all; each write succeeds or fails
 * alone.
 *
 * Whoever is told that a write failed may undo what belongs to it. So nobody is
 * told when that is not known: a database that answers EIO or EROFS, or a COMMIT
 * that ends otherwise than well or with a full disk, ends the program (status
 * 1). The supervisor starts it again, and the log says what has been committed.
 */
#ifndef NX_DB_H
#define NX_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <event2/event.h>
#include <sqlite3.h>

struct nx_db;

/*
 * Opens or makes @path (0600) and brings its schema up: @migrations[i] takes
 * user_version i to i + 1, each in its own transaction. A database from a newer
 * program is refused with -EPROTONOSUPPORT. 0 or -errno (-EBADMSG: damaged).
 */
int nx_db_open(struct event_base *base, const char *path,
    const char *const *migrations, size_t n, struct nx_db **ret_db);
/* Commits what is pending, answers it, closes. */
struct nx_db *nx_db_close(struct nx_db *db);
sqlite3 *nx_db_handle(struct nx_db *db);

/* What belongs to it, for those who are given the database alone. */
void nx_db_set_ctx(struct nx_db *db, void *ctx);
void *nx_db_ctx(const struct nx_db *db);
/* As long as this stays the same nothing that a write has done was undone. */
unsigned nx_db_undone(const struct nx_db *db);

/* A prepared statement for the literal @sql, kept for the next time and reset
 * before it is handed out; NULL when it does not compile (logged). */
sqlite3_stmt *nx_db_stmt(struct nx_db *db, const char *sql);
/*
 * Binds arguments by @types: i int64_t, u uint64_t, s const char * (NULL: null),
 * b const void * and size_t; then steps once.
 * nx_db_exec: 0 when done, -EEXIST on a constraint, -errno else.
 * nx_db_query: 1 a row is there (read it with sqlite3_column_*), 0 none.
 * Step on with nx_db_next(). All in the same terms.
 */
int nx_db_exec(struct nx_db *db, const char *sql, const char *types, ...);
int nx_db_query(struct nx_db *db, sqlite3_stmt **ret_stmt, const char *sql,
    const char *types, ...);
int nx_db_next(sqlite3_stmt *stmt);

/*
 * A column of the row that is there, copied before the statement moves on.
 * nx_db_text: a string with its NUL into @size bytes. False, and the empty
 * string, when it is null, has a NUL within or does not fit.
 * nx_db_blob: exactly @size bytes; false, and @buf untouched, when it is null
 * or of another length.
 * What a schema lets be null may be asked for without looking at the result;
 * whatever else is false was not written by us.
 */
bool nx_db_text(sqlite3_stmt *stmt, int column, char *buf, size_t size);
bool nx_db_blob(sqlite3_stmt *stmt, int column, void *buf, size_t size);

/* @damaged is called when the database turns out not to be one any more (CORRUPT,
 * NOTADB), whatever was asked of it then; it may end the program. */
void nx_db_on_damage(
    struct nx_db *db, void (*damaged)(const char *why, void *arg), void *arg);

/* -errno for the last SQLite error (-ENOSPC for SQLITE_FULL, -EIO ...). */
int nx_db_errno(struct nx_db *db);

/*
 * One write of the group commit. @write runs inside the transaction: 0, or a
 * negative or positive result that rolls its part back.
 * @done gets that result, or the commit's -errno (then nothing of it is on
 * disk); it runs after the commit is on disk. Order is kept. When a write beside
 * it is rolled back, or the commit fails, @write runs again; only its last run
 * counts.
 */
void nx_db_write(struct nx_db *db, int (*write)(struct nx_db *db, void *arg),
    void (*done)(int result, void *arg), void *arg);
/*
 * A write that nobody waits for: it is made in a turn of the loop in which no
 * other is pending, in a transaction of its own, one a turn, and not synced: a
 * power cut may undo it, with all that came after it, but no write of the other
 * kind is on disk without what was made before. When the others leave no such
 * turn for long, it goes with them. @done as above, as soon as it is committed.
 */
void
nx_db_write_behind(struct nx_db *db, int (*write)(struct nx_db *db, void *arg),
    void (*done)(int result, void *arg), void *arg);
/*
 * What writes put off to the end of their transaction, as sums that each of them
 * adds to: a row that all of them change is written once. @pay writes it: before
 * COMMIT, before a write that was not handed in with nx_db_write_owing, and
 * after each write that may be undone alone. 0 or -errno, which undoes whoever
 * owes. @forget: whoever owed was undone. After either nothing is owed; both may
 * be called when nothing is. For the life of the database.
 */
struct nx_db_owed {
	int (*pay)(struct nx_db *db, void *arg);
	void (*forget)(void *arg);
};
void nx_db_owe(struct nx_db *db, const struct nx_db_owed *owed, void *arg);
/* nx_db_write for a write that may owe, and reads nothing that others do. */
void
nx_db_write_owing(struct nx_db *db, int (*write)(struct nx_db *db, void *arg),
    void (*done)(int result, void *arg), void *arg);
/* nx_db_write at once, in a transaction of its own together with what is
 * pending; for start-up and shut-down. Returns @write's result or the commit's. */
int nx_db_write_now(
    struct nx_db *db, int (*write)(struct nx_db *db, void *arg), void *arg);

#endif
