/*
 * The bytes of objects, parts and pieces: what is asked for is decided here and by
 * uploads.h, which has the pipe. Loop's thread only.
 *
 * Safe to grant: what serve_file_open_upload says; the bucket, or the upload, is
 * the caller's own.
 */
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
#include "storaged/trees/trees.h"

static struct upload_target *
target_new(struct nx_request *r, enum upload_kind kind)
{
	struct upload_target *t = calloc(1, sizeof(*t));

	if (t)
		t->kind = kind;
	else
		nx_refuse_errno(r, -ENOMEM, "starting an upload");
	return t;
}

/* --- objects ----------------------------------------------------------------*/

static bool
fill_object(struct nx_request *r, struct storaged *s,
    const Nx__ObjectOpenUploadRequest *q, struct upload_target *t)
{
	struct catalog_bucket b;
	struct catalog_key key;

	if (!bucket_find_own(r, s, q->bucket, &b) ||
	    !bucket_read_key(r, &q->key, &key) ||
	    !bucket_read_lock(r, q->mode, q->until, q->hold, &t->object.lock) ||
	    !bucket_read_meta(
		r, q->meta, q->n_meta, t->data + CATALOG_KEY_MAX, &t->meta_len))
		return false;
	t->object.bucket = b.key;
	memcpy(t->data, key.data, key.len);
	t->key_len = key.len;
	catalog_key_text(&key, t->what, sizeof(t->what));
	return true;
}

void
serve_object_open_upload(struct nx_request *r,
    const Nx__ObjectOpenUploadRequest *q, struct storaged *s)
{
	struct upload_target *t = target_new(r, UPLOAD_OBJECT);
	const struct upload_ask ask = {.owner = r->who.user_id,
	    .has_size = q->has_size,
	    .size = q->size,
	    .replicas = q->replicas,
	    .erasure = q->erasure,
	    .md5 = q->md5,
	    .sha256 = q->sha256,
	    .want_sha256 = q->want_sha256,
	    .condition = q->condition,
	    .target = t};

	if (!t)
		return;
	if (fill_object(r, s, q, t))
		uploads_open(r, s, &ask);
	else
		free(t);
}

/* --- parts ------------------------------------------------------------------*/

/* To add to: for its owner, as FINISH will ask. */
static bool
find_own(struct nx_request *r, struct storaged *s, const char *id,
    enum catalog_upload_kind kind, struct catalog_upload *ret_upload)
{
	if (!bucket_find_upload(r, s, id, kind, ret_upload))
		return false;
	if (ret_upload->owner == r->who.user_id)
		return true;
	nx_refuse(r, NX__STATUS__CONFLICT,
	    "this upload is a user's: act for them to go on with it");
	return false;
}

/* @ask is for a piece of @u from now on. False: the request has ended. */
static bool
aim_at(struct nx_request *r, const struct catalog_upload *u,
    enum upload_kind kind, struct upload_ask *ask)
{
	struct upload_target *t = target_new(r, kind);

	if (!t)
		return false;
	ask->target = t;
	ask->owner = u->owner;
	t->part.upload = u->file;
	t->want = u->want;
	t->code = u->code;
	if (u->kind == CATALOG_MULTIPART)
		catalog_key_text(&(struct catalog_key){u->key, u->key_len},
		    t->what, sizeof(t->what));
	else
		(void)snprintf(t->what, sizeof(t->what), "%s", u->name);
	return true;
}

void
serve_part_open_upload(struct nx_request *r, const Nx__PartOpenUploadRequest *q,
    struct storaged *s)
{
	struct upload_ask ask = {.has_size = q->has_size,
	    .size = q->size,
	    .md5 = q->md5,
	    .sha256 = q->sha256,
	    .want_sha256 = q->want_sha256};
	struct catalog_upload u;

	if (q->number == 0 || q->number > CATALOG_PARTS_MAX) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "parts are numbered from 1 to %u", CATALOG_PARTS_MAX);
		return;
	}
	if (!find_own(r, s, q->id, CATALOG_MULTIPART, &u) ||
	    !aim_at(r, &u, UPLOAD_PART, &ask))
		return;
	ask.want_sha256 |= (u.sums & CATALOG_SUM_SHA256) != 0;
	ask.target->part.number = q->number;
	uploads_open(r, s, &ask);
}

/* --- pieces -----------------------------------------------------------------*/

/* Where its SHA-256 stands. False: the request has ended. */
static bool
take_state(struct nx_request *r, struct storaged *s,
    const struct catalog_upload *u, struct upload_target *t)
{
	int e = 0;

	t->sums = u->sums & CATALOG_SUM_SHA256;
	if (t->sums)
		e = catalog_upload_state(s->catalog, u->file, t->state);
	if (e < 0)
		nx_refuse_errno(r, e, "reading where its SHA-256 stands");
	return e == 0;
}

void
serve_resumable_append(struct nx_request *r,
    const Nx__ResumableAppendRequest *q, struct storaged *s)
{
	struct upload_ask ask = {.has_size = q->has_size, .size = q->size};
	struct catalog_upload u;

	if (!find_own(r, s, q->id, CATALOG_RESUMABLE, &u))
		return;
	/* What another had nearly done may count yet: it is asked first. */
	uploads_end_pieces(s->uploads, u.file);
	if (q->offset != u.size) {
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "%" PRIu64 " bytes are there: go on at that offset",
		    u.size);
		return;
	}
	if (!aim_at(r, &u, UPLOAD_PIECES, &ask))
		return;
	ask.target->part.offset = q->offset;
	ask.target->part.keep = BUCKETS_RESUMABLE_KEEP;
	if (take_state(r, s, &u, ask.target))
		uploads_open(r, s, &ask);
	else
		free(ask.target);
}
