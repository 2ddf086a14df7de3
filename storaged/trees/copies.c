/*
 * Copies within a user's tree. A file is copied at once. A folder may take a
 * while, in small steps; so that nobody's are in others' way each user has one
 * under way, and there are COPIES_MAX in all.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/err.h"
#include "storaged/care/care.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/trees/condition.h"
#include "storaged/trees/copies.h"
#include "storaged/trees/info.h"
#include "storaged/trees/locks.h"
#include "storaged/trees/quota.h"
#include "storaged/trees/refuse.h"
#include "proto/serve_storaged.h"

#define COPIES_MAX 16U
#define WAIT_S     5U

struct copy_request {
	LIST_ENTRY(copy_request) entry;
	struct catalog_copy op;
	struct storaged *s;
	struct nx_request *request;
	bool folder; /* as far as was known when it began */
};

struct copies {
	LIST_HEAD(, copy_request) list;
	unsigned n; /* folders */
};

struct copies *
copies_new(void)
{
	return calloc(1, sizeof(struct copies));
}

void
copies_stop(struct copies *c)
{
	struct copy_request *t;

	LIST_FOREACH(t, &c->list, entry)
		t->op.stop = true;
}

struct copies *
copies_free(struct copies *c)
{
	nx_assert(!c || LIST_EMPTY(&c->list));
	free(c);
	return NULL;
}

/* What uploads have been promised is theirs. */
static int
fill_limits(struct storaged *s, struct catalog_copy *op)
{
	uint64_t promised = quota_promised(s, op->owner);
	int e = quota_limit(s, op->owner, &op->quota);

	op->quota = op->quota > promised ? op->quota - promised : 0;
	op->entries = quota_entries(s, op->owner);
	return e < 0 || reserve_held(s->reserve) ? e : -ENOSPC;
}

static void
answer(struct copy_request *t)
{
	Nx__FsCopyReply reply = NX__FS_COPY_REPLY__INIT;
	Nx__FsEntry info;

	info_entry(&t->op.entry, &info, NULL);
	if (t->op.deleted) {
		nx_answer_fs_restore(t->request, &info);
		return;
	}
	reply.entry = &info;
	reply.files = t->op.files;
	reply.folders = t->op.folders_made;
	reply.bytes = t->op.bytes;
	nx_answer_fs_copy(t->request, &reply);
}

/* The sentence names the path it is about. */
static void
refuse(struct copy_request *t, int result)
{
	if (result == CATALOG_IS_FOLDER && t->op.entry.folder)
		nx_refuse(t->request, NX__STATUS__INVALID,
		    "that is a folder: ask for folders (-r) to be copied too");
	else if (result == CATALOG_NO_SNAPSHOT)
		refuse_catalog(t->request, result, t->op.snapshot);
	else
		refuse_path(t->request, t->s, t->op.owner, result,
		    result == CATALOG_NO_PATH ||
			    result == CATALOG_NOT_IN_SNAPSHOT
			? &t->op.path
			: &t->op.to);
}

static void
copied(int result, void *arg)
{
	struct copy_request *t = arg;
	struct copies *c = t->s->copies;

	if (result == 0)
		answer(t);
	else
		refuse(t, result);
	if (t->op.freed)
		collector_kick(t->s->collector);
	LIST_REMOVE(t, entry);
	c->n -= t->folder;
	free(t);
}

static bool
take_place(struct copy_request *t)
{
	struct nx_request *r = t->request;
	struct copies *c = t->s->copies;
	const struct copy_request *o;
	struct catalog_entry source;
	bool own = false;

	t->folder = t->op.deleted ||
	    ((t->op.snapshot[0]
		     ? catalog_snapshot_stat(t->s->catalog, t->op.owner,
			   t->op.snapshot, &t->op.path, &source)
		     : catalog_stat(t->s->catalog, t->op.owner, &t->op.path,
			   &source)) == 0 &&
		source.folder);
	LIST_FOREACH(o, &c->list, entry)
		own |= o->folder && o->op.owner == t->op.owner;
	if (!t->folder || (!own && c->n < COPIES_MAX))
		return true;
	r->retry_s = WAIT_S;
	nx_refuse(r, NX__STATUS__LIMIT,
	    own ? "you are copying a folder already: try again when that is "
		  "done"
		: "too many folders are being copied: try again in a few "
		  "seconds");
	return false;
}

static bool
decide(struct copy_request *t, const Nx__FsCopyRequest *q)
{
	struct nx_request *r = t->request;
	const char *wrong = condition_read(q->condition, &t->op.condition);
	int e;

	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		return false;
	}
	if (!path_or_refuse(r, q->from, &t->op.path) ||
	    !path_or_refuse(r, q->to, &t->op.to) || !take_place(t) ||
	    refuse_waiting(r, t->s, t->op.owner))
		return false;
	e = fill_limits(t->s, &t->op);
	if (e < 0)
		refuse_catalog(r, e, t->op.to.text);
	return e == 0;
}

static void
start(struct copy_request *t)
{
	LIST_INSERT_HEAD(&t->s->copies->list, t, entry);
	t->s->copies->n += t->folder;
	catalog_copy(t->s->catalog, &t->op);
}

void
copies_bring_back(
    struct storaged *s, struct nx_request *r, const struct catalog_restore *op)
{
	struct copy_request *t = calloc(1, sizeof(*t));

	if (!t) {
		nx_refuse_errno(r, -ENOMEM, "restoring");
		return;
	}
	t->s = s;
	t->request = r;
	t->op = (struct catalog_copy){.owner = op->owner,
	    .path = op->path,
	    .to = op->to.depth ? op->to : op->path,
	    .folders = true,
	    .deleted = true,
	    .replace = op->replace,
	    .condition = op->condition,
	    .quota = op->quota,
	    .entries = op->entries,
	    .done = copied,
	    .arg = t};
	if (take_place(t) && !refuse_waiting(r, s, op->owner))
		start(t);
	else
		free(t);
}

void
serve_fs_copy(
    struct nx_request *r, const Nx__FsCopyRequest *q, struct storaged *s)
{
	struct copy_request *t = calloc(1, sizeof(*t));

	if (!t) {
		nx_refuse_errno(r, -ENOMEM, "copying");
		return;
	}
	t->s = s;
	t->request = r;
	t->op.owner = r->who.user_id;
	t->op.folders = q->folders;
	(void)snprintf(
	    t->op.snapshot, sizeof(t->op.snapshot), "%s", q->snapshot);
	t->op.replace = q->replace;
	t->op.done = copied;
	t->op.arg = t;
	if (!decide(t, q)) {
		free(t);
		return;
	}
	start(t);
}
