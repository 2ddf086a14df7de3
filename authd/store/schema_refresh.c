/* Refresh tokens. */
#include "authd/store/store.h"

const char auth_schema_refresh[] =
    "CREATE TABLE refresh ("
    "	session BLOB NOT NULL,"
    "	nonce BLOB NOT NULL,"
    "	made_us INTEGER NOT NULL,"
    "	used_us INTEGER NOT NULL DEFAULT 0," /* 0: it is good */
    "	PRIMARY KEY (session, nonce)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX refresh_used ON refresh (used_us);"
    "CREATE TRIGGER refresh_ends AFTER DELETE ON sessions BEGIN"
    " DELETE FROM refresh WHERE session = old.id; END;";
