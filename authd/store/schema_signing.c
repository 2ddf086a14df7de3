/* Keys that sign tokens. */
#include "authd/store/store.h"

const char auth_schema_signing[] =
    "CREATE TABLE signing_keys ("
    "	number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "	kid TEXT NOT NULL UNIQUE,"
    "	made_at INTEGER NOT NULL,"
    "	signs_at INTEGER NOT NULL,"
    "	drop_at INTEGER NOT NULL" /* 0: it has no end yet */
    ") STRICT;";
