/* Whether files and uploads are in a place; see common/place.h. */
#ifndef STORAGED_CATALOG_WITHIN_H
#define STORAGED_CATALOG_WITHIN_H

#include "storaged/catalog/catalog.h"
#include "storaged/catalog/catalog_part.h"

/* 1, 0 or -errno. Of what is deleted or replaced none is in any place. */
int catalog_file_within(
    struct catalog *c, const struct catalog_file *f, const char *place);
int catalog_upload_within(
    struct catalog *c, const struct catalog_upload *u, const char *place);

#endif
