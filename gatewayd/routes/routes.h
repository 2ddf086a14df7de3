/*
 * The door of routes/: requests as the REST API sees them. A request is an
 * exchange of http/ with a route, somebody who asks, and calls to the daemons.
 * Whoever adds routes of its own brings a struct route_table and uses req.h.
 */
#ifndef GW_ROUTES_H
#define GW_ROUTES_H

#include "gatewayd/routes/about.h"
#include "gatewayd/routes/buf.h"
#include "gatewayd/routes/condition.h"
#include "gatewayd/routes/page.h"
#include "gatewayd/routes/reply_file.h"
#include "gatewayd/routes/req.h"
#include "gatewayd/routes/route.h"
#include "gatewayd/routes/token.h"
#include "gatewayd/routes/redundancy.h"

/* What was deleted in the folder "path": routes_history.c. */
req_fn history_list_deleted;
/* What was in it in the snapshot "snapshot": routes_snapshot.c. */
req_fn history_list_snapshot;

#endif
