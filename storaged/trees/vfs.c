/*
 * Users' trees by path. Every path is parsed by path.h before anything else
 * looks at it; whose tree it is comes from the ticket, or from the admin.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog.h"
#include "storaged/care/care.h"
#include "storaged/trees/about.h"
#include "storaged/trees/condition.h"
#include "storaged/trees/info.h"
#include "storaged/trees/locks.h"
#include "storaged/trees/purges.h"
#include "storaged/trees/quota.h"
#include "storaged/trees/refuse.h"
#include "storaged/storaged.h"
#include "proto/serve_storaged.h"

static bool
read_condition(struct nx_request *r, const Nx__Condition *m,
    struct catalog_condition *ret_condition)
{
	const char *wrong = condition_read(m, ret_condition);

	if (!wrong)
		return true;
	nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
	return false;
}

/* --- reading ----------------------------------------------------------------*/

void
serve_fs_stat(
    struct nx_request *r, const Nx__FsPathRequest *q, struct storaged *s)
{
	struct catalog_entry entry;
	struct about_items items;
	Nx__FsEntry info;
	Nx__About about = NX__ABOUT__INIT;
	char sha256[SHA256_TEXT];
	struct path path;
	int result;

	if (!path_or_refuse(r, q->path, &path))
		return;
	result = q->snapshot[0] != '\0'
	    ? catalog_snapshot_stat(
		  s->catalog, r->who.user_id, q->snapshot, &path, &entry)
	    : q->version != 0
	    ? catalog_version(s->catalog, r->who.user_id, &path,
		  (int64_t)(q->version & INT64_MAX), &entry)
	    : catalog_stat(s->catalog, r->who.user_id, &path, &entry);
	if (result != 0) {
		refuse_catalog(r, result,
		    result == CATALOG_NO_SNAPSHOT ? q->snapshot : path.text);
		return;
	}
	info_entry(&entry, &info, &about);
	info.sha256 = sha256;
	result = about_add_items(s->catalog, entry.file, &items, &about);
	if (result >= 0)
		result = info_sha256(s->catalog, entry.file, sha256);
	if (result >= 0)
		result = catalog_kept_until(s->catalog, r->who.user_id, &path,
		    false, &info.locked_until);
	if (result < 0)
		nx_refuse_errno(r, result, "reading about the file");
	else
		nx_answer_fs_stat(r, &info);
}

/* --- writing ----------------------------------------------------------------*/

struct tree_request {
	struct catalog_tree_op op;
	struct storaged *s;
	struct nx_request *request;
	struct purge *purge; /* NULL: nothing is purged with it */
};

static struct tree_request *
tree_request_new(struct nx_request *r, struct storaged *s, const char *text,
    catalog_done *done)
{
	struct tree_request *t = calloc(1, sizeof(*t));

	if (!t) {
		nx_refuse_errno(r, -ENOMEM, "changing the tree");
		return NULL;
	}
	if (!path_or_refuse(r, text, &t->op.path)) {
		free(t);
		return NULL;
	}
	t->s = s;
	t->request = r;
	t->op.owner = r->who.user_id;
	t->op.done = done;
	t->op.arg = t;
	return t;
}

static void
answer_entry(struct tree_request *t, int result, const struct path *what)
{
	Nx__FsEntry info;

	if (result != 0)
		refuse_path(t->request, t->s, t->op.owner, result, what);
	else {
		info_entry(&t->op.entry, &info, NULL);
		if ((t->request->who.rights & NX_RIGHT_READ) == 0)
			info.size = info.files = info.folders = 0;
		nx_answer_fs_mkdir(t->request, &info);
	}
}

static void
made(int result, void *arg)
{
	struct tree_request *t = arg;

	answer_entry(t, result, &t->op.path);
	free(t);
}

void
serve_fs_mkdir(
    struct nx_request *r, const Nx__MkdirRequest *q, struct storaged *s)
{
	struct tree_request *t = tree_request_new(r, s, q->path, made);
	int e;

	if (!t)
		return;
	if (refuse_waiting(r, s, t->op.owner)) {
		free(t);
		return;
	}
	t->op.parents = q->parents;
	t->op.entries = quota_entries(s, t->op.owner);
	e = quota_limit(s, t->op.owner, &t->op.quota);
	if (e == 0 && !reserve_held(s->reserve))
		e = -ENOSPC;
	if (e < 0) {
		refuse_catalog(r, e, t->op.path.text);
		free(t);
		return;
	}
	catalog_mkdir(s->catalog, &t->op);
}

static void
answer_deleted(struct tree_request *t)
{
	Nx__FsDeleteReply reply = NX__FS_DELETE_REPLY__INIT;

	reply.files = t->op.files;
	reply.folders = t->op.folders;
	reply.bytes = t->op.bytes;
	nx_answer_fs_delete(t->request, &reply);
	collector_kick(t->s->collector);
	free(t);
}

/* It is gone; so are its versions, unless somebody else was at it. */
static void
purged(int result, const struct catalog_purge *op, void *arg)
{
	struct tree_request *t = arg;

	(void)op;
	if (result == 0 || result == CATALOG_NO_PATH) {
		answer_deleted(t);
		return;
	}
	refuse_catalog(t->request, result, t->op.path.text);
	free(t);
}

static void
purge_too(struct tree_request *t)
{
	struct catalog_purge *op = purge_of(t->purge);

	op->path = t->op.path;
	op->key = t->op.entry.key;
	purge_run(t->purge, purged, t);
}

static void
deleted(int result, void *arg)
{
	struct tree_request *t = arg;

	if (result == -ENOSPC && reserve_give(t->s->reserve)) {
		catalog_delete(t->s->catalog, &t->op);
		return;
	}
	if (result != 0) {
		refuse_path(t->request, t->s, t->op.owner, result, &t->op.path);
		purge_close(t->purge);
		free(t);
	} else if (t->op.forever)
		purge_too(t);
	else
		answer_deleted(t);
}

/* What cannot be purged afterwards is not deleted either. */
void
serve_fs_delete(
    struct nx_request *r, const Nx__FsPathRequest *q, struct storaged *s)
{
	struct tree_request *t = tree_request_new(r, s, q->path, deleted);

	if (!t || !read_condition(r, q->condition, &t->op.condition) ||
	    (q->forever && !(t->purge = purge_open(s, r)))) {
		free(t);
		return;
	}
	t->op.forever = q->forever;
	catalog_delete(s->catalog, &t->op);
}

/* The sentence names the path it is about. */
static const struct path *
blame(const struct tree_request *t, int result)
{
	uint64_t until = 0;

	if (result == CATALOG_KEPT)
		(void)catalog_kept_until(
		    t->s->catalog, t->op.owner, &t->op.path, true, &until);
	return result == CATALOG_NO_PATH || until > 0 ? &t->op.path : &t->op.to;
}

static void
moved(int result, void *arg)
{
	struct tree_request *t = arg;

	answer_entry(t, result, blame(t, result));
	if (result == 0)
		collector_kick(t->s->collector);
	free(t);
}

void
serve_fs_move(
    struct nx_request *r, const Nx__FsMoveRequest *q, struct storaged *s)
{
	struct tree_request *t = tree_request_new(r, s, q->from, moved);

	if (!t)
		return;
	if (!path_or_refuse(r, q->to, &t->op.to) ||
	    !read_condition(r, q->condition, &t->op.condition)) {
		free(t);
		return;
	}
	if (!reserve_held(s->reserve)) {
		refuse_catalog(r, -ENOSPC, t->op.to.text);
		free(t);
		return;
	}
	t->op.replace = q->replace;
	catalog_move(s->catalog, &t->op);
}
