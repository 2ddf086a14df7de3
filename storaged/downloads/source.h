/* Which file is meant by who wants to read. Between the files of downloads. */
#ifndef STORAGED_SOURCE_H
#define STORAGED_SOURCE_H

#include "common/hub.h"
#include "proto/storage.pb-c.h"
#include "storaged/downloads/session.h"

/* What @se reads; without one, or after a restart of ours, what has that id,
 * path or version now. Else it has been refused: not 0. */
int source_find(struct nx_request *r, struct storaged *s,
    const Nx__OpenReadRequest *q, const struct session *se,
    struct catalog_file *ret_file);

#endif
