/* Buckets, objects and uploads as JSON. */
#include "common/utf8.h"
#include "gatewayd/buckets/bucket_in.h"

void
json_bucket(struct buf *b, const char *name, const Nx__BucketInfo *m)
{
	json_open(b, name, '{');
	json_string(b, "name", m->name);
	json_uint(b, "made_at", m->made_at);
	json_string(b, "versions", m->versions);
	json_bool(b, "locks", m->lockable);
	json_string(b, "lock", m->mode);
	json_uint(b, "days", m->days);
	json_close(b, '}');
}

void
json_key(struct buf *b, const ProtobufCBinaryData *key)
{
	const char *text = (const char *)key->data;

	json_bytes(b, "key", text, key->len);
	if (nx_utf8_valid(text, key->len))
		return;
	json_open(b, "key_encoded", '"');
	b->comma = false;
	buf_percent(b, text, key->len);
	json_close(b, '"');
}

static void
lock_members(struct buf *b, const Nx__ObjectInfo *m)
{
	if (m->mode[0]) {
		json_string(b, "lock", m->mode);
		json_uint(b, "until", m->until);
	}
	if (m->hold)
		json_bool(b, "hold", true);
}

void
object_members(struct buf *b, const Nx__ObjectInfo *m, bool versions)
{
	json_key(b, &m->key);
	json_string(b, "type",
	    m->prefix       ? "prefix"
		: m->marker ? "marker"
			    : "object");
	if (!m->prefix) {
		json_uint(b, "size", m->size);
		json_uint(b, "modified_at", m->modified_at);
		json_string(b, "version", m->version);
	}
	if (!m->prefix && versions)
		json_bool(b, "current", m->current);
	if (!m->prefix && !m->marker) {
		json_string(b, "etag", m->etag);
		if (m->sha256[0])
			json_string(b, "sha256", m->sha256);
		if (m->sha256_parts[0])
			json_string(b, "sha256_parts", m->sha256_parts);
		json_string(b, "id", m->id);
		if (m->parts > 0)
			json_uint(b, "parts", m->parts);
		lock_members(b, m);
	}
}

void
json_object(
    struct buf *b, const char *name, const Nx__ObjectInfo *m, bool versions)
{
	json_open(b, name, '{');
	object_members(b, m, versions);
	json_close(b, '}');
}

void
json_upload(struct buf *b, const char *name, const Nx__UploadInfo *m)
{
	json_open(b, name, '{');
	json_string(b, "id", m->id);
	if (m->key.len > 0) {
		if (m->bucket[0])
			json_string(b, "bucket", m->bucket);
		json_key(b, &m->key);
	} else if (m->path[0])
		json_string(b, "path", m->path);
	else
		json_string(b, "name", m->name);
	json_uint(b, "size", m->size);
	json_uint(b, "parts", m->parts);
	if (m->sha256)
		json_bool(b, "sha256", true);
	json_uint(b, "began_at", m->began_at);
	json_uint(b, "expires_at", m->expires_at);
	json_close(b, '}');
}
