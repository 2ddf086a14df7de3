/*
 * The door of buckets: what users ask about buckets, objects, multipart and
 * resumable uploads. What they are is the catalogue's to know
 * (catalog_bucket.h, catalog_part.h), how bytes come is uploads' (uploads.h).
 * Here requests are read, held against the rules of names and sizes, and
 * answered; and uploads in pieces that nobody goes on with are given up.
 */
#ifndef STORAGED_BUCKETS_H
#define STORAGED_BUCKETS_H

#include "storaged/storaged.h"

#define BUCKETS_MULTIPART_KEEP (7U * 86400) /* seconds, from its beginning */
#define BUCKETS_RESUMABLE_KEEP 86400U       /* without a piece that came */

/* Gives up what has expired, one now and then, until it is freed. NULL: no
 * memory. */
struct expiry *expiry_new(struct storaged *s);
struct expiry *expiry_free(struct expiry *x);

#endif
