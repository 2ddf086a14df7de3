/*
 * The door of buckets/: buckets, their objects, and uploads in pieces as JSON and
 * bodies. They plug into the gateway as tables. What moves content is transfer/'s;
 * a further face on the same buckets stands on that, not on these routes.
 *
 * Keys are any 1 to 1024 bytes but NUL, percent-encoded in the query. In JSON a
 * key is text, with U+FFFD for what is no UTF-8; then the member key_encoded has
 * it as the query takes it.
 */
#ifndef GW_BUCKETS_H
#define GW_BUCKETS_H

#include "gatewayd/routes/routes.h"

extern const struct route_table bucket_routes, object_routes, multipart_routes,
    resumable_routes;

#endif
