/*
 * What db.c (opening, statements) and db_commit.c (group commit) share. Nobody
 * else includes it.
 */
#ifndef NX_DB_INTERNAL_H
#define NX_DB_INTERNAL_H

#include <sys/queue.h>

#include "common/db.h"

#define NX_DB_STMTS 1024
#define NX_DB_SLOTS 4096 /* a power of two, more than twice as many */

STAILQ_HEAD(nx_db_writes, nx_db_write);

struct nx_db {
	sqlite3 *sqlite;
	struct event *turn; /* pending while one of the two is not empty */
	struct nx_db_writes pending;
	struct nx_db_writes behind; /* what nobody waits for */
	unsigned passed;            /* turns the first of them has waited */
	unsigned undone;            /* writes and batches that were */
	void *ctx;
	unsigned careful; /* batches that begin with savepoints */
	struct {
		const char *sql;
		sqlite3_stmt *stmt;
	} stmts[NX_DB_STMTS];
	size_t n_stmts;
	uint16_t slots[NX_DB_SLOTS];   /* where in stmts, by address; 0: free */
	struct nx_db_ship *ship;       /* NULL: what is changed stays here */
	const struct nx_db_owed *owed; /* NULL: writes owe nothing */
	void *owed_arg;
	bool unsynced; /* this commit is one of those behind */
};

/* db.c */
int nx_db_errno_of(int rc);
/* Ends the program when @rc says that what is on the disk is not what SQLite
 * believes any more: EIO, EROFS. Passes any other @rc on. */
int nx_db_alive(sqlite3 *sqlite, int rc, const char *doing);
/* Tells who watches @sqlite when @rc says that it is damaged. Passes it on. */
int nx_db_sound(sqlite3 *sqlite, int rc);
_Noreturn void nx_db_lost(sqlite3 *sqlite, const char *doing);
int nx_db_run(struct nx_db *db, const char *sql);

/* db_commit.c */
void nx_db_on_turn(evutil_socket_t fd, short what, void *arg);
/* Commits everything that is pending, and answers it. */
void nx_db_flush(struct nx_db *db);

/* db_ship.c; all of them do nothing without a shipper */
void nx_db_ship_begin(struct nx_db *db);
/* Before COMMIT. 0, or -errno: it must not come to that. */
int nx_db_ship_changes(struct nx_db *db, bool sync);
void nx_db_ship_over(struct nx_db *db, bool committed);
void nx_db_ship_settle(struct nx_db *db);
struct nx_db_ship *nx_db_ship_free(struct nx_db_ship *s);

#endif
