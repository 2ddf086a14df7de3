/* Multipart uploads: opened, listed, given up. How one ends well is in
 * complete.c. Loop's thread only. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/id.h"
#include "proto/serve_storaged.h"
#include "storaged/buckets/bucket_internal.h"
#include "storaged/buckets/buckets.h"
#include "storaged/care/care.h"
#include "storaged/trees/trees.h"

#define LIST_MAX   32U /* a row may have a key, or a path of 4096 bytes */
#define PAGE_BYTES 48000U
#define PARTS_MAX  250U

void
upload_info(const struct catalog_upload *u, const char *bucket,
    Nx__UploadInfo *ret_info)
{
	nx__upload_info__init(ret_info);
	ret_info->id = info_text(u->id);
	ret_info->bucket = info_text(bucket);
	ret_info->key.data = (uint8_t *)(uintptr_t)u->key;
	ret_info->key.len = u->key_len;
	ret_info->path = info_text(u->path);
	ret_info->name = info_text(u->name);
	ret_info->began_at = u->began_at;
	ret_info->expires_at = u->expires_at;
	ret_info->size = u->size;
	ret_info->parts = u->parts;
	ret_info->sha256 = u->sums & CATALOG_SUM_SHA256;
}

/* --- opening ----------------------------------------------------------------*/

struct open_request {
	struct catalog_upload_open op;
	struct storaged *s;
	struct nx_request *request;
	char bucket[CATALOG_BUCKET_NAME + 1];
	uint8_t meta[CATALOG_META_MAX];
};

static void
opened(int result, void *arg)
{
	struct open_request *o = arg;
	Nx__UploadInfo info;

	if (result != 0)
		refuse_catalog(o->request, result, o->bucket);
	else {
		upload_info(&o->op.upload, o->bucket, &info);
		nx_answer_multipart_open(o->request, &info);
	}
	free(o);
}

static bool
fill_open(struct nx_request *r, struct storaged *s,
    const Nx__MultipartOpenRequest *q, struct open_request *o)
{
	struct upload_policy policy = {
	    .replicas = q->replicas, .erasure = q->erasure};
	struct catalog_upload *u = &o->op.upload;
	struct catalog_bucket b;
	struct catalog_key key;
	int e;

	if (!bucket_find_own(r, s, q->bucket, &b) ||
	    !bucket_read_key(r, &q->key, &key) ||
	    !bucket_read_lock(r, q->mode, q->until, q->hold, &u->lock) ||
	    !bucket_read_meta(
		r, q->meta, q->n_meta, o->meta, &o->op.meta_len) ||
	    !uploads_decide_policy(r, s, b.owner, NULL, &policy))
		return false;
	u->want = policy.want;
	u->code = policy.code;
	e = quota_limit(s, b.owner, &o->op.quota);
	if (e < 0) {
		nx_refuse_errno(r, e, "opening the upload");
		return false;
	}
	memcpy(o->bucket, b.name, sizeof(o->bucket));
	u->kind = CATALOG_MULTIPART;
	u->sums = q->want_sha256 ? CATALOG_SUM_SHA256 : 0;
	u->adds_only = nx_principal_adds_only(&r->who);
	u->owner = b.owner;
	u->bucket = b.key;
	u->key_len = key.len;
	memcpy(u->key, key.data, key.len);
	o->op.meta = o->meta;
	o->op.entries = quota_entries(s, b.owner);
	o->op.keep = BUCKETS_MULTIPART_KEEP;
	return true;
}

void
serve_multipart_open(
    struct nx_request *r, const Nx__MultipartOpenRequest *q, struct storaged *s)
{
	struct open_request *o = calloc(1, sizeof(*o));

	if (!o) {
		nx_refuse_errno(r, -ENOMEM, "opening the upload");
		return;
	}
	if (!fill_open(r, s, q, o) || refuse_waiting(r, s, r->who.user_id)) {
		free(o);
		return;
	}
	o->s = s;
	o->request = r;
	o->op.done = opened;
	o->op.arg = o;
	catalog_upload_open(s->catalog, &o->op);
}

/* --- lists ------------------------------------------------------------------*/

static bool
read_after(struct nx_request *r, struct storaged *s,
    const Nx__MultipartListRequest *q, struct catalog_upload *ret_after)
{
	const char *id = q->after[0] ? q->after : q->id_after;

	memset(ret_after, 0, sizeof(*ret_after));
	if (q->key_after.len > 0) {
		memcpy(ret_after->key, q->key_after.data, q->key_after.len);
		ret_after->key_len = q->key_after.len;
		ret_after->file = INT64_MAX; /* all of that key */
	}
	if (id[0] == '\0')
		return true;
	return bucket_find_upload(r, s, id, CATALOG_MULTIPART, ret_after);
}

static void
answer_uploads(struct nx_request *r, const struct catalog_upload *list, int n,
    size_t max, const char *bucket)
{
	Nx__UploadListReply reply = NX__UPLOAD_LIST_REPLY__INIT;
	Nx__UploadInfo infos[LIST_MAX], *pointers[LIST_MAX];
	size_t bytes = 0;

	for (size_t i = 0; i < (size_t)n && i < max; i++) {
		bytes += 200 + list[i].key_len + strlen(list[i].path);
		if (bytes > PAGE_BYTES)
			break;
		upload_info(&list[i], bucket, &infos[i]);
		pointers[i] = &infos[i];
		reply.n_uploads = i + 1;
	}
	reply.uploads = pointers;
	if ((size_t)n > reply.n_uploads)
		reply.next = infos[reply.n_uploads - 1].id;
	nx_answer(r, &reply.base, NULL, 0);
}

void
serve_multipart_list(
    struct nx_request *r, const Nx__MultipartListRequest *q, struct storaged *s)
{
	size_t max = q->limit && q->limit < LIST_MAX ? q->limit : LIST_MAX;
	struct catalog_upload *list, after;
	struct catalog_bucket b;
	int n = -ENOMEM;

	if (!bucket_find(r, s, q->bucket, &b) || !read_after(r, s, q, &after))
		return;
	list = calloc(max + 1, sizeof(*list));
	if (list)
		n = catalog_upload_list(s->catalog, b.key,
		    &(struct catalog_key){after.key, after.key_len}, after.file,
		    list, max + 1);
	if (n < 0)
		nx_refuse_errno(r, n, "listing the uploads");
	else
		answer_uploads(r, list, n, max, b.name);
	free(list);
}

void
serve_resumable_list(
    struct nx_request *r, const Nx__ResumableListRequest *q, struct storaged *s)
{
	size_t max = q->limit && q->limit < LIST_MAX ? q->limit : LIST_MAX;
	struct catalog_upload *list, after = {0};
	int n = -ENOMEM;

	if (q->after[0] &&
	    !bucket_find_upload(r, s, q->after, CATALOG_RESUMABLE, &after))
		return;
	list = calloc(max + 1, sizeof(*list));
	if (list)
		n = catalog_resumable_list(
		    s->catalog, r->who.user_id, after.file, list, max + 1);
	if (n < 0)
		nx_refuse_errno(r, n, "listing the uploads");
	else
		answer_uploads(r, list, n, max, "");
	free(list);
}

void
serve_part_list(
    struct nx_request *r, const Nx__PartListRequest *q, struct storaged *s)
{
	Nx__PartListReply reply = NX__PART_LIST_REPLY__INIT;
	size_t max = q->limit && q->limit < PARTS_MAX ? q->limit : PARTS_MAX;
	struct catalog_part parts[PARTS_MAX + 1];
	Nx__PartInfo infos[PARTS_MAX], *pointers[PARTS_MAX];
	char sums[PARTS_MAX][SHA256_TEXT];
	struct catalog_upload u;
	Nx__UploadInfo info;
	int n;

	if (!bucket_find_upload(r, s, q->id, CATALOG_MULTIPART, &u))
		return;
	n = catalog_part_list(s->catalog, u.file, q->after, parts, max + 1);
	if (n < 0) {
		nx_refuse_errno(r, n, "listing the parts");
		return;
	}
	for (size_t i = 0; i < (size_t)n && i < max; i++) {
		nx__part_info__init(&infos[i]);
		infos[i].number = parts[i].number;
		infos[i].size = parts[i].size;
		infos[i].etag = parts[i].etag.text;
		infos[i].made_at = parts[i].made_at;
		if (parts[i].summed) {
			checksum_text(parts[i].sha256, SHA256_LEN, sums[i]);
			infos[i].sha256 = sums[i];
		}
		pointers[i] = &infos[i];
		reply.n_parts = i + 1;
	}
	upload_info(&u, "", &info);
	reply.upload = &info;
	reply.parts = pointers;
	reply.next = (size_t)n > max ? parts[max - 1].number : 0;
	nx_answer_part_list(r, &reply);
}

/* --- giving up --------------------------------------------------------------*/

struct drop_request {
	struct catalog_upload_drop op;
	struct storaged *s;
	struct nx_request *request;
	char id[NX_ID_LEN + 1];
};

static void
dropped(int result, void *arg)
{
	struct drop_request *d = arg;

	if (result == -ENOSPC && reserve_give(d->s->reserve)) {
		catalog_upload_drop(d->s->catalog, &d->op);
		return;
	}
	if (result != 0)
		refuse_catalog(d->request, result, d->id);
	else {
		nx_answer_upload_drop(d->request);
		collector_kick(d->s->collector);
	}
	free(d);
}

void
serve_upload_drop(
    struct nx_request *r, const Nx__UploadRequest *q, struct storaged *s)
{
	struct drop_request *d = calloc(1, sizeof(*d));
	struct catalog_upload u;
	int result = -ENOMEM;

	if (d)
		result = nx_id_valid(q->id)
		    ? catalog_upload_find(
			  s->catalog, r->who.user_id, r->who.place, q->id, &u)
		    : CATALOG_NO_UPLOAD;
	if (result == 0 && !bucket_may(r, &u))
		result = CATALOG_NO_UPLOAD;
	if (result != 0) {
		refuse_catalog(r, result, q->id);
		free(d);
		return;
	}
	uploads_end_pieces(s->uploads, u.file);
	d->s = s;
	d->request = r;
	memcpy(d->id, u.id, sizeof(d->id));
	d->op.owner = u.owner;
	d->op.upload = u.file;
	d->op.done = dropped;
	d->op.arg = d;
	catalog_upload_drop(s->catalog, &d->op);
}
