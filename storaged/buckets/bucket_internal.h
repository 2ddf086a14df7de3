/* Between the files of buckets/ only. */
#ifndef STORAGED_BUCKET_INTERNAL_H
#define STORAGED_BUCKET_INTERNAL_H

#include "common/hub.h"
#include "proto/bucket.rpc.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/uploads/uploads.h"

#define KEY_TEXT 256 /* of a key in a sentence */

/* --- reading requests; each refuses @r and returns false --------------------*/

/* NULL, or what is wrong with @name, by S3's rules. */
const char *bucket_check_name(const char *name);
/* The caller's bucket; the admin's for no user: anybody's. */
bool bucket_find(struct nx_request *r, struct storaged *s, const char *name,
    struct catalog_bucket *ret_bucket);
/* To write into: for its owner. */
bool bucket_find_own(struct nx_request *r, struct storaged *s, const char *name,
    struct catalog_bucket *ret_bucket);
bool bucket_read_key(struct nx_request *r, const ProtobufCBinaryData *data,
    struct catalog_key *ret_key);
/* "", "governance", "compliance". */
bool bucket_read_mode(
    struct nx_request *r, const char *text, enum catalog_lock_mode *ret_mode);
bool bucket_read_lock(struct nx_request *r, const char *mode, uint64_t until,
    bool hold, struct catalog_lock *ret_lock);
/* Packs them; *ret_len bytes into @ret_meta. */
bool bucket_read_meta(struct nx_request *r, Nx__MetaPair *const *pairs,
    size_t n, uint8_t ret_meta[CATALOG_META_MAX], size_t *ret_len);
/* Is @u the caller's to go on with? Who may only add has to do with what was
 * opened so. */
bool bucket_may(const struct nx_request *r, const struct catalog_upload *u);
/* May the caller be told what an upload has become? Its row has gone, and with it
 * who opened it: who may only add could name any file by its id. */
bool bucket_may_know(const struct nx_request *r);
/* The caller's upload of that kind. */
bool
bucket_find_upload(struct nx_request *r, struct storaged *s, const char *id,
    enum catalog_upload_kind kind, struct catalog_upload *ret_upload);

/* --- answering --------------------------------------------------------------*/

const char *bucket_mode_text(enum catalog_lock_mode mode);
void bucket_info(const struct catalog_bucket *b, Nx__BucketInfo *ret_info);
/* Borrows @o's strings. */
void object_info(const struct catalog_object *o, Nx__ObjectInfo *ret_info);
/* What is told of one alone, beside that: its digests. 0 or -errno. */
struct object_told {
	char sha256[SHA256_TEXT], sha256_parts[SHA256_TEXT + 11];
};
int object_info_alone(struct storaged *s, const struct catalog_object *o,
    struct object_told *told, Nx__ObjectInfo *ret_info);
/* Borrows @u's strings and @bucket. */
void upload_info(const struct catalog_upload *u, const char *bucket,
    Nx__UploadInfo *ret_info);

#endif
