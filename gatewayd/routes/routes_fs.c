/*
 * /api/fs: the user's own tree of folders and files, through storaged.
 */
#include <stddef.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/routes/condition.h"
#include "gatewayd/routes/page.h"
#include "gatewayd/routes/reply_file.h"
#include "gatewayd/routes/route.h"
#include "proto/storage.rpc.h"

#define COPY_S 600U /* a large folder, some 20,000 files a second */

static char *
borrow(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* --- folders ---------------------------------------------------------------*/

struct mkdir_wanted {
	char *path;
	bool parents;
};
static const struct json_field mkdir_fields[] = {
    {"path", JSON_STRING, true, offsetof(struct mkdir_wanted, path), 0, 0},
    {"parents", JSON_BOOL, false, offsetof(struct mkdir_wanted, parents), 0, 0},
};

static void
on_made(struct req *r, const struct nx_reply *reply)
{
	struct mkdir_wanted w = {0};
	struct buf b = {0};

	(void)reply;
	if (!req_take(r, mkdir_fields, NX_ARRAY_SIZE(mkdir_fields), &w))
		return;
	json_open(&b, NULL, '{');
	json_string(&b, "message", "Folder created.");
	json_string(&b, "path", w.path);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
fs_mkdir(struct req *r)
{
	Nx__MkdirRequest m = NX__MKDIR_REQUEST__INIT;
	struct mkdir_wanted w = {0};

	if (!req_take(r, mkdir_fields, NX_ARRAY_SIZE(mkdir_fields), &w))
		return;
	m.path = w.path;
	m.parents = w.parents;
	req_call(r, nx_ask_fs_mkdir(&m), NULL, on_made);
}

static void
on_entry(struct req *r, const struct nx_reply *reply)
{
	struct buf b = {0};

	json_entry(&b, NULL, nx_as_fs_entry(reply->body));
	reply_json(r, 200, &b);
}

static void
fs_stat(struct req *r)
{
	Nx__FsPathRequest m = NX__FS_PATH_REQUEST__INIT;
	const char *path = req_query(r, "path");

	if (!path)
		return;
	m.path = borrow(path);
	req_call(r, nx_ask_fs_stat(&m), NULL, on_entry);
}

static void
on_deleted(struct req *r, const struct nx_reply *reply)
{
	const Nx__FsDeleteReply *m = nx_as_fs_delete_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_string(&b, "message", "Deleted.");
	json_string(&b, "path", uri_param(&r->uri, "path"));
	json_uint(&b, "files", m->files);
	json_uint(&b, "folders", m->folders);
	json_uint(&b, "bytes", m->bytes);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
fs_delete(struct req *r)
{
	Nx__FsPathRequest m = NX__FS_PATH_REQUEST__INIT;
	struct req_call_opts opts = {.timeout_s = 600};
	const char *path = req_query(r, "path");
	struct condition condition;
	bool forever;

	if (!path || !req_condition(r, &condition))
		return;
	if (!req_flag(r, "forever", &forever))
		return;
	m.path = borrow(path);
	m.forever = forever;
	m.condition = condition_message(&condition);
	req_call(r, nx_ask_fs_delete(&m), &opts, on_deleted);
}

struct move_wanted {
	char *old_path, *new_path;
};
static const struct json_field move_fields[] = {
    {"old_path", JSON_STRING, true, offsetof(struct move_wanted, old_path), 0,
	0},
    {"new_path", JSON_STRING, true, offsetof(struct move_wanted, new_path), 0,
	0},
};

static void
on_moved(struct req *r, const struct nx_reply *reply)
{
	struct move_wanted w = {0};
	struct buf b = {0};

	(void)reply;
	if (!req_take(r, move_fields, NX_ARRAY_SIZE(move_fields), &w))
		return;
	json_open(&b, NULL, '{');
	json_string(&b, "message", "Moved.");
	json_string(&b, "old_path", w.old_path);
	json_string(&b, "new_path", w.new_path);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
fs_move(struct req *r)
{
	Nx__FsMoveRequest m = NX__FS_MOVE_REQUEST__INIT;
	struct condition condition;
	struct move_wanted w = {0};

	if (!req_take(r, move_fields, NX_ARRAY_SIZE(move_fields), &w) ||
	    !req_condition(r, &condition))
		return;
	m.from = w.old_path;
	m.to = w.new_path;
	m.condition = condition_message(&condition);
	req_call(r, nx_ask_fs_move(&m), NULL, on_moved);
}

struct copy_wanted {
	char *old_path, *new_path, *snapshot;
	bool replace;
};
static const struct json_field copy_fields[] = {
    {"old_path", JSON_STRING, true, offsetof(struct copy_wanted, old_path), 0,
	0},
    {"new_path", JSON_STRING, true, offsetof(struct copy_wanted, new_path), 0,
	0},
    {"replace", JSON_BOOL, false, offsetof(struct copy_wanted, replace), 0, 0},
    {"snapshot", JSON_STRING, false, offsetof(struct copy_wanted, snapshot), 0,
	0},
};

static void
on_copied(struct req *r, const struct nx_reply *reply)
{
	const Nx__FsCopyReply *m = nx_as_fs_copy_reply(reply->body);
	struct copy_wanted w = {0};
	struct buf b = {0};

	if (!req_take(r, copy_fields, NX_ARRAY_SIZE(copy_fields), &w))
		return;
	json_open(&b, NULL, '{');
	json_string(&b, "message", "Copied.");
	json_string(&b, "old_path", w.old_path);
	json_string(&b, "new_path", w.new_path);
	json_uint(&b, "files", m->files);
	json_uint(&b, "folders", m->folders);
	json_uint(&b, "bytes", m->bytes);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
fs_copy(struct req *r)
{
	Nx__FsCopyRequest m = NX__FS_COPY_REQUEST__INIT;
	struct req_call_opts opts = {.timeout_s = COPY_S};
	struct condition condition;
	struct copy_wanted w = {0};

	if (!req_take(r, copy_fields, NX_ARRAY_SIZE(copy_fields), &w) ||
	    !req_condition(r, &condition))
		return;
	m.from = w.old_path;
	m.to = w.new_path;
	m.replace = w.replace;
	m.folders = true;
	m.snapshot = borrow(w.snapshot ? w.snapshot : "");
	m.condition = condition_message(&condition);
	req_call(r, nx_ask_fs_copy(&m), &opts, on_copied);
}

static const struct route rows[] = {
    {HTTP_M_POST, "/api/fs/mkdir", ROUTE_JSON, ROUTE_SMALL, ROUTE_TOKEN,
	fs_mkdir, NULL},
    {HTTP_M_GET, "/api/fs/stat", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	fs_stat, "path"},
    {HTTP_M_DELETE, "/api/fs/delete", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_DECIDES,
	fs_delete, "path forever"},
    {HTTP_M_POST, "/api/fs/move", ROUTE_JSON, ROUTE_SMALL, ROUTE_DECIDES,
	fs_move, NULL},
    {HTTP_M_POST, "/api/fs/copy", ROUTE_JSON, ROUTE_SMALL, ROUTE_DECIDES,
	fs_copy, NULL},
};
const struct route_table fs_routes = {rows, NX_ARRAY_SIZE(rows)};
