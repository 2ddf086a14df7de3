/* Passkeys. */
#include "authd/store/store.h"

const char auth_schema_passkeys[] =
    "CREATE TABLE passkeys ("
    "	id BLOB PRIMARY KEY,"
    /* What it is called in requests. */
    "	mark TEXT NOT NULL UNIQUE,"
    "	user_id INTEGER NOT NULL,"
    "	name TEXT NOT NULL,"
    "	alg INTEGER NOT NULL,"
    "	public BLOB NOT NULL,"
    "	count INTEGER NOT NULL,"
    "	flags INTEGER NOT NULL,"
    "	aaguid BLOB NOT NULL,"
    "	created_at INTEGER NOT NULL,"
    "	used_at INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE INDEX passkeys_user ON passkeys (user_id);";
