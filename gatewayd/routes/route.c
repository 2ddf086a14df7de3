/*
 * See route.h. Order does not matter: a segment that is spelled out is not
 * matched by ':', which takes any one segment.
 */
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/routes/route.h"

#define LOGIN   8192U           /* anybody may send these */
#define SMALL   65536U          /* JSON */
#define CODE    (1100U * 1024U) /* 1 MiB of code, quoted */
#define FOREVER UINT64_MAX      /* the quota decides */

#define GET    HTTP_M_GET
#define POST   HTTP_M_POST
#define PUT    HTTP_M_PUT
#define DELETE HTTP_M_DELETE

/* clang-format off */
const struct route routes[] = {
/*method path				body		limit	token	handler, query */
{GET,	"/livez",			ROUTE_NO_BODY,	SMALL,	false,	health_live,	NULL},
{GET,	"/readyz",			ROUTE_NO_BODY,	SMALL,	false,	health_ready,	NULL},

{POST,	"/auth/register/init",		ROUTE_JSON,	LOGIN,	false,	auth_register_init,	NULL},
{POST,	"/auth/register/verify",	ROUTE_JSON,	LOGIN,	false,	auth_register_verify,	NULL},
{POST,	"/auth/login/init",		ROUTE_JSON,	LOGIN,	false,	auth_login_init,	NULL},
{POST,	"/auth/login/verify",		ROUTE_JSON,	LOGIN,	false,	auth_login_verify,	NULL},
{POST,	"/auth/logout",			ROUTE_NO_BODY,	SMALL,	true,	auth_logout,	NULL},
{GET,	"/api/account",			ROUTE_NO_BODY,	SMALL,	true,	account_get,	NULL},

{POST,	"/api/nodes",			ROUTE_JSON,	SMALL,	true,	node_create,	NULL},
{GET,	"/api/nodes",			ROUTE_NO_BODY,	SMALL,	true,	node_list,	NULL},
{GET,	"/api/nodes/:id",		ROUTE_NO_BODY,	SMALL,	true,	node_get,	NULL},
{DELETE,"/api/nodes/:id",		ROUTE_NO_BODY,	SMALL,	true,	node_delete,	"force"},
{POST,	"/api/nodes/:id/start",		ROUTE_NO_BODY,	SMALL,	true,	node_start,	NULL},
{POST,	"/api/nodes/:id/stop",		ROUTE_NO_BODY,	SMALL,	true,	node_stop,	NULL},
{GET,	"/api/nodes/:id/metrics",	ROUTE_NO_BODY,	SMALL,	true,	node_metrics,	NULL},

{POST,	"/api/files/upload",		ROUTE_UPLOAD,	FOREVER,true,	file_upload,	NULL},
{GET,	"/api/files",			ROUTE_NO_BODY,	SMALL,	true,	file_list,	NULL},
{GET,	"/api/files/:id",		ROUTE_NO_BODY,	SMALL,	true,	file_stat,	NULL},
{PUT,	"/api/files/:name",		ROUTE_UPLOAD,	FOREVER,true,	file_put,	NULL},
{DELETE,"/api/files/:id",		ROUTE_NO_BODY,	SMALL,	true,	file_delete,	NULL},
{GET,	"/api/files/:id/download",	ROUTE_NO_BODY,	SMALL,	true,	file_download,	NULL},

{POST,	"/api/lambda/run",		ROUTE_JSON,	CODE,	true,	lambda_run,	NULL},

{POST,	"/api/fs/mkdir",		ROUTE_JSON,	SMALL,	true,	fs_mkdir,	NULL},
{GET,	"/api/fs/ls",			ROUTE_NO_BODY,	SMALL,	true,	fs_list,	"path"},
{GET,	"/api/fs/stat",			ROUTE_NO_BODY,	SMALL,	true,	fs_stat,	"path"},
{POST,	"/api/fs/upload",		ROUTE_UPLOAD,	FOREVER,true,	fs_upload,	"path"},
{PUT,	"/api/fs/file",			ROUTE_UPLOAD,	FOREVER,true,	fs_put,	"path"},
{GET,	"/api/fs/download",		ROUTE_NO_BODY,	SMALL,	true,	fs_download,	"path"},
{DELETE,"/api/fs/delete",		ROUTE_NO_BODY,	SMALL,	true,	fs_delete,	"path"},
{POST,	"/api/fs/move",			ROUTE_JSON,	SMALL,	true,	fs_move,	NULL},
};
/* clang-format on */
const size_t routes_count = NX_ARRAY_SIZE(routes);

/* Does @pattern describe @uri? *ret_param: what stands at its ':'. */
static bool
matches(const char *pattern, const struct uri *uri, const char **ret_param)
{
	const char *param = NULL;
	size_t i, n;

	for (i = 0; *pattern == '/'; i++, pattern += n) {
		n = strcspn(++pattern, "/");
		if (i == uri->n_segments || uri->segment[i][0] == '\0')
			return false;
		if (*pattern == ':')
			param = uri->segment[i];
		else if (strlen(uri->segment[i]) != n ||
		    memcmp(uri->segment[i], pattern, n) != 0)
			return false;
	}
	if (i != uri->n_segments || uri->deep)
		return false;
	*ret_param = param;
	return true;
}

bool
route_takes(const struct route *route, const char *param)
{
	const char *word = route->query;
	size_t n = strlen(param), len;

	for (; word && *word; word += len + strspn(word + len, " ")) {
		len = strcspn(word, " ");
		if (len == n && memcmp(word, param, n) == 0)
			return true;
	}
	return false;
}

const struct route *
route_find(struct req *r, bool *ret_path)
{
	enum http_method method = r->head.method;
	const struct route *found = NULL;
	const char *param;
	size_t i;

	if (method == HTTP_M_HEAD)
		method = HTTP_M_GET;
	*ret_path = false;
	for (i = 0; i < routes_count; i++) {
		if (!matches(routes[i].pattern, &r->uri, &param))
			continue;
		*ret_path = true;
		if (routes[i].method != method)
			continue;
		/* "/api/files/upload" also looks like "/api/files/:id" */
		if (found && param)
			continue;
		found = &routes[i];
		r->param = param;
	}
	return found;
}

const char *
route_allow(const struct uri *uri)
{
	static const struct {
		unsigned method;
		const char *names;
	} names[] = {
	    {GET, "GET, HEAD, "},
	    {POST, "POST, "},
	    {PUT, "PUT, "},
	    {DELETE, "DELETE, "},
	};
	static char text[64];
	const char *param;
	unsigned mask = 0;
	size_t i;

	for (i = 0; i < routes_count; i++)
		if (uri->asterisk || matches(routes[i].pattern, uri, &param))
			mask |= routes[i].method;
	text[0] = '\0';
	for (i = 0; i < NX_ARRAY_SIZE(names); i++)
		if (mask & names[i].method)
			strcat(text, names[i].names);
	strcat(text, "OPTIONS");
	return text;
}
