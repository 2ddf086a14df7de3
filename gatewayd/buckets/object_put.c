/* PUT /api/buckets/:name/object: the body is the object. */
#include "common/err.h"
#include "gatewayd/buckets/object.h"
#include "proto/bucket.rpc.h"
#include "proto/storage.rpc.h"

static void
on_stored(struct req *r, const struct nx_reply *reply)
{
	const Nx__FinishUploadReply *m = nx_as_finish_upload_reply(reply->body);
	ProtobufCBinaryData key = bucket_bytes(r, "key");
	struct buf b = {0};

	if (!m->file) {
		req_fail_status(r, NX__STATUS__INTERNAL,
		    "The storage service did not say what it stored.");
		return;
	}
	json_open(&b, NULL, '{');
	json_key(&b, &key);
	json_uint(&b, "size", m->file->size);
	json_string(&b, "etag", m->file->md5);
	if (m->file->sha256[0])
		json_string(&b, "sha256", m->file->sha256);
	json_string(&b, "id", m->file->id);
	json_string(&b, "version", m->version[0] ? m->version : "null");
	json_close(&b, '}');
	reply_json(r, 201, &b);
}

static void
open_object(struct req *r)
{
	Nx__ObjectOpenUploadRequest m = NX__OBJECT_OPEN_UPLOAD_REQUEST__INIT;
	struct upload *u = req_upload(r);
	const struct http_error *error;
	struct bucket_lock lock;
	struct bucket_meta meta;

	error = bucket_meta_of(&meta, &u->about.message);
	if (error) {
		req_fail_http(r, error);
		return;
	}
	if (!bucket_key(r, "key", &m.key) || !bucket_lock_of(r, &lock))
		return;
	m.bucket = bucket_text(r->param);
	m.has_size = r->x.head.framing != HTTP_CHUNKED;
	m.size = m.has_size ? r->x.head.content_length : 0;
	m.replicas = u->redundancy.replicas;
	m.erasure = u->redundancy.erasure;
	m.meta = meta.list;
	m.n_meta = meta.n;
	m.condition = condition_message(&u->condition);
	m.md5 = u->digest.sent[DIGEST_MD5];
	m.sha256 = u->digest.sent[DIGEST_SHA256];
	m.want_sha256 = u->digest.wants_sha256;
	m.mode = bucket_text(lock.mode);
	m.until = lock.until;
	m.hold = lock.hold;
	upload_ask(u, nx_ask_object_open_upload(&m), open_object, put_opened);
}

static const struct put_kind kind = {
    .takes = PUT_ABOUT | PUT_DIGEST,
    .open = open_object,
    .done = on_stored,
};

void
object_put(struct req *r)
{
	put_begin(r, &kind, NULL);
}
