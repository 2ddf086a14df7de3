/* What proves who somebody is, beside the password. */
#include "authd/store/store.h"

const char auth_schema_factors[] =
    "CREATE TABLE totp ("
    "	user_id INTEGER PRIMARY KEY,"
    "	sealed BLOB NOT NULL,"
    "	confirmed_at INTEGER NOT NULL DEFAULT 0," /* 0: not yet in use */
    /* The last one used: none before it counts. */
    "	step INTEGER NOT NULL DEFAULT 0,"
    /* Wrong codes since. */
    "	wrong INTEGER NOT NULL DEFAULT 0,"
    "	wrong_since INTEGER NOT NULL DEFAULT 0,"
    "	created_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE recovery ("
    "	user_id INTEGER NOT NULL,"
    "	hash BLOB NOT NULL,"
    "	PRIMARY KEY (user_id, hash)"
    ") STRICT, WITHOUT ROWID;";
