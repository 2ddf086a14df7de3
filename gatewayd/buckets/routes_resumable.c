/*
 * /api/uploads: resumable uploads of files. Each PUT goes on at the offset where
 * the upload ends; what came counts, whatever ends it.
 */
#include <inttypes.h>
#include <stddef.h>

#include "common/err.h"
#include "gatewayd/buckets/bucket_in.h"
#include "proto/bucket.rpc.h"
#include "proto/storage.rpc.h"

static void
reply_upload(struct req *r, int status, const struct nx_reply *reply)
{
	struct buf b = {0};

	json_upload(&b, NULL, nx_as_upload_info(reply->body));
	reply_json(r, status, &b);
}

static void
on_upload(struct req *r, const struct nx_reply *reply)
{
	reply_upload(r, 200, reply);
}

static void
on_opened(struct req *r, const struct nx_reply *reply)
{
	reply_upload(r, 201, reply);
}

/* --- opening, looking -------------------------------------------------------*/

struct open_wanted {
	char *path, *name, *erasure;
	uint64_t replicas;
	bool sha256;
};
static const struct json_field open_fields[] = {
    {"path", JSON_STRING, false, offsetof(struct open_wanted, path), 0, 0},
    {"name", JSON_STRING, false, offsetof(struct open_wanted, name), 0, 0},
    {"replicas", JSON_UINT, false, offsetof(struct open_wanted, replicas), 0,
	8},
    {"erasure", JSON_STRING, false, offsetof(struct open_wanted, erasure), 0,
	0},
    {"sha256", JSON_BOOL, false, offsetof(struct open_wanted, sha256), 0, 0},
};

static void
upload_begin(struct req *r)
{
	Nx__ResumableOpenRequest m = NX__RESUMABLE_OPEN_REQUEST__INIT;
	struct open_wanted w = {0};

	if (!req_take(r, open_fields, NX_ARRAY_SIZE(open_fields), &w))
		return;
	if ((w.path && *w.path) == (w.name && *w.name)) {
		req_fail(r, 400, "invalid",
		    "Say path (a file in the tree) or name (a raw file), one "
		    "of the two.");
		return;
	}
	if (w.path)
		m.path = w.path;
	if (w.name)
		m.name = w.name;
	m.replicas = (uint32_t)w.replicas;
	if (w.erasure)
		m.erasure = w.erasure;
	m.want_sha256 = w.sha256;
	req_call(r, nx_ask_resumable_open(&m), NULL, on_opened);
}

static void
upload_stat(struct req *r)
{
	Nx__UploadRequest m = NX__UPLOAD_REQUEST__INIT;

	m.id = bucket_text(r->param);
	req_call(r, nx_ask_resumable_stat(&m), NULL, on_upload);
}

static void
on_list(struct req *r, const struct nx_reply *reply)
{
	const Nx__UploadListReply *m = nx_as_upload_list_reply(reply->body);

	for (size_t i = 0; i < m->n_uploads; i++)
		json_upload(page_buf(r), NULL, m->uploads[i]);
	page_done(r, m->next);
}

static void
ask_list(struct req *r, const char *cursor)
{
	Nx__ResumableListRequest m = NX__RESUMABLE_LIST_REQUEST__INIT;
	struct req_call_opts opts = {.again = page_again};

	m.after = bucket_text(cursor);
	req_call(r, nx_ask_resumable_list(&m), &opts, on_list);
}

static void
upload_list(struct req *r)
{
	page_begin(r, ask_list);
}

/* --- going on ---------------------------------------------------------------*/

static void
on_appended(struct req *r, const struct nx_reply *reply)
{
	const Nx__FinishUploadReply *m = nx_as_finish_upload_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_string(&b, "id", r->param);
	json_uint(&b, "size", m->offset);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
open_append(struct req *r)
{
	Nx__ResumableAppendRequest m = NX__RESUMABLE_APPEND_REQUEST__INIT;

	if (!req_query(r, "offset") ||
	    !req_number(r, "offset", INT64_MAX, &m.offset))
		return;
	m.id = bucket_text(r->param);
	m.has_size = r->x.head.framing != HTTP_CHUNKED;
	m.size = m.has_size ? r->x.head.content_length : 0;
	upload_ask(req_upload(r), nx_ask_resumable_append(&m), open_append,
	    put_opened);
}

static const struct put_kind append_kind = {
    .takes = PUT_KEEPS,
    .open = open_append,
    .done = on_appended,
};

static void
upload_append(struct req *r)
{
	put_begin(r, &append_kind, NULL);
}

/* --- the end ----------------------------------------------------------------*/

struct finish_wanted {
	uint64_t size;
	bool create_only;
	char *sha256;
};
static const struct json_field finish_fields[] = {
    {"size", JSON_UINT, true, offsetof(struct finish_wanted, size), 0,
	1ULL << 53},
    {"create_only", JSON_BOOL, false,
	offsetof(struct finish_wanted, create_only), 0, 0},
    {"sha256", JSON_STRING, false, offsetof(struct finish_wanted, sha256), 0,
	0},
};

static void
on_finished(struct req *r, const struct nx_reply *reply)
{
	reply_uploaded(r, 201, nx_as_finish_upload_reply(reply->body));
}

static void
upload_end(struct req *r)
{
	Nx__ResumableFinishRequest m = NX__RESUMABLE_FINISH_REQUEST__INIT;
	struct req_call_opts opts = {.timeout_s = BUCKET_LONG_S};
	struct finish_wanted w = {0};
	struct condition condition;
	uint8_t sha256[DIGEST_MAX];

	if (!req_take(r, finish_fields, NX_ARRAY_SIZE(finish_fields), &w))
		return;
	if (!req_condition(r, &condition))
		return;
	if (w.sha256 && !digest_read(w.sha256, sha256)) {
		req_fail(
		    r, 400, "invalid", "A SHA-256 is 64 hexadecimal digits.");
		return;
	}
	m.sha256.data = sha256;
	m.sha256.len = w.sha256 ? sizeof(sha256) : 0;
	m.id = bucket_text(r->param);
	m.size = w.size;
	m.create_only = w.create_only;
	m.condition = condition_message(&condition);
	req_call(r, nx_ask_resumable_finish(&m), &opts, on_finished);
}

static void
on_dropped(struct req *r, const struct nx_reply *reply)
{
	struct buf b = {0};

	(void)reply;
	json_open(&b, NULL, '{');
	json_string(&b, "message", "The upload is given up.");
	json_string(&b, "id", r->param);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

/* Of either kind. */
static void
upload_drop(struct req *r)
{
	Nx__UploadRequest m = NX__UPLOAD_REQUEST__INIT;

	m.id = bucket_text(r->param);
	req_call(r, nx_ask_upload_drop(&m), NULL, on_dropped);
}

static const struct route rows[] = {
    {HTTP_M_POST, "/api/uploads", ROUTE_JSON, ROUTE_SMALL, ROUTE_TOKEN,
	upload_begin, NULL},
    {HTTP_M_GET, "/api/uploads", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	upload_list, NULL},
    {HTTP_M_GET, "/api/uploads/:id", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	upload_stat, NULL},
    {HTTP_M_PUT, "/api/uploads/:id", ROUTE_UPLOAD, ROUTE_ANY, ROUTE_TOKEN,
	upload_append, "offset"},
    {HTTP_M_DELETE, "/api/uploads/:id", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	upload_drop, NULL},
    {HTTP_M_POST, "/api/uploads/:id/finish", ROUTE_JSON, ROUTE_SMALL,
	ROUTE_DECIDES, upload_end, NULL},
};
const struct route_table resumable_routes = {rows, NX_ARRAY_SIZE(rows)};
