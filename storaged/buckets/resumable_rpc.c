/*
 * Resumable uploads: opened, asked about, finished. How their bytes come is in
 * object_upload.c. Where they stand is in the catalogue and nowhere else, so
 * nothing that ends (a connection, this process, the host) loses any of it.
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
#include "storaged/care/care.h"
#include "storaged/trees/trees.h"

/* --- opening ----------------------------------------------------------------*/

struct open_request {
	struct catalog_upload_open op;
	struct nx_request *request;
	uint8_t state[DIGEST_STATE];
};

static const char *
place_of(const struct catalog_upload *u)
{
	return u->path[0] ? u->path : u->name;
}

static void
opened(int result, void *arg)
{
	struct open_request *o = arg;
	Nx__UploadInfo info;

	if (result != 0)
		refuse_catalog(o->request, result, place_of(&o->op.upload));
	else {
		upload_info(&o->op.upload, "", &info);
		nx_answer_resumable_open(o->request, &info);
	}
	free(o);
}

/* A path that could not be written to now is refused now. */
static bool
read_place(struct nx_request *r, struct storaged *s,
    const Nx__ResumableOpenRequest *q, struct catalog_upload *u)
{
	static const struct catalog_condition none;
	struct upload_policy policy = {
	    .replicas = q->replicas, .erasure = q->erasure};
	struct path path;
	uint64_t old;
	const char *wrong = q->path[0]
	    ? path_parse(q->path, strlen(q->path), &path)
	    : path_check_name(q->name, strlen(q->name));
	int e = 0;

	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		return false;
	}
	if (q->path[0])
		e = catalog_check_target(s->catalog, r->who.user_id, &path,
		    nx_principal_adds_only(&r->who), &none, &old);
	if (e != 0) {
		refuse_path(r, s, r->who.user_id, e, &path);
		return false;
	}
	if (!uploads_decide_policy(
		r, s, r->who.user_id, q->path[0] ? &path : NULL, &policy))
		return false;
	u->want = policy.want;
	u->code = policy.code;
	(void)snprintf(
	    u->path, sizeof(u->path), "%s", q->path[0] ? path.text : "");
	(void)snprintf(u->name, sizeof(u->name), "%s",
	    q->path[0] ? path_last(&path) : q->name);
	return true;
}

/* A SHA-256 of nothing yet. 0 or -errno. */
static int
begin_sum(struct open_request *o)
{
	static const bool sha256[DIGEST_KINDS] = {[DIGEST_SHA256] = true};
	struct digest *d;
	int r = digest_new(sha256, &d);

	if (r < 0)
		return r;
	digest_save(d, o->state);
	digest_free(d);
	o->op.state = o->state;
	o->op.upload.sums = CATALOG_SUM_SHA256;
	return 0;
}

void
serve_resumable_open(
    struct nx_request *r, const Nx__ResumableOpenRequest *q, struct storaged *s)
{
	struct open_request *o = calloc(1, sizeof(*o));
	int e = o ? quota_limit(s, r->who.user_id, &o->op.quota) : -ENOMEM;

	if (e == 0 && q->want_sha256)
		e = begin_sum(o);
	if (e < 0) {
		nx_refuse_errno(r, e, "opening the upload");
		free(o);
		return;
	}
	if (!read_place(r, s, q, &o->op.upload) ||
	    refuse_waiting(r, s, r->who.user_id)) {
		free(o);
		return;
	}
	o->request = r;
	o->op.upload.owner = r->who.user_id;
	o->op.upload.kind = CATALOG_RESUMABLE;
	o->op.upload.adds_only = nx_principal_adds_only(&r->who);
	o->op.entries = quota_entries(s, r->who.user_id);
	o->op.keep = BUCKETS_RESUMABLE_KEEP;
	o->op.done = opened;
	o->op.arg = o;
	catalog_upload_open(s->catalog, &o->op);
}

void
serve_resumable_stat(
    struct nx_request *r, const Nx__UploadRequest *q, struct storaged *s)
{
	struct catalog_upload u;
	Nx__UploadInfo info;

	if (!bucket_find_upload(r, s, q->id, CATALOG_RESUMABLE, &u))
		return;
	upload_info(&u, "", &info);
	nx_answer_resumable_stat(r, &info);
}
