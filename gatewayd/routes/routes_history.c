/*
 * /api/fs: what was at a path before. Versions, what was deleted, bringing back
 * and giving up, and how long it is kept.
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/routes/condition.h"
#include "gatewayd/routes/page.h"
#include "gatewayd/routes/reply_file.h"
#include "gatewayd/routes/route.h"
#include "gatewayd/routes/routes.h"
#include "proto/history.rpc.h"
#include "proto/storage.rpc.h"

#define PURGE_S   600U
#define RESTORE_S 600U /* a folder of a deleted one is copied */

static char *
borrow(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* --- lists ------------------------------------------------------------------*/

static void
json_version(struct buf *b, const Nx__FsVersion *v)
{
	Nx__FsEntry e = NX__FS_ENTRY__INIT;

	e.name = v->name;
	e.folder = v->folder;
	e.size = v->size;
	e.modified_at = v->modified_at;
	e.md5 = v->md5;
	e.condition = v->condition;
	e.about = v->about;
	e.files = v->files;
	e.folders = v->folders;
	json_open(b, NULL, '{');
	json_uint(b, "version", v->version);
	entry_members(b, &e);
	json_string(b, "why", v->why);
	json_uint(b, "gone_at", v->gone_at);
	json_uint(b, "until", v->until);
	if (v->held)
		json_bool(b, "held", true);
	json_close(b, '}');
}

static void
on_versions(struct req *r, const struct nx_reply *reply)
{
	const Nx__FsVersionsReply *m = nx_as_fs_versions_reply(reply->body);

	for (size_t i = 0; i < m->n_versions; i++)
		json_version(page_buf(r), m->versions[i]);
	page_done(r, m->next);
}

static void
ask_versions(struct req *r, const char *cursor)
{
	Nx__FsVersionsRequest m = NX__FS_VERSIONS_REQUEST__INIT;
	struct req_call_opts opts = {.again = page_again};
	const char *path = req_query(r, "path");

	if (!path)
		return;
	m.path = borrow(path);
	m.after = borrow(cursor);
	req_call(r, nx_ask_fs_versions(&m), &opts, on_versions);
}

static void
fs_versions(struct req *r)
{
	page_begin(r, ask_versions);
}

static void
ask_deleted(struct req *r, const char *cursor)
{
	Nx__FsVersionsRequest m = NX__FS_VERSIONS_REQUEST__INIT;
	struct req_call_opts opts = {.again = page_again};
	const char *path = uri_param(&r->uri, "path");

	m.path = borrow(path && *path ? path : "/");
	m.after = borrow(cursor);
	m.deleted = true;
	req_call(r, nx_ask_fs_versions(&m), &opts, on_versions);
}

void
history_list_deleted(struct req *r)
{
	page_begin(r, ask_deleted);
}

/* --- bringing back ----------------------------------------------------------*/

struct restore_wanted {
	char *path, *new_path;
	uint64_t version;
	bool replace;
};
static const struct json_field restore_fields[] = {
    {"path", JSON_STRING, true, offsetof(struct restore_wanted, path), 0, 0},
    {"new_path", JSON_STRING, false, offsetof(struct restore_wanted, new_path),
	0, 0},
    {"version", JSON_UINT, false, offsetof(struct restore_wanted, version), 1,
	INT64_MAX},
    {"replace", JSON_BOOL, false, offsetof(struct restore_wanted, replace), 0,
	0},
};

static void
on_restored(struct req *r, const struct nx_reply *reply)
{
	struct restore_wanted w = {0};
	struct buf b = {0};

	if (!req_take(r, restore_fields, NX_ARRAY_SIZE(restore_fields), &w))
		return;
	json_open(&b, NULL, '{');
	json_string(&b, "message", "Restored.");
	json_string(
	    &b, "path", w.new_path && *w.new_path ? w.new_path : w.path);
	entry_members(&b, nx_as_fs_entry(reply->body));
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
fs_restore(struct req *r)
{
	Nx__FsRestoreRequest m = NX__FS_RESTORE_REQUEST__INIT;
	struct req_call_opts opts = {.timeout_s = RESTORE_S};
	const struct http_error *error;
	struct condition condition;
	struct restore_wanted w = {0};

	if (!req_take(r, restore_fields, NX_ARRAY_SIZE(restore_fields), &w))
		return;
	error = condition_of(&condition, &r->x.head);
	if (error) {
		req_fail_http(r, error);
		return;
	}
	m.path = w.path;
	m.version = w.version;
	m.to = borrow(w.new_path ? w.new_path : "");
	m.replace = w.replace;
	m.condition = condition_message(&condition);
	req_call(r, nx_ask_fs_restore(&m), &opts, on_restored);
}

/* --- giving up --------------------------------------------------------------*/

struct purge_wanted {
	char *path;
	uint64_t version;
};
static const struct json_field purge_fields[] = {
    {"path", JSON_STRING, true, offsetof(struct purge_wanted, path), 0, 0},
    {"version", JSON_UINT, false, offsetof(struct purge_wanted, version), 1,
	INT64_MAX},
};

static void
on_purged(struct req *r, const struct nx_reply *reply)
{
	const Nx__FsPurgeReply *m = nx_as_fs_purge_reply(reply->body);
	struct purge_wanted w = {0};
	struct buf b = {0};

	if (!req_take(r, purge_fields, NX_ARRAY_SIZE(purge_fields), &w))
		return;
	json_open(&b, NULL, '{');
	json_string(&b, "message", "Purged.");
	json_string(&b, "path", w.path);
	json_uint(&b, "files", m->files);
	json_uint(&b, "folders", m->folders);
	json_uint(&b, "bytes", m->bytes);
	if (m->locked > 0)
		json_uint(&b, "locked", m->locked);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
fs_purge(struct req *r)
{
	Nx__FsPurgeRequest m = NX__FS_PURGE_REQUEST__INIT;
	struct req_call_opts opts = {.timeout_s = PURGE_S};
	struct purge_wanted w = {0};

	if (!req_take(r, purge_fields, NX_ARRAY_SIZE(purge_fields), &w))
		return;
	m.path = w.path;
	m.version = w.version;
	req_call(r, nx_ask_fs_purge(&m), &opts, on_purged);
}

/* --- how long ---------------------------------------------------------------*/

static void
on_history(struct req *r, const struct nx_reply *reply)
{
	const Nx__FsHistoryReply *m = nx_as_fs_history_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_uint(&b, "seconds", m->seconds);
	json_bool(&b, "own", m->own);
	json_uint(&b, "bytes", m->bytes);
	json_uint(&b, "entries", m->entries);
	json_uint(&b, "held", m->held);
	json_uint(&b, "limit", m->limit);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
fs_history(struct req *r)
{
	Nx__FsHistoryRequest m = NX__FS_HISTORY_REQUEST__INIT;
	const char *path = uri_param(&r->uri, "path");

	m.path = borrow(path && *path ? path : "/");
	req_call(r, nx_ask_fs_history(&m), NULL, on_history);
}

struct keep_wanted {
	char *path;
	uint64_t seconds;
	bool inherit;
};
static const struct json_field keep_fields[] = {
    {"path", JSON_STRING, true, offsetof(struct keep_wanted, path), 0, 0},
    {"seconds", JSON_UINT, false, offsetof(struct keep_wanted, seconds), 0,
	INT64_MAX},
    {"inherit", JSON_BOOL, false, offsetof(struct keep_wanted, inherit), 0, 0},
};

static void
fs_set_history(struct req *r)
{
	Nx__FsSetHistoryRequest m = NX__FS_SET_HISTORY_REQUEST__INIT;
	struct keep_wanted w = {.seconds = UINT64_MAX};

	if (!req_take(r, keep_fields, NX_ARRAY_SIZE(keep_fields), &w))
		return;
	if (w.inherit == (w.seconds != UINT64_MAX)) {
		req_fail(r, 400, "invalid",
		    "Say either seconds, how long it is kept, or inherit.");
		return;
	}
	m.path = w.path;
	m.seconds = w.inherit ? 0 : w.seconds;
	m.inherit = w.inherit;
	req_call(r, nx_ask_fs_set_history(&m), NULL, on_history);
}

static const struct route rows[] = {
    {HTTP_M_GET, "/api/fs/versions", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	fs_versions, "path"},
    {HTTP_M_POST, "/api/fs/restore", ROUTE_JSON, ROUTE_SMALL, ROUTE_DECIDES,
	fs_restore, NULL},
    {HTTP_M_POST, "/api/fs/purge", ROUTE_JSON, ROUTE_SMALL, ROUTE_TOKEN,
	fs_purge, NULL},
    {HTTP_M_GET, "/api/fs/history", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	fs_history, "path"},
    {HTTP_M_PUT, "/api/fs/history", ROUTE_JSON, ROUTE_SMALL, ROUTE_TOKEN,
	fs_set_history, NULL},
};
const struct route_table history_routes = {rows, NX_ARRAY_SIZE(rows)};
