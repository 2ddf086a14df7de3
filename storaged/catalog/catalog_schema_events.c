/* The step of catalog_schema.c that brought the log of what changed. */
#include "storaged/catalog/catalog_internal.h"

const char catalog_schema_events[] =
    "CREATE TABLE events("
    " owner INTEGER NOT NULL,"
    " seq INTEGER NOT NULL," /* of this owner's: from 1, one up each time */
    " at INTEGER NOT NULL,"
    " change INTEGER NOT NULL," /* enum catalog_change */
    " thing INTEGER NOT NULL,"  /* enum catalog_thing */
    " size INTEGER NOT NULL,"
    " place BLOB NOT NULL,"
    " id TEXT,"
    " etag TEXT,"
    " old TEXT,"
    " bucket TEXT,"
    " version TEXT,"
    " PRIMARY KEY(owner, seq)) STRICT, WITHOUT ROWID;";
