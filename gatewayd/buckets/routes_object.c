/*
 * /api/buckets/:name/...: the routes of objects; those that take one call are here.
 */
#include <stddef.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/buckets/object.h"
#include "proto/bucket.rpc.h"

/* --- deleting ---------------------------------------------------------------*/

static void
on_deleted(struct req *r, const struct nx_reply *reply)
{
	const Nx__ObjectDeleteReply *m = nx_as_object_delete_reply(reply->body);
	ProtobufCBinaryData key = bucket_bytes(r, "key");
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_key(&b, &key);
	json_bool(&b, "absent", m->absent);
	json_bool(&b, "marker", m->marker);
	json_string(&b, "version", m->version);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
object_delete(struct req *r)
{
	Nx__ObjectDeleteRequest m = NX__OBJECT_DELETE_REQUEST__INIT;
	struct condition condition;
	bool bypass;

	if (!req_condition(r, &condition))
		return;
	if (!bucket_key(r, "key", &m.key) || !req_flag(r, "bypass", &bypass))
		return;
	m.bucket = bucket_text(r->param);
	m.version = bucket_text(req_param(r, "version"));
	m.bypass = bypass;
	m.condition = condition_message(&condition);
	req_call(r, nx_ask_object_delete(&m), NULL, on_deleted);
}

/* --- locking ----------------------------------------------------------------*/

struct lock_wanted {
	char *lock;
	uint64_t until;
	bool hold, bypass;
};
static const struct json_field lock_fields[] = {
    {"lock", JSON_STRING, false, offsetof(struct lock_wanted, lock), 0, 0},
    {"until", JSON_UINT, false, offsetof(struct lock_wanted, until), 0,
	1ULL << 53},
    {"hold", JSON_BOOL, false, offsetof(struct lock_wanted, hold), 0, 0},
    {"bypass", JSON_BOOL, false, offsetof(struct lock_wanted, bypass), 0, 0},
};

static void
on_locked(struct req *r, const struct nx_reply *reply)
{
	struct buf b = {0};

	json_object(&b, NULL, nx_as_object_info(reply->body), true);
	reply_json(r, 200, &b);
}

static void
object_lock(struct req *r)
{
	Nx__ObjectSetLockRequest m = NX__OBJECT_SET_LOCK_REQUEST__INIT;
	struct lock_wanted w = {0};

	if (!bucket_key(r, "key", &m.key) ||
	    !req_take(r, lock_fields, NX_ARRAY_SIZE(lock_fields), &w))
		return;
	m.set_hold = json_member(r->json, "hold") != NULL;
	if (!w.lock && (!m.set_hold || w.until != 0)) {
		req_fail(r, 400, "invalid",
		    "Say lock (governance or compliance, with until; or off), "
		    "or hold.");
		return;
	}
	m.bucket = bucket_text(r->param);
	m.version = bucket_text(req_param(r, "version"));
	m.set_until = w.lock != NULL;
	if (w.lock && strcmp(w.lock, "off") != 0)
		m.mode = w.lock;
	m.until = w.until;
	m.hold = w.hold;
	m.bypass = w.bypass;
	req_call(r, nx_ask_object_set_lock(&m), NULL, on_locked);
}

static const struct route rows[] = {
    {HTTP_M_GET, "/api/buckets/:name/objects", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, object_list,
	"%prefix %delimiter %start_after after limit versions"},
    {HTTP_M_PUT, "/api/buckets/:name/object", ROUTE_UPLOAD, ROUTE_ANY,
	ROUTE_DECIDES, object_put, "%key " BUCKET_LOCK_QUERY},
    {HTTP_M_GET, "/api/buckets/:name/object", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, object_get, "%key version"},
    {HTTP_M_DELETE, "/api/buckets/:name/object", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_DECIDES, object_delete, "%key version bypass"},
    {HTTP_M_GET, "/api/buckets/:name/stat", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, object_stat, "%key version"},
    {HTTP_M_PUT, "/api/buckets/:name/lock", ROUTE_JSON, ROUTE_SMALL,
	ROUTE_TOKEN, object_lock, "%key version"},
    {HTTP_M_POST, "/api/buckets/:name/copy", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_DECIDES, object_copy,
	"%key from %from_key from_version from_file from_etag metadata "
	"lock until hold"},
    {HTTP_M_POST, "/api/buckets/:name/delete", ROUTE_JSON_LISTS, ROUTE_LISTS,
	ROUTE_TOKEN, object_delete_many, NULL},
};
const struct route_table object_routes = {rows, NX_ARRAY_SIZE(rows)};
