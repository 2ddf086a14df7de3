/*
 * /api/buckets: made, listed, set, deleted.
 */
#include <stddef.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/buckets/bucket_in.h"
#include "proto/bucket.rpc.h"

#define LIMIT 100U

static void
reply_bucket(struct req *r, int status, const struct nx_reply *reply)
{
	struct buf b = {0};

	json_bucket(&b, NULL, nx_as_bucket_info(reply->body));
	reply_json(r, status, &b);
}

static void
on_bucket(struct req *r, const struct nx_reply *reply)
{
	reply_bucket(r, 200, reply);
}

static void
on_made(struct req *r, const struct nx_reply *reply)
{
	reply_bucket(r, 201, reply);
}

/* --- lists ------------------------------------------------------------------*/

static void
on_list(struct req *r, const struct nx_reply *reply)
{
	const Nx__BucketListReply *m = nx_as_bucket_list_reply(reply->body);

	for (size_t i = 0; i < m->n_buckets; i++)
		json_bucket(page_buf(r), NULL, m->buckets[i]);
	page_done(r, m->next);
}

static void
ask_list(struct req *r, const char *cursor)
{
	Nx__BucketListRequest m = NX__BUCKET_LIST_REQUEST__INIT;
	struct req_call_opts opts = {.again = page_again};

	m.after = bucket_text(cursor);
	m.limit = LIMIT;
	req_call(r, nx_ask_bucket_list(&m), &opts, on_list);
}

static void
bucket_list(struct req *r)
{
	page_begin(r, ask_list);
}

/* --- making, looking, deleting ----------------------------------------------*/

struct make_wanted {
	char *name;
	bool versions, locks;
};
static const struct json_field make_fields[] = {
    {"name", JSON_STRING, true, offsetof(struct make_wanted, name), 0, 0},
    {"versions", JSON_BOOL, false, offsetof(struct make_wanted, versions), 0,
	0},
    {"locks", JSON_BOOL, false, offsetof(struct make_wanted, locks), 0, 0},
};

static void
bucket_make(struct req *r)
{
	Nx__BucketMakeRequest m = NX__BUCKET_MAKE_REQUEST__INIT;
	struct make_wanted w = {0};

	if (!req_take(r, make_fields, NX_ARRAY_SIZE(make_fields), &w))
		return;
	m.name = w.name;
	m.versions = w.versions;
	m.lockable = w.locks;
	req_call(r, nx_ask_bucket_make(&m), NULL, on_made);
}

static void
bucket_stat(struct req *r)
{
	Nx__BucketRequest m = NX__BUCKET_REQUEST__INIT;

	m.name = bucket_text(r->param);
	req_call(r, nx_ask_bucket_stat(&m), NULL, on_bucket);
}

static void
on_deleted(struct req *r, const struct nx_reply *reply)
{
	struct buf b = {0};

	(void)reply;
	json_open(&b, NULL, '{');
	json_string(&b, "message", "Bucket deleted.");
	json_string(&b, "name", r->param);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
bucket_delete(struct req *r)
{
	Nx__BucketRequest m = NX__BUCKET_REQUEST__INIT;

	m.name = bucket_text(r->param);
	req_call(r, nx_ask_bucket_delete(&m), NULL, on_deleted);
}

/* --- settings ---------------------------------------------------------------*/

struct set_wanted {
	char *versions, *lock;
	uint64_t days;
};
static const struct json_field set_fields[] = {
    {"versions", JSON_STRING, false, offsetof(struct set_wanted, versions), 0,
	0},
    {"lock", JSON_STRING, false, offsetof(struct set_wanted, lock), 0, 0},
    {"days", JSON_UINT, false, offsetof(struct set_wanted, days), 0, 36500},
};

static void
bucket_set(struct req *r)
{
	Nx__BucketSetRequest m = NX__BUCKET_SET_REQUEST__INIT;
	struct set_wanted w = {0};

	if (!req_take(r, set_fields, NX_ARRAY_SIZE(set_fields), &w))
		return;
	if (!w.versions && !w.lock) {
		req_fail(r, 400, "invalid",
		    "Say versions (on or suspended), or lock (governance, "
		    "compliance or off) with days.");
		return;
	}
	if (w.days != 0 && !w.lock) {
		req_fail(
		    r, 400, "invalid", "The member days needs lock beside it.");
		return;
	}
	m.name = bucket_text(r->param);
	if (w.versions)
		m.versions = w.versions;
	m.set_lock = w.lock != NULL;
	if (w.lock && strcmp(w.lock, "off") != 0)
		m.mode = w.lock;
	m.days = (uint32_t)w.days;
	req_call(r, nx_ask_bucket_set(&m), NULL, on_bucket);
}

static const struct route rows[] = {
    {HTTP_M_GET, "/api/buckets", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	bucket_list, NULL},
    {HTTP_M_POST, "/api/buckets", ROUTE_JSON, ROUTE_SMALL, ROUTE_TOKEN,
	bucket_make, NULL},
    {HTTP_M_GET, "/api/buckets/:name", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	bucket_stat, NULL},
    {HTTP_M_PUT, "/api/buckets/:name", ROUTE_JSON, ROUTE_SMALL, ROUTE_TOKEN,
	bucket_set, NULL},
    {HTTP_M_DELETE, "/api/buckets/:name", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, bucket_delete, NULL},
};
const struct route_table bucket_routes = {rows, NX_ARRAY_SIZE(rows)};
