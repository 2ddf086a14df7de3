/* What the routes of buckets/ share: reading what is asked, writing what is. */
#ifndef GW_BUCKET_IN_H
#define GW_BUCKET_IN_H

#include "gatewayd/buckets/buckets.h"
#include "gatewayd/transfer/transfer.h"
#include "proto/bucket.pb-c.h"

#define BUCKET_TRIES  8U   /* when what was looked up is replaced meanwhile */
#define BUCKET_LONG_S 300U /* an upload is made an object, a file */

static inline char *
bucket_text(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* A parameter of any bytes; none: empty. */
ProtobufCBinaryData bucket_bytes(const struct req *r, const char *name);
/* The parameter @name that is a key. False: the request has ended. */
bool bucket_key(struct req *r, const char *name, ProtobufCBinaryData *ret_key);

/* ?lock=MODE&until=TIME&hold= of an object that is made. */
struct bucket_lock {
	const char *mode;
	uint64_t until;
	bool hold;
};
#define BUCKET_LOCK_QUERY "lock until hold replicas erasure"
/* False: the request has ended. */
bool bucket_lock_of(struct req *r, struct bucket_lock *ret_lock);

/* Metadata of an object, of what is said of a file: Content-Type is "content-type",
 * X-Nexus-Mtime "mtime", X-Nexus-Meta-NAME "name". Points into @about. */
struct bucket_meta {
	Nx__MetaPair pairs[HEAD_META_MAX + 2], *list[HEAD_META_MAX + 2];
	size_t n;
	char mtime[ABOUT_TIME];
};
/* NULL, or what is wrong: one name twice. */
const struct http_error *
bucket_meta_of(struct bucket_meta *m, const Nx__About *about);
/* The same back, as fields of a head; ret_type: the content type, or "". */
void bucket_meta_headers(
    struct buf *b, Nx__MetaPair *const *list, size_t n, const char **ret_type);

/* JSON. */
void json_bucket(struct buf *b, const char *name, const Nx__BucketInfo *m);
/* @versions: with what only lists of versions have. */
void json_object(
    struct buf *b, const char *name, const Nx__ObjectInfo *m, bool versions);
/* Its members, within an object. */
void object_members(struct buf *b, const Nx__ObjectInfo *m, bool versions);
void json_upload(struct buf *b, const char *name, const Nx__UploadInfo *m);
/* Members key and, where that is no text, key_encoded. */
void json_key(struct buf *b, const ProtobufCBinaryData *key);

#endif
