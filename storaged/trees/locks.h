/* Locks of paths: what a refusal for their sake says. */
#ifndef STORAGED_LOCKS_H
#define STORAGED_LOCKS_H

#include "common/hub.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"

/* As refuse_catalog and catalog_sentence, of what is at @path of @owner; of
 * CATALOG_KEPT they say until when. */
void refuse_path(struct nx_request *r, struct storaged *s, uint64_t owner,
    int result, const struct path *path);
Nx__Status path_sentence(struct storaged *s, uint64_t owner, int result,
    const struct path *path, char *text, size_t size);
/* The same of a file that is asked for by its id. */
struct catalog_file;
void refuse_file(struct nx_request *r, struct storaged *s,
    const struct catalog_file *file, int result);

#endif
