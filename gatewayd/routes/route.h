/*
 * The one table of routes: what exists, what it takes, who may ask.
 */
#ifndef GW_ROUTE_H
#define GW_ROUTE_H

#include "gatewayd/routes/req.h"

enum route_body {
	ROUTE_NO_BODY, /* one that comes is thrown away */
	ROUTE_JSON,    /* an object, in r->json when the handler runs */
	ROUTE_UPLOAD, /* the handler runs at the end of the head and reads it */
};

struct route {
	enum http_method method;
	const char *pattern; /* "/api/nodes/:id/metrics" */
	enum route_body body;
	uint64_t limit; /* bytes of body */
	bool token;     /* needs one */
	req_fn *fn;
	const char *query; /* the parameters it takes, by blanks; NULL: none */
};

extern const struct route routes[];
extern const size_t routes_count;

/* The route for r->head.method (HEAD: GET's) and r->uri; r->param is set. NULL:
 * none; *ret_path tells whether the path exists with another method. */
const struct route *route_find(struct req *r, bool *ret_path);
/* May the query have a parameter @param? */
bool route_takes(const struct route *route, const char *param);
/* "GET, HEAD, POST": what @uri can be asked. Static storage. */
const char *route_allow(const struct uri *uri);

/* Handlers, by file. */
req_fn auth_register_init, auth_register_verify, auth_login_init,
    auth_login_verify, auth_logout, account_get;
req_fn health_live, health_ready;
req_fn node_create, node_list, node_get, node_start, node_stop, node_delete,
    node_metrics;
req_fn file_upload, file_put, file_list, file_stat, file_delete, file_download;
req_fn fs_mkdir, fs_list, fs_stat, fs_delete, fs_move, fs_upload, fs_put,
    fs_download;
req_fn lambda_run;

#endif
