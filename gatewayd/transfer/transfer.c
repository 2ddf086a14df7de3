/*
 * Routes whose body or reply is a file: a row each, and what it starts.
 */
#include <string.h>

#include "common/err.h"
#include "gatewayd/transfer/download.h"
#include "gatewayd/transfer/form.h"
#include "gatewayd/transfer/put.h"
#include "gatewayd/transfer/transfer.h"

static void
file_upload(struct req *r)
{
	form_start(r, false);
}

static void
file_put(struct req *r)
{
	put_start(r, r->param, NULL);
}

static void
file_download(struct req *r)
{
	download_start(r, r->param, NULL, 0, NULL);
}

static void
fs_upload(struct req *r)
{
	form_start(r, true);
}

static void
fs_put(struct req *r)
{
	const char *path = req_query(r, "path");

	if (path)
		put_start(r, NULL, path);
}

static void
fs_download(struct req *r)
{
	const char *path = req_query(r, "path");
	const char *text = uri_param(&r->uri, "version");
	uint64_t version = 0;

	if (!path)
		return;
	if (text &&
	    (!http_decimal((struct http_span){text, strlen(text)}, &version) ||
		version == 0 || version > INT64_MAX))
		req_fail(r, 400, "invalid",
		    "A version is a number, as /api/fs/versions gives it.");
	else
		download_start(
		    r, NULL, path, version, uri_param(&r->uri, "snapshot"));
}

static const struct route rows[] = {
    {HTTP_M_POST, "/api/files/upload", ROUTE_UPLOAD, ROUTE_ANY, ROUTE_DECIDES,
	file_upload, "erasure replicas"},
    {HTTP_M_PUT, "/api/files/:name", ROUTE_UPLOAD, ROUTE_ANY, ROUTE_DECIDES,
	file_put, "erasure replicas"},
    {HTTP_M_GET, "/api/files/:id/download", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, file_download, NULL},
    {HTTP_M_POST, "/api/fs/upload", ROUTE_UPLOAD, ROUTE_ANY, ROUTE_DECIDES,
	fs_upload, "path erasure replicas"},
    {HTTP_M_PUT, "/api/fs/file", ROUTE_UPLOAD, ROUTE_ANY, ROUTE_DECIDES, fs_put,
	"path erasure replicas"},
    {HTTP_M_GET, "/api/fs/download", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	fs_download, "path version snapshot"},
};
const struct route_table transfer_routes = {rows, NX_ARRAY_SIZE(rows)};
