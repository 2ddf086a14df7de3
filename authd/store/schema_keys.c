/* Access keys. */
#include "authd/store/store.h"

const char auth_schema_keys[] =
    "CREATE TABLE access_keys ("
    "	id TEXT PRIMARY KEY,"
    "	user_id INTEGER NOT NULL,"
    "	name TEXT NOT NULL,"
    "	kind INTEGER NOT NULL,"
    /* A hash of one that is shown, sealed of one that signs. */
    "	secret BLOB NOT NULL,"
    "	rights INTEGER NOT NULL,"
    "	place TEXT NOT NULL,"
    "	created_at INTEGER NOT NULL,"
    "	expires_at INTEGER NOT NULL," /* 0: never */
    "	used_at INTEGER NOT NULL DEFAULT 0,"
    "	used_from TEXT NOT NULL DEFAULT '',"
    "	UNIQUE (user_id, name)"
    ") STRICT;";
