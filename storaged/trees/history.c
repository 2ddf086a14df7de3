/*
 * Looking into history, bringing back from it, and how long it is kept. Whose it
 * is comes from the ticket, or from the admin; paths are parsed by path.h first.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/care/care.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/trees/trees.h"
#include "proto/serve_storaged.h"

#define LIST_MAX 50U
/* A page of long names must fit a frame, whatever the limit says. */
#define PAGE_BYTES  48000U
#define ENTRY_BYTES 200U
#define CURSOR      (PATH_NAME_MAX + 32)

/* --- lists ------------------------------------------------------------------*/

struct page {
	struct catalog_past pasts[LIST_MAX + 1];
	Nx__FsVersion infos[LIST_MAX], *pointers[LIST_MAX];
	Nx__About abouts[LIST_MAX];
	char next[CURSOR];
};

/* "number", or of what was deleted "number:name"; 0 of what went with its
 * folder. */
static bool
parse_cursor(const char *text, bool deleted, int64_t *ret_past,
    char name[PATH_NAME_MAX + 1])
{
	char *end;

	*ret_past = 0;
	name[0] = '\0';
	if (text[0] == '\0')
		return true;
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*ret_past = strtoll(text, &end, 10);
	if (errno != 0 || *ret_past < (deleted ? 0 : 1) ||
	    *end != (deleted ? ':' : '\0') || strlen(end) > PATH_NAME_MAX + 1)
		return false;
	if (deleted)
		(void)snprintf(name, PATH_NAME_MAX + 1, "%s", end + 1);
	return true;
}

static size_t
fill_page(struct page *p, size_t n)
{
	size_t bytes = 0, i;

	for (i = 0; i < n; i++) {
		const struct catalog_entry *e = &p->pasts[i].entry;

		bytes += ENTRY_BYTES + strlen(e->name) + strlen(e->about.type);
		if (bytes > PAGE_BYTES)
			break;
		info_past(&p->pasts[i], &p->infos[i], &p->abouts[i]);
		p->pointers[i] = &p->infos[i];
	}
	return i;
}

static void
answer_page(
    struct nx_request *r, struct page *p, size_t n, size_t max, bool deleted)
{
	Nx__FsVersionsReply reply = NX__FS_VERSIONS_REPLY__INIT;

	reply.n_versions = fill_page(p, n < max ? n : max);
	reply.versions = p->pointers;
	if (reply.n_versions < n) {
		const struct catalog_past *last =
		    &p->pasts[reply.n_versions - 1];

		(void)snprintf(p->next, sizeof(p->next),
		    deleted ? "%" PRId64 ":%s" : "%" PRId64, last->past,
		    last->entry.name);
		reply.next = p->next;
	}
	nx_answer_fs_versions(r, &reply);
}

void
serve_fs_versions(
    struct nx_request *r, const Nx__FsVersionsRequest *q, struct storaged *s)
{
	size_t max = q->limit && q->limit < LIST_MAX ? q->limit : LIST_MAX, n;
	const char *text = q->deleted && !q->path[0] ? "/" : q->path;
	char name[PATH_NAME_MAX + 1];
	struct path path;
	struct page *p;
	int64_t past;
	int result = -ENOMEM;

	if (!path_or_refuse(r, text, &path))
		return;
	if (!parse_cursor(q->after, q->deleted, &past, name)) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "the cursor is not one this list has given");
		return;
	}
	p = calloc(1, sizeof(*p));
	if (p)
		result = q->deleted
		    ? catalog_deleted(s->catalog, r->who.user_id, &path, name,
			  past, p->pasts, max + 1, &n)
		    : catalog_versions(s->catalog, r->who.user_id, &path, past,
			  p->pasts, max + 1, &n);
	if (result != 0)
		refuse_catalog(r, result, path.text);
	else
		answer_page(r, p, n, max, q->deleted);
	free(p);
}

/* --- restoring --------------------------------------------------------------*/

struct restore_request {
	struct catalog_restore op;
	struct storaged *s;
	struct nx_request *request;
};

static void
restored(int result, void *arg)
{
	struct restore_request *t = arg;
	const char *to = t->op.to.depth ? t->op.to.text : t->op.path.text;
	Nx__FsEntry info;

	if (result == CATALOG_TAKEN)
		nx_refuse(t->request, NX__STATUS__EXISTS,
		    "something is there already: restore it to another path, "
		    "or "
		    "say that it is to be replaced, and becomes a version "
		    "itself");
	else if (result == CATALOG_IS_FOLDER && t->op.within)
		copies_bring_back(t->s, t->request, &t->op);
	else if (result == CATALOG_NO_PATH || result == CATALOG_NO_VERSION)
		refuse_catalog(t->request, result, t->op.path.text);
	else if (result != 0)
		refuse_catalog(t->request, result, to);
	else {
		info_entry(&t->op.entry, &info, NULL);
		nx_answer_fs_restore(t->request, &info);
		collector_kick(t->s->collector);
	}
	free(t);
}

/* What uploads have been promised is theirs. */
static int
fill_limits(struct storaged *s, struct catalog_restore *op)
{
	uint64_t promised = quota_promised(s, op->owner);
	int e = quota_limit(s, op->owner, &op->quota);

	op->quota = op->quota > promised ? op->quota - promised : 0;
	op->entries = quota_entries(s, op->owner);
	return e < 0 || reserve_held(s->reserve) ? e : -ENOSPC;
}

static bool
decide(struct restore_request *t, const Nx__FsRestoreRequest *q)
{
	struct nx_request *r = t->request;
	const char *wrong = condition_read(q->condition, &t->op.condition);
	int e;

	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		return false;
	}
	if (!path_or_refuse(r, q->path, &t->op.path) ||
	    (q->to[0] && !path_or_refuse(r, q->to, &t->op.to)))
		return false;
	if (q->to[0] && t->op.to.depth == 0) {
		refuse_catalog(r, CATALOG_IS_ROOT, "/");
		return false;
	}
	e = fill_limits(t->s, &t->op);
	if (e < 0)
		refuse_catalog(r, e, t->op.path.text);
	return e == 0;
}

void
serve_fs_restore(
    struct nx_request *r, const Nx__FsRestoreRequest *q, struct storaged *s)
{
	struct restore_request *t = calloc(1, sizeof(*t));

	if (!t) {
		nx_refuse_errno(r, -ENOMEM, "restoring");
		return;
	}
	t->s = s;
	t->request = r;
	t->op.owner = r->who.user_id;
	t->op.past = (int64_t)(q->version & INT64_MAX);
	t->op.replace = q->replace;
	t->op.done = restored;
	t->op.arg = t;
	if (decide(t, q))
		catalog_restore(s->catalog, &t->op);
	else
		free(t);
}

/* --- how long it is kept ----------------------------------------------------*/

static void
answer_history(struct nx_request *r, struct storaged *s, uint64_t user,
    const struct path *path)
{
	Nx__FsHistoryReply reply = NX__FS_HISTORY_REPLY__INIT;
	struct catalog_usage usage;
	bool own;
	int result =
	    catalog_keep_get(s->catalog, user, path, &reply.seconds, &own);

	if (result == 0)
		result = catalog_usage(s->catalog, user, &usage);
	if (result == 0)
		result = quota_limit(s, user, &reply.limit);
	if (result != 0) {
		refuse_catalog(r, result, path->text);
		return;
	}
	reply.own = own;
	reply.bytes = usage.history;
	reply.entries = usage.pasts;
	reply.held = usage.held;
	nx_answer_fs_history(r, &reply);
}

void
serve_fs_history(
    struct nx_request *r, const Nx__FsHistoryRequest *q, struct storaged *s)
{
	struct path path;

	if (path_or_refuse(r, q->path[0] ? q->path : "/", &path))
		answer_history(r, s, r->who.user_id, &path);
}

struct keep_request {
	struct catalog_keep op;
	struct storaged *s;
	struct nx_request *request;
};

static void
kept(int result, void *arg)
{
	struct keep_request *t = arg;

	if (result != 0)
		refuse_catalog(t->request, result, t->op.path.text);
	else
		answer_history(t->request, t->s, t->op.owner, &t->op.path);
	free(t);
}

void
serve_fs_set_history(
    struct nx_request *r, const Nx__FsSetHistoryRequest *q, struct storaged *s)
{
	struct keep_request *t;

	if (q->seconds > CATALOG_KEEP_MAX) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "history is kept for ten years at most: %u seconds",
		    CATALOG_KEEP_MAX);
		return;
	}
	t = calloc(1, sizeof(*t));
	if (!t) {
		nx_refuse_errno(r, -ENOMEM, "setting how long history is kept");
		return;
	}
	if (!path_or_refuse(r, q->path[0] ? q->path : "/", &t->op.path)) {
		free(t);
		return;
	}
	t->s = s;
	t->request = r;
	t->op.owner = r->who.user_id;
	t->op.inherit = q->inherit;
	t->op.seconds = q->seconds;
	t->op.done = kept;
	t->op.arg = t;
	catalog_keep_set(s->catalog, &t->op);
}
