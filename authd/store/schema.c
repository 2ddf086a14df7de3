/* The schema of auth.db. A migration that has been released never changes. */
#include "authd/store/store.h"
#include "common/err.h"

const char *const auth_schema[] = {
    /* 1 */
    "CREATE TABLE users ("
    "	id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "	username TEXT NOT NULL COLLATE NOCASE UNIQUE,"
    "	email TEXT NOT NULL COLLATE NOCASE UNIQUE,"
    "	password TEXT NOT NULL,"
    "	disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),"
    "	created_at INTEGER NOT NULL"
    ") STRICT;"
    /* user_id is 0 for a registration; its user is in the row itself. */
    "CREATE TABLE codes ("
    "	txn BLOB PRIMARY KEY,"
    "	kind INTEGER NOT NULL CHECK (kind IN (1, 2)),"
    "	user_id INTEGER NOT NULL,"
    "	username TEXT NOT NULL COLLATE NOCASE,"
    "	email TEXT NOT NULL COLLATE NOCASE,"
    "	password TEXT NOT NULL,"
    "	mac BLOB NOT NULL,"
    "	tries INTEGER NOT NULL,"
    "	created_at INTEGER NOT NULL,"
    "	expires_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX codes_email ON codes (email, kind);"
    "CREATE INDEX codes_expiry ON codes (expires_at);"
    "CREATE TABLE sessions ("
    "	id BLOB PRIMARY KEY,"
    "	user_id INTEGER NOT NULL,"
    "	created_at INTEGER NOT NULL,"
    "	expires_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX sessions_user ON sessions (user_id);"
    "CREATE INDEX sessions_expiry ON sessions (expires_at);"
    "CREATE TABLE known ("
    "	user_id INTEGER NOT NULL,"
    "	client BLOB NOT NULL,"
    "	seen_at INTEGER NOT NULL,"
    "	PRIMARY KEY (user_id, client)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE notices ("
    "	id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "	role INTEGER NOT NULL,"
    "	kind INTEGER NOT NULL,"
    "	user_id INTEGER NOT NULL,"
    "	session BLOB,"
    "	created_at INTEGER NOT NULL"
    ") STRICT;"
    /* What is tried when there is nothing to try; see auth_code_try. */
    "INSERT INTO codes VALUES"
    " (randomblob(16), 1, 0, '-', '', '-', randomblob(32), 1 << 60, 0, 1 << "
    "60),"
    " (randomblob(16), 2, 0, '-', '', '-', randomblob(32), 1 << 60, 0, 1 << "
    "60);",
    /* 2: whose code it is. "near" are the tries of those who come from where it
     * was asked for, but do not know the transaction. */
    "ALTER TABLE codes ADD COLUMN client BLOB NOT NULL DEFAULT x'';"
    "ALTER TABLE codes ADD COLUMN near INTEGER NOT NULL DEFAULT 5;",
    auth_schema_identity,
    auth_schema_keys,
    auth_schema_factors,
    auth_schema_passkeys,
    auth_schema_refresh,
    auth_schema_signing,
};
const size_t auth_schema_count = NX_ARRAY_SIZE(auth_schema);
