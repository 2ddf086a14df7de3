/* The handlers of /api/buckets/:name/... for objects, one file each or two. */
#ifndef GW_OBJECT_H
#define GW_OBJECT_H

#include "gatewayd/buckets/bucket_in.h"

req_fn object_list;        /* object_list.c */
req_fn object_put;         /* object_put.c */
req_fn object_get;         /* object_get.c: GET and HEAD of the content */
req_fn object_stat;        /* and of what it is, as JSON */
req_fn object_copy;        /* object_copy.c */
req_fn object_delete_many; /* object_many.c */

/* ?key= and ?version=; false: the request has ended. */
bool object_of(struct req *r, Nx__ObjectRequest *m);

#endif
