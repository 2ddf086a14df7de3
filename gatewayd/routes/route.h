/*
 * What a route is, and the tables of those here. A route is a row beside its
 * handler; the tables together are gw->routes.
 */
#ifndef GW_ROUTE_H
#define GW_ROUTE_H

#include "gatewayd/routes/req.h"

enum route_body {
	ROUTE_NO_BODY,    /* one that comes is thrown away */
	ROUTE_JSON,       /* an object, in r->json when the handler runs */
	ROUTE_JSON_LISTS, /* the same with up to ROUTE_VALUES values */
	ROUTE_UPLOAD, /* the handler runs at the end of the head and reads it */
};

/* How much body a route takes, bytes. */
#define ROUTE_LOGIN  8192U           /* anybody may send these */
#define ROUTE_SMALL  65536U          /* JSON */
#define ROUTE_CODE   (1100U * 1024U) /* 1 MiB of code, quoted */
#define ROUTE_LISTS  (1024U * 1024U) /* JSON with long lists */
#define ROUTE_VALUES 40000U
#define ROUTE_ANY    UINT64_MAX /* the quota decides */

#define ROUTE_TOKEN 1U /* needs one */
/* Decides If-Match and If-None-Match too. What changes something and does not
 * refuses them. */
#define ROUTE_DECIDES (ROUTE_TOKEN | 2U)

struct route {
	enum http_method method;
	const char *pattern; /* "/api/nodes/:id/metrics" */
	enum route_body body;
	uint64_t limit; /* bytes of body */
	unsigned rules; /* ROUTE_TOKEN and so on */
	req_fn *fn;
	const char *query; /* the parameters it takes, by blanks; NULL: none;
			    * "*": any; with a '%' before it: any bytes */
};

struct route_table {
	const struct route *rows;
	size_t n;
};
extern const struct route_table health_routes, node_routes, file_routes,
    fs_routes, list_routes, events_routes, history_routes, snapshot_routes,
    policy_routes, lambda_routes, lock_routes;

/* The route for the method (HEAD: GET's) and r->uri; r->param is set. NULL:
 * none; *ret_path tells whether the path exists with another method. */
const struct route *route_find(struct req *r, bool *ret_path);
/* May the query have a parameter @param? *ret_bytes: of any bytes. */
bool route_takes(const struct route *route, const char *param, bool *ret_bytes);
/* "GET, HEAD, POST": what r->uri can be asked. Static storage. */
const char *route_allow(const struct req *r);

#endif
