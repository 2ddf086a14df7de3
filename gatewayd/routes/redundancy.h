/* How often a client wants what it stores to be there: in fields of a request or
 * its query. What that means storaged decides. */
#ifndef GW_REDUNDANCY_H
#define GW_REDUNDANCY_H

#include "gatewayd/http/http.h"

struct redundancy {
	char erasure[8]; /* "4+2"; "": nothing was said */
	uint32_t replicas;
};

/* From X-Nexus-Erasure and X-Nexus-Replicas, or the parameters erasure and
 * replicas. NULL, or what is wrong with them. */
const struct http_error *redundancy_of(
    struct redundancy *w, const struct http_head *head, const struct uri *uri);

#endif
