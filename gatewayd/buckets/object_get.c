/*
 * Objects, looked at and fetched. What is asked for is looked up first, and its
 * content is then that of the file found: who replaces the object meanwhile does
 * not get mixed in. Where it is gone before a byte was sent, it is looked up again.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "gatewayd/buckets/object.h"
#include "proto/bucket.rpc.h"

bool
object_of(struct req *r, Nx__ObjectRequest *m)
{
	m->bucket = bucket_text(r->param);
	m->version = bucket_text(req_param(r, "version"));
	return bucket_key(r, "key", &m->key);
}

/* --- as JSON ----------------------------------------------------------------*/

static void
on_stat(struct req *r, const struct nx_reply *reply)
{
	const Nx__ObjectStatReply *m = nx_as_object_stat_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	object_members(&b, m->info, true);
	json_open(&b, "metadata", '{');
	for (size_t i = 0; i < m->n_meta; i++)
		json_string(&b, m->meta[i]->name, m->meta[i]->value);
	json_close(&b, '}');
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

void
object_stat(struct req *r)
{
	Nx__ObjectRequest m = NX__OBJECT_REQUEST__INIT;

	if (object_of(r, &m))
		req_call(r, nx_ask_object_stat(&m), NULL, on_stat);
}

/* --- the content ------------------------------------------------------------*/

/* The last part of the key, for who saves it. */
static void
last_name(const ProtobufCBinaryData *key, char name[256])
{
	size_t len = key->len, from;

	while (len > 0 && key->data[len - 1] == '/')
		len--;
	for (from = len; from > 0 && key->data[from - 1] != '/'; from--)
		;
	if (len - from > 255)
		from = len - 255;
	memcpy(name, key->data + from, len - from);
	name[len - from] = '\0';
}

static void
lock_fields(struct buf *b, const Nx__ObjectInfo *m)
{
	if (m->mode[0])
		buf_printf(b,
		    "X-Nexus-Lock: %s\r\n"
		    "X-Nexus-Lock-Until: %llu\r\n",
		    m->mode, (unsigned long long)m->until);
	if (m->hold)
		buf_text(b, "X-Nexus-Hold: true\r\n");
}

static void
add_fields(struct buf *b, const Nx__ObjectStatReply *m, const char **ret_type)
{
	time_t changed = (time_t)m->info->modified_at;
	char text[64];
	struct tm tm;

	bucket_meta_headers(b, m->meta, m->n_meta, ret_type);
	if (gmtime_r(&changed, &tm) &&
	    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
		buf_printf(b, "Last-Modified: %s\r\n", text);
	buf_printf(b, "X-Nexus-Version: %s\r\n", m->info->version);
	lock_fields(b, m->info);
}

static void
on_found(struct req *r, const struct nx_reply *reply)
{
	const Nx__ObjectStatReply *m = nx_as_object_stat_reply(reply->body);
	bool current = *req_param(r, "version") == '\0';
	struct download_of file = {.id = m->info->id,
	    .etag = m->info->etag,
	    .sha256 = m->info->sha256,
	    .size = m->info->size};
	struct buf fields = {0};
	char name[256];

	if (m->info->marker) {
		req_fail(r, 404, "not-found",
		    "This object is deleted; what it was is in the list of "
		    "objects with ?versions=true.");
		return;
	}
	last_name(&m->info->key, name);
	file.name = name;
	add_fields(&fields, m, &file.type);
	download_known(r, &file, &fields, current ? object_get : NULL);
}

void
object_get(struct req *r)
{
	Nx__ObjectRequest m = NX__OBJECT_REQUEST__INIT;
	struct req_call_opts opts = {.again = object_get};

	if (object_of(r, &m))
		req_call(r, nx_ask_object_stat(&m), &opts, on_found);
}
