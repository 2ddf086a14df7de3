/* /api/fs/lock: paths of the user's tree that are locked until a time. */
#include <stddef.h>

#include "common/err.h"
#include "gatewayd/routes/page.h"
#include "gatewayd/routes/route.h"
#include "proto/lock.rpc.h"

struct lock_wanted {
	char *path;
	uint64_t until;
};
static const struct json_field lock_fields[] = {
    {"path", JSON_STRING, true, offsetof(struct lock_wanted, path), 0, 0},
    {"until", JSON_UINT, true, offsetof(struct lock_wanted, until), 1,
	INT64_MAX},
};

static void
lock_json(struct buf *b, const Nx__FsLockInfo *m)
{
	json_open(b, NULL, '{');
	json_string(b, "path", m->path);
	json_uint(b, "locked_until", m->until);
	json_close(b, '}');
}

static void
on_locked(struct req *r, const struct nx_reply *reply)
{
	struct buf b = {0};

	lock_json(&b, nx_as_fs_lock_info(reply->body));
	reply_json(r, 200, &b);
}

static void
lock(struct req *r)
{
	Nx__FsLockRequest m = NX__FS_LOCK_REQUEST__INIT;
	struct lock_wanted w = {0};

	if (!req_take(r, lock_fields, NX_ARRAY_SIZE(lock_fields), &w))
		return;
	m.path = w.path;
	m.until = w.until;
	req_call(r, nx_ask_fs_lock(&m), NULL, on_locked);
}

/* --- all there are ----------------------------------------------------------*/

static void
on_locks(struct req *r, const struct nx_reply *reply)
{
	const Nx__FsLockListReply *m = nx_as_fs_lock_list_reply(reply->body);

	for (size_t i = 0; i < m->n_locks; i++)
		lock_json(page_buf(r), m->locks[i]);
	page_done(r, m->next);
}

static void
ask_locks(struct req *r, const char *cursor)
{
	Nx__FsLockListRequest m = NX__FS_LOCK_LIST_REQUEST__INIT;
	struct req_call_opts opts = {.again = page_again};

	m.after = (char *)(uintptr_t)cursor;
	req_call(r, nx_ask_fs_lock_list(&m), &opts, on_locks);
}

static void
list(struct req *r)
{
	page_begin(r, ask_locks);
}

static const struct route rows[] = {
    {HTTP_M_PUT, "/api/fs/lock", ROUTE_JSON, ROUTE_SMALL, ROUTE_TOKEN, lock,
	NULL},
    {HTTP_M_GET, "/api/fs/locks", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN, list,
	NULL},
};
const struct route_table lock_routes = {rows, NX_ARRAY_SIZE(rows)};
