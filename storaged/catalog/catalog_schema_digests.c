/*
 * The step of catalog_schema.c that brought digests of a whole content: where
 * somebody asked for one, or said what it must be. NULL: nobody did.
 */
#include "storaged/catalog/catalog_internal.h"

const char catalog_schema_digests[] =
    "ALTER TABLE files ADD COLUMN sha256 BLOB;";
