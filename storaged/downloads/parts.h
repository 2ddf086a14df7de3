/*
 * Which chunks a read is of, and which replicas of each there are to read: from
 * the catalogue, in the loop's thread.
 */
#ifndef STORAGED_PARTS_H
#define STORAGED_PARTS_H

#include "storaged/catalog/catalog.h"
#include "storaged/downloads/pieces.h"
#include "storaged/storaged.h"

/*
 * The parts of @file from *at on and before @to, of @max chunks at most; *ret_n
 * of them, whose replicas are held, also on failure. *at is then where they end.
 * What has no replica that can be read is to be made of others, and with @stripes
 * whatever is part of one may be. 0 or -errno; -EBADMSG: the rows do not say where it is.
 */
int parts_fill(struct storaged *s, const struct catalog_file *file, size_t max,
    bool stripes, uint64_t to, uint64_t *at, struct part *ret_parts,
    size_t *ret_n);
void parts_release(struct part *parts, size_t n);
/* Is its chunk elsewhere by now, or gone? */
bool part_has_moved(struct storaged *s, const struct part *part);

#endif
