/*
 * /api/fs/snapshots: what folders were at a moment; and lists of what was in them.
 */
#include <stddef.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/routes/page.h"
#include "gatewayd/routes/reply_file.h"
#include "gatewayd/routes/route.h"
#include "gatewayd/routes/routes.h"
#include "proto/history.rpc.h"
#include "proto/storage.rpc.h"

static char *
borrow(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void
json_snapshot(struct buf *b, const Nx__SnapshotInfo *s)
{
	json_open(b, NULL, '{');
	json_string(b, "name", s->name);
	json_string(b, "path", s->path);
	json_uint(b, "made_at", s->made_at);
	json_close(b, '}');
}

static void
on_snapshots(struct req *r, const struct nx_reply *reply)
{
	const Nx__SnapshotListReply *m = nx_as_snapshot_list_reply(reply->body);

	for (size_t i = 0; i < m->n_snapshots; i++)
		json_snapshot(page_buf(r), m->snapshots[i]);
	page_done(r, m->next);
}

static void
ask_snapshots(struct req *r, const char *cursor)
{
	Nx__SnapshotListRequest m = NX__SNAPSHOT_LIST_REQUEST__INIT;
	struct req_call_opts opts = {.again = page_again};

	m.after = borrow(cursor);
	req_call(r, nx_ask_snapshot_list(&m), &opts, on_snapshots);
}

static void
snapshots_list(struct req *r)
{
	page_begin(r, ask_snapshots);
}

struct make_wanted {
	char *name, *path;
};
static const struct json_field make_fields[] = {
    {"name", JSON_STRING, true, offsetof(struct make_wanted, name), 0, 0},
    {"path", JSON_STRING, false, offsetof(struct make_wanted, path), 0, 0},
};

static void
on_made(struct req *r, const struct nx_reply *reply)
{
	struct buf b = {0};

	json_snapshot(&b, nx_as_snapshot_info(reply->body));
	reply_json(r, 201, &b);
}

static void
snapshot_make(struct req *r)
{
	Nx__SnapshotRequest m = NX__SNAPSHOT_REQUEST__INIT;
	struct make_wanted w = {0};

	if (!req_take(r, make_fields, NX_ARRAY_SIZE(make_fields), &w))
		return;
	m.name = w.name;
	m.path = borrow(w.path ? w.path : "/");
	req_call(r, nx_ask_snapshot_make(&m), NULL, on_made);
}

static void
on_deleted(struct req *r, const struct nx_reply *reply)
{
	struct buf b = {0};

	json_snapshot(&b, nx_as_snapshot_info(reply->body));
	reply_json(r, 200, &b);
}

static void
snapshot_delete(struct req *r)
{
	Nx__SnapshotRequest m = NX__SNAPSHOT_REQUEST__INIT;
	const char *name = req_query(r, "name");

	if (!name)
		return;
	m.name = borrow(name);
	req_call(r, nx_ask_snapshot_delete(&m), NULL, on_deleted);
}

/* --- what was in one --------------------------------------------------------*/

static void
on_entries(struct req *r, const struct nx_reply *reply)
{
	const Nx__FsListReply *m = nx_as_fs_list_reply(reply->body);

	for (size_t i = 0; i < m->n_entries; i++)
		json_entry(page_buf(r), NULL, m->entries[i]);
	page_done(r, m->next);
}

static void
ask_entries(struct req *r, const char *cursor)
{
	Nx__SnapshotEntriesRequest m = NX__SNAPSHOT_ENTRIES_REQUEST__INIT;
	struct req_call_opts opts = {.again = page_again};
	const char *path = uri_param(&r->uri, "path");
	const char *name = uri_param(&r->uri, "snapshot");

	m.name = borrow(name ? name : "");
	m.path = borrow(path && *path ? path : "/");
	m.after = borrow(cursor);
	req_call(r, nx_ask_snapshot_entries(&m), &opts, on_entries);
}

void
history_list_snapshot(struct req *r)
{
	page_begin(r, ask_entries);
}

static const struct route rows[] = {
    {HTTP_M_GET, "/api/fs/snapshots", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	snapshots_list, NULL},
    {HTTP_M_POST, "/api/fs/snapshots", ROUTE_JSON, ROUTE_SMALL, ROUTE_TOKEN,
	snapshot_make, NULL},
    {HTTP_M_DELETE, "/api/fs/snapshots", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, snapshot_delete, "name"},
};
const struct route_table snapshot_routes = {rows, NX_ARRAY_SIZE(rows)};
