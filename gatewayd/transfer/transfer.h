/*
 * The door of transfer/: the routes that move files, up and down. They plug into
 * the gateway as a table; nobody calls anything else here.
 */
#ifndef GW_TRANSFER_H
#define GW_TRANSFER_H

#include "gatewayd/routes/routes.h"

extern const struct route_table transfer_routes;

#endif
