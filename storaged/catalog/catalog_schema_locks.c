/*
 * The step of catalog_schema.c that brought locks of paths. Each has a row for its
 * entry, and one for every folder above that, which says until when something
 * below is locked: folders above a lock neither go nor move, so they stay what
 * they are as long as it holds. Rows that have had their time mean nothing.
 */
#include "storaged/catalog/catalog_internal.h"

const char catalog_schema_locks[] =
    "CREATE TABLE locks("
    " owner INTEGER NOT NULL,"
    " entry INTEGER NOT NULL," /* 0: the root */
    " until INTEGER NOT NULL," /* 0: not itself */
    " below INTEGER NOT NULL," /* 0: nothing */
    " PRIMARY KEY(owner, entry)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX locks_until ON locks(owner, until, entry)"
    " WHERE until > 0;"
    /* By somebody who may only add. */
    "ALTER TABLE uploads ADD COLUMN adds_only INTEGER NOT NULL DEFAULT 0;";
