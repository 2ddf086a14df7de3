/*
 * The door of transfer/: what moves content, up (put.h) and down (download.h), for
 * whoever has routes for it, and the table of those for files.
 */
#ifndef GW_TRANSFER_H
#define GW_TRANSFER_H

#include "gatewayd/transfer/download.h"
#include "gatewayd/transfer/put.h"

extern const struct route_table transfer_routes;

#endif
