/*
 * The door of http/: a server that speaks HTTP and knows neither routes nor
 * daemons. Whoever answers requests gives it a table (struct exchange_ops) and
 * drives each exchange through exchange.h; beside that, HTTP's own words, and
 * what heads, targets, ranges and forms look like.
 */
#ifndef GW_HTTP_H
#define GW_HTTP_H

#include "gatewayd/http/digest.h"
#include "gatewayd/http/exchange.h"
#include "gatewayd/http/head.h"
#include "gatewayd/http/mime.h"
#include "gatewayd/http/multipart.h"
#include "gatewayd/http/range.h"
#include "gatewayd/http/server.h"
#include "gatewayd/http/uri.h"
#include "gatewayd/http/words.h"

#endif
