/* Buckets themselves: made, listed, changed, deleted. Loop's thread only. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "proto/serve_storaged.h"
#include "storaged/buckets/bucket_internal.h"
#include "storaged/care/care.h"
#include "storaged/trees/trees.h"

#define LIST_MAX 100U
#define DAYS_MAX 36500U

static const char *const versions_text[] = {
    [CATALOG_VERSIONS_OFF] = "off",
    [CATALOG_VERSIONS_ON] = "on",
    [CATALOG_VERSIONS_SUSPENDED] = "suspended",
};

void
bucket_info(const struct catalog_bucket *b, Nx__BucketInfo *ret_info)
{
	nx__bucket_info__init(ret_info);
	ret_info->name = info_text(b->name);
	ret_info->owner = b->owner;
	ret_info->made_at = b->made_at;
	ret_info->versions = info_text(versions_text[b->versions]);
	ret_info->lockable = b->lockable;
	ret_info->mode = info_text(bucket_mode_text(b->mode));
	ret_info->days = b->days;
}

struct bucket_request {
	struct catalog_bucket_op op;
	struct storaged *s;
	struct nx_request *request;
};

static void
answer(struct bucket_request *b)
{
	Nx__BucketInfo info;

	bucket_info(&b->op.bucket, &info);
	nx_answer(b->request, &info.base, NULL, 0);
}

static void
done(int result, void *arg)
{
	struct bucket_request *b = arg;

	if (result != 0)
		refuse_catalog(b->request, result, b->op.bucket.name);
	else
		answer(b);
	free(b);
}

static struct bucket_request *
request_new(struct nx_request *r, struct storaged *s)
{
	struct bucket_request *b = calloc(1, sizeof(*b));

	if (!b) {
		nx_refuse_errno(r, -ENOMEM, "changing the bucket");
		return NULL;
	}
	b->s = s;
	b->request = r;
	b->op.done = done;
	b->op.arg = b;
	return b;
}

void
serve_bucket_make(
    struct nx_request *r, const Nx__BucketMakeRequest *q, struct storaged *s)
{
	const char *wrong = bucket_check_name(q->name);
	struct bucket_request *b;
	uint64_t quota;
	int e;

	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		return;
	}
	e = quota_limit(s, r->who.user_id, &quota);
	if (e < 0) {
		nx_refuse_errno(r, e, "making the bucket");
		return;
	}
	b = request_new(r, s);
	if (!b)
		return;
	(void)snprintf(
	    b->op.bucket.name, sizeof(b->op.bucket.name), "%s", q->name);
	b->op.bucket.owner = r->who.user_id;
	b->op.bucket.lockable = q->lockable;
	b->op.bucket.versions = q->versions || q->lockable
	    ? CATALOG_VERSIONS_ON
	    : CATALOG_VERSIONS_OFF;
	b->op.quota = quota;
	b->op.entries = quota_entries(s, r->who.user_id);
	catalog_bucket_make(s->catalog, &b->op);
}

void
serve_bucket_list(
    struct nx_request *r, const Nx__BucketListRequest *q, struct storaged *s)
{
	Nx__BucketListReply reply = NX__BUCKET_LIST_REPLY__INIT;
	size_t max = q->limit && q->limit < LIST_MAX ? q->limit : LIST_MAX;
	Nx__BucketInfo infos[LIST_MAX], *pointers[LIST_MAX];
	struct catalog_bucket list[LIST_MAX + 1];
	int n = catalog_bucket_list(
	    s->catalog, r->who.user_id, q->after, list, max + 1);

	if (n < 0) {
		nx_refuse_errno(r, n, "listing the buckets");
		return;
	}
	for (size_t i = 0; i < (size_t)n && i < max; i++) {
		bucket_info(&list[i], &infos[i]);
		pointers[i] = &infos[i];
		reply.n_buckets = i + 1;
	}
	reply.buckets = pointers;
	if ((size_t)n > max)
		reply.next = list[max - 1].name;
	nx_answer_bucket_list(r, &reply);
}

void
serve_bucket_stat(
    struct nx_request *r, const Nx__BucketRequest *q, struct storaged *s)
{
	struct catalog_bucket bucket;
	Nx__BucketInfo info;

	if (!bucket_find(r, s, q->name, &bucket))
		return;
	bucket_info(&bucket, &info);
	nx_answer_bucket_stat(r, &info);
}

/* --- changing ---------------------------------------------------------------*/

static bool
read_versions(
    struct nx_request *r, const char *text, enum catalog_versions *ret_versions)
{
	if (text[0] == '\0')
		return true;
	for (size_t i = CATALOG_VERSIONS_ON; i < NX_ARRAY_SIZE(versions_text);
	     i++)
		if (strcmp(text, versions_text[i]) == 0) {
			*ret_versions = (enum catalog_versions)i;
			return true;
		}
	nx_refuse(r, NX__STATUS__INVALID,
	    "versions are on or suspended; once on they are never off again");
	return false;
}

static bool
read_days(struct nx_request *r, const Nx__BucketSetRequest *q,
    struct catalog_bucket *b)
{
	if (!q->set_lock)
		return true;
	if (!bucket_read_mode(r, q->mode, &b->mode))
		return false;
	b->days = b->mode == CATALOG_UNLOCKED ? 0 : q->days;
	if (b->mode == CATALOG_UNLOCKED || (b->days > 0 && b->days <= DAYS_MAX))
		return true;
	nx_refuse(
	    r, NX__STATUS__INVALID, "a lock is for 1 to %u days", DAYS_MAX);
	return false;
}

void
serve_bucket_set(
    struct nx_request *r, const Nx__BucketSetRequest *q, struct storaged *s)
{
	struct catalog_bucket bucket;
	struct bucket_request *b;

	if (!bucket_find(r, s, q->name, &bucket))
		return;
	bucket.versions = CATALOG_VERSIONS_OFF; /* as they are */
	if (!read_versions(r, q->versions, &bucket.versions) ||
	    !read_days(r, q, &bucket))
		return;
	b = request_new(r, s);
	if (!b)
		return;
	b->op.bucket = bucket;
	b->op.lock = q->set_lock;
	catalog_bucket_set(s->catalog, &b->op);
}

/* --- deleting ---------------------------------------------------------------*/

static void
deleted(int result, void *arg)
{
	struct bucket_request *b = arg;

	if (result == -ENOSPC && reserve_give(b->s->reserve)) {
		catalog_bucket_delete(b->s->catalog, &b->op);
		return;
	}
	done(result, arg);
}

void
serve_bucket_delete(
    struct nx_request *r, const Nx__BucketRequest *q, struct storaged *s)
{
	struct catalog_bucket bucket;
	struct bucket_request *b;

	if (!bucket_find(r, s, q->name, &bucket))
		return;
	b = request_new(r, s);
	if (!b)
		return;
	b->op.bucket = bucket;
	b->op.done = deleted;
	catalog_bucket_delete(s->catalog, &b->op);
}
