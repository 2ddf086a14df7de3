/*
 * Multipart uploads: opened below their bucket, then /api/uploads/:id. Parts are
 * bodies; a list of them with their etags makes the object. How it is completed:
 * complete.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/err.h"
#include "gatewayd/buckets/complete.h"
#include "proto/bucket.rpc.h"
#include "proto/storage.rpc.h"

#define PARTS_MAX 10000U

static void
on_opened(struct req *r, const struct nx_reply *reply)
{
	struct buf b = {0};

	json_upload(&b, NULL, nx_as_upload_info(reply->body));
	reply_json(r, 201, &b);
}

/* Its metadata are in the head, as with an object that is sent in one go. */
static void
multipart_open(struct req *r)
{
	Nx__MultipartOpenRequest m = NX__MULTIPART_OPEN_REQUEST__INIT;
	const struct http_error *error;
	struct bucket_lock lock;
	struct bucket_meta meta;
	struct redundancy redundancy;
	struct digest digest;
	struct about about;

	error = about_of(&about, &r->x.head, true);
	if (!error)
		error = redundancy_of(&redundancy, &r->x.head, &r->uri);
	if (!error)
		error = bucket_meta_of(&meta, &about.message);
	if (error)
		req_fail_http(r, error);
	else if (bucket_key(r, "key", &m.key) && bucket_lock_of(r, &lock)) {
		m.bucket = bucket_text(r->param);
		m.replicas = redundancy.replicas;
		m.erasure = redundancy.erasure;
		m.meta = meta.list;
		m.n_meta = meta.n;
		m.mode = bucket_text(lock.mode);
		m.until = lock.until;
		m.hold = lock.hold;
		digest_wants(&digest, &r->x.head);
		m.want_sha256 = digest.wants_sha256;
		req_call(r, nx_ask_multipart_open(&m), NULL, on_opened);
	}
	about_fini(&about);
}

/* --- lists ------------------------------------------------------------------*/

static void
on_uploads(struct req *r, const struct nx_reply *reply)
{
	const Nx__UploadListReply *m = nx_as_upload_list_reply(reply->body);

	for (size_t i = 0; i < m->n_uploads; i++)
		json_upload(page_buf(r), NULL, m->uploads[i]);
	page_done(r, m->next);
}

static void
ask_uploads(struct req *r, const char *cursor)
{
	Nx__MultipartListRequest m = NX__MULTIPART_LIST_REQUEST__INIT;
	struct req_call_opts opts = {.again = page_again};

	m.bucket = bucket_text(r->param);
	m.after = bucket_text(cursor);
	req_call(r, nx_ask_multipart_list(&m), &opts, on_uploads);
}

static void
multipart_list(struct req *r)
{
	page_begin(r, ask_uploads);
}

static void
json_part(struct buf *b, const Nx__PartInfo *p)
{
	json_open(b, NULL, '{');
	json_uint(b, "number", p->number);
	json_uint(b, "size", p->size);
	json_string(b, "etag", p->etag);
	if (p->sha256[0])
		json_string(b, "sha256", p->sha256);
	json_uint(b, "made_at", p->made_at);
	json_close(b, '}');
}

static void
on_parts(struct req *r, const struct nx_reply *reply)
{
	const Nx__PartListReply *m = nx_as_part_list_reply(reply->body);
	char next[16] = "";

	for (size_t i = 0; i < m->n_parts; i++)
		json_part(page_buf(r), m->parts[i]);
	if (m->next != 0)
		(void)snprintf(next, sizeof(next), "%u", m->next);
	page_done(r, next);
}

static void
ask_parts(struct req *r, const char *cursor)
{
	Nx__PartListRequest m = NX__PART_LIST_REQUEST__INIT;
	struct req_call_opts opts = {.again = page_again};

	m.id = bucket_text(r->param);
	m.after = (uint32_t)strtoul(cursor, NULL, 10);
	req_call(r, nx_ask_part_list(&m), &opts, on_parts);
}

static void
part_list(struct req *r)
{
	page_begin(r, ask_parts);
}

/* --- parts ------------------------------------------------------------------*/

static void
on_part(struct req *r, const struct nx_reply *reply)
{
	const Nx__FinishUploadReply *m = nx_as_finish_upload_reply(reply->body);
	uint64_t number = 0;
	struct buf b = {0};

	if (!m->file || !req_number(r, "number", PARTS_MAX, &number)) {
		if (!m->file)
			req_fail_status(r, NX__STATUS__INTERNAL,
			    "The storage service did not say what it stored.");
		return;
	}
	json_open(&b, NULL, '{');
	json_uint(&b, "number", number);
	json_uint(&b, "size", m->file->size);
	json_string(&b, "etag", m->file->md5);
	if (m->file->sha256[0])
		json_string(&b, "sha256", m->file->sha256);
	json_close(&b, '}');
	reply_json(r, 201, &b);
}

static void
open_part(struct req *r)
{
	Nx__PartOpenUploadRequest m = NX__PART_OPEN_UPLOAD_REQUEST__INIT;
	struct upload *u = req_upload(r);
	uint64_t number = 0;

	if (!req_number(r, "number", PARTS_MAX, &number))
		return;
	m.id = bucket_text(r->param);
	m.number = (uint32_t)number; /* 0: storaged says what it takes */
	m.has_size = r->x.head.framing != HTTP_CHUNKED;
	m.size = m.has_size ? r->x.head.content_length : 0;
	m.md5 = u->digest.sent[DIGEST_MD5];
	m.sha256 = u->digest.sent[DIGEST_SHA256];
	m.want_sha256 = u->digest.wants_sha256;
	upload_ask(u, nx_ask_part_open_upload(&m), open_part, put_opened);
}

static const struct put_kind part_kind = {
    .takes = PUT_DIGEST,
    .open = open_part,
    .done = on_part,
};

static void
part_put(struct req *r)
{
	put_begin(r, &part_kind, NULL);
}

static const struct route rows[] = {
    {HTTP_M_POST, "/api/buckets/:name/uploads", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, multipart_open, "%key " BUCKET_LOCK_QUERY},
    {HTTP_M_GET, "/api/buckets/:name/uploads", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, multipart_list, NULL},
    {HTTP_M_PUT, "/api/uploads/:id/parts", ROUTE_UPLOAD, ROUTE_ANY, ROUTE_TOKEN,
	part_put, "number"},
    {HTTP_M_GET, "/api/uploads/:id/parts", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, part_list, NULL},
    {HTTP_M_POST, "/api/uploads/:id/complete", ROUTE_JSON_LISTS, ROUTE_LISTS,
	ROUTE_DECIDES, multipart_complete, NULL},
};
const struct route_table multipart_routes = {rows, NX_ARRAY_SIZE(rows)};
