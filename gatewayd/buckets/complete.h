/* The end of a multipart upload. */
#ifndef GW_COMPLETE_H
#define GW_COMPLETE_H

#include "gatewayd/buckets/bucket_in.h"

req_fn multipart_complete;

#endif
