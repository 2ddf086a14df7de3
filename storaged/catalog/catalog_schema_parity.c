/*
 * The step of catalog_schema.c that brought parity: chunks that are parts of a
 * stripe (catalog_stripe.h), and what folders want for what comes into them.
 * Folder 0 is a user's root.
 */
#include "storaged/catalog/catalog_internal.h"

const char catalog_schema_parity[] =
    "ALTER TABLE chunks ADD COLUMN code INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE uploads ADD COLUMN code INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE policies("
    " owner INTEGER NOT NULL,"
    " folder INTEGER NOT NULL,"
    " code INTEGER NOT NULL,"     /* 0: whole copies, */
    " replicas INTEGER NOT NULL," /* so many */
    " PRIMARY KEY(owner, folder)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER policy_went AFTER DELETE ON entries"
    " WHEN old.file IS NULL BEGIN DELETE FROM policies"
    " WHERE owner = old.owner AND folder = old.entry; END;"
    "CREATE TRIGGER policies_went AFTER INSERT ON going"
    " WHEN new.folder = 0 BEGIN DELETE FROM policies"
    " WHERE owner = new.owner; END;";

/* A policy stays with a folder that is history, and goes when that does. */
const char catalog_schema_policies[] =
    "DROP TRIGGER policy_went;"
    "CREATE TRIGGER policy_went AFTER INSERT ON going"
    " WHEN new.folder <> 0 BEGIN DELETE FROM policies"
    " WHERE owner = new.owner AND folder = new.folder; END;";
