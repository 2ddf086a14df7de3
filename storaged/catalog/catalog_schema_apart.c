/*
 * The step of catalog_schema.c that brought images of a node's own: what it
 * writes is in one, chunks are in another, of volumes.size bytes. 0: one image
 * has both, as all had before, or there is no node.
 */
#include "storaged/catalog/catalog_internal.h"

const char catalog_schema_apart[] =
    "ALTER TABLE volumes ADD COLUMN own INTEGER NOT NULL DEFAULT 0;";
