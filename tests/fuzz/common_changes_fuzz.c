/*
 * What a disk may give for changes of a database: whatever they are, they are
 * applied or refused, and the database is one afterwards.
 */
#include <stdint.h>
#include <stdlib.h>

#include "common/db_ship.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nx_db_applier *applier;
	static sqlite3 *db;

	if (!db &&
	    (sqlite3_open(":memory:", &db) != SQLITE_OK ||
		sqlite3_exec(db,
		    "CREATE TABLE a(k INTEGER PRIMARY KEY, u TEXT UNIQUE,"
		    " b BLOB) STRICT;"
		    "CREATE TABLE c(x INTEGER NOT NULL, y TEXT NOT NULL,"
		    " r REAL, PRIMARY KEY(y, x)) STRICT, WITHOUT ROWID;"
		    "CREATE TABLE w(v INTEGER, t TEXT) STRICT;",
		    NULL, NULL, NULL) != SQLITE_OK ||
		nx_db_applier_new(db, &applier) != 0))
		abort();
	if (sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		abort();
	(void)nx_db_apply(applier, data, size);
	if (sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
		abort();
	return 0;
}
