/*
 * What a transaction changed, for whoever keeps it in a second place: the rows
 * as they are after it, by table and key. Collected as keys while it writes
 * (SQLite's pre-update hook, so triggers and cascades count too) and read once
 * before it commits: a row changed often is there once, and what was rolled
 * back is there as it was.
 *
 * Applying it to a database that has all that came before makes the same rows;
 * applying it twice changes nothing more. Keys that AUTOINCREMENT has used are
 * known by the rows that had them. Changes of the schema are not in it.
 *
 * A table's key is its rowid, whatever it calls that, or its primary key where
 * it is WITHOUT ROWID. Temporary tables are not looked at.
 */
#ifndef NX_DB_SHIP_H
#define NX_DB_SHIP_H

#include "common/db.h"

struct nx_db_shipper {
	/*
	 * In the transaction, after its last write: @data, borrowed, is what it
	 * changed. @sync: somebody is told when it is on disk. It may write what
	 * is not to be shipped. 0 or -errno: nothing is committed.
	 */
	int (*ship)(struct nx_db *db, const void *data, size_t len, bool sync,
	    void *arg);
	/* It was tried to commit what was shipped last. */
	void (*over)(bool committed, void *arg);
	/* All that was shipped is about to be synced here. */
	void (*settle)(void *arg);
};

/* From now on, until the database is closed. 0 or -errno: -ENOTSUP when SQLite
 * has no such hook, or a table no such key. */
int
nx_db_ship(struct nx_db *db, const struct nx_db_shipper *shipper, void *arg);

/* --- the other side ---------------------------------------------------------*/

struct nx_db_applier;

/* Changes rows of @to, whose triggers and foreign keys are off until it is
 * freed. It must not be closed before. 0 or -errno. */
int nx_db_applier_new(sqlite3 *to, struct nx_db_applier **ret_applier);
/* Applies what was shipped once, inside the caller's transaction. -EBADMSG: it
 * is nothing that was shipped from a database of this schema. */
int nx_db_apply(struct nx_db_applier *a, const void *data, size_t len);
struct nx_db_applier *nx_db_applier_free(struct nx_db_applier *a);

#endif
