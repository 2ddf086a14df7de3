/* Between catalog_part.c and catalog_whole.c only. */
#ifndef STORAGED_CATALOG_PART_INTERNAL_H
#define STORAGED_CATALOG_PART_INTERNAL_H

#include "storaged/catalog/catalog_bucket_internal.h"

/* The upload whose whole is @file; @owner 0: anybody's. */
int part_upload(struct nx_db *db, uint64_t owner, int64_t file,
    struct catalog_upload *ret_upload);
/* Its row goes; with @settle what it counted too. */
int part_close(struct nx_db *db, const struct catalog_upload *u, bool settle);

#endif
