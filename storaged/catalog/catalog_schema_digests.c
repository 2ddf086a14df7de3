/*
 * The steps of catalog_schema.c that brought digests of a whole content: where
 * somebody asked for one, or said what it must be. NULL: nobody did.
 */
#include "storaged/catalog/catalog_internal.h"

const char catalog_schema_digests[] =
    "ALTER TABLE files ADD COLUMN sha256 BLOB;";

/* Of uploads in pieces: which are wanted (CATALOG_SUM_*), and where the SHA-256 of
 * what has come to a resumable one stands (digest.h). */
const char catalog_schema_sums[] =
    "ALTER TABLE uploads ADD COLUMN sums INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE uploads ADD COLUMN sha256 BLOB;";

/* Others of a file than its SHA-256, packed (digest.h). NULL: none. */
const char catalog_schema_kept_sums[] =
    "ALTER TABLE files ADD COLUMN sums BLOB;";
