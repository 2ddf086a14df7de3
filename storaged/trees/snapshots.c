/*
 * Snapshots as their owners ask for them. Names are compared byte by byte; paths
 * mean what they meant when the snapshot was made.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog.h"
#include "storaged/care/care.h"
#include "storaged/storaged.h"
#include "storaged/trees/trees.h"
#include "proto/serve_storaged.h"

#define SHOWN      10U
#define LIST_MAX   50U
#define PAGE_BYTES 48000U
#define ENTRY      160U

/* False: it has been refused. */
static bool
check_name(struct nx_request *r, const char *name)
{
	const char *wrong = path_check_name(name, strlen(name));

	if (wrong)
		nx_refuse(r, NX__STATUS__INVALID,
		    "a snapshot has a name of 1 to %u bytes, as a file could "
		    "have it",
		    CATALOG_SNAPSHOT_NAME);
	return !wrong;
}

static void
fill(const struct catalog_snapshot *s, Nx__SnapshotInfo *ret_info)
{
	nx__snapshot_info__init(ret_info);
	ret_info->name = info_text(s->name);
	ret_info->path = info_text(s->path.text);
	ret_info->made_at = s->made_at;
}

/* --- making and removing ----------------------------------------------------*/

struct snapshot_request {
	struct catalog_snapshot_op op;
	struct storaged *s;
	struct nx_request *request;
	bool make;
};

static void
done(int result, void *arg)
{
	struct snapshot_request *t = arg;
	Nx__SnapshotInfo info;

	if (result == -ENOSPC && !t->make && reserve_give(t->s->reserve)) {
		catalog_snapshot_remove(t->s->catalog, &t->op);
		return;
	}
	fill(&t->op.snapshot, &info);
	if (result != 0)
		refuse_catalog(t->request, result,
		    result >= CATALOG_NO_SNAPSHOT ? t->op.snapshot.name
						  : t->op.snapshot.path.text);
	else if (t->make)
		nx_answer_snapshot_make(t->request, &info);
	else {
		nx_answer_snapshot_delete(t->request, &info);
		historian_kick(t->s->historian);
	}
	free(t);
}

static struct snapshot_request *
request_new(
    struct nx_request *r, struct storaged *s, const Nx__SnapshotRequest *q)
{
	struct snapshot_request *t;

	if (!check_name(r, q->name))
		return NULL;
	t = calloc(1, sizeof(*t));
	if (!t) {
		nx_refuse_errno(r, -ENOMEM, "a snapshot");
		return NULL;
	}
	t->s = s;
	t->request = r;
	t->op.owner = r->who.user_id;
	(void)snprintf(
	    t->op.snapshot.name, sizeof(t->op.snapshot.name), "%s", q->name);
	t->op.done = done;
	t->op.arg = t;
	return t;
}

void
serve_snapshot_make(
    struct nx_request *r, const Nx__SnapshotRequest *q, struct storaged *s)
{
	struct snapshot_request *t = request_new(r, s, q);

	if (!t)
		return;
	t->make = true;
	if (!path_or_refuse(
		r, q->path[0] ? q->path : "/", &t->op.snapshot.path)) {
		free(t);
		return;
	}
	if (!reserve_held(s->reserve)) {
		refuse_catalog(r, -ENOSPC, q->name);
		free(t);
		return;
	}
	catalog_snapshot_make(s->catalog, &t->op);
}

void
serve_snapshot_delete(
    struct nx_request *r, const Nx__SnapshotRequest *q, struct storaged *s)
{
	struct snapshot_request *t = request_new(r, s, q);

	if (t)
		catalog_snapshot_remove(s->catalog, &t->op);
}

/* --- looking ----------------------------------------------------------------*/

void
serve_snapshot_list(
    struct nx_request *r, const Nx__SnapshotListRequest *q, struct storaged *s)
{
	Nx__SnapshotListReply reply = NX__SNAPSHOT_LIST_REPLY__INIT;
	struct catalog_snapshot *all = calloc(SHOWN + 1, sizeof(*all));
	Nx__SnapshotInfo infos[SHOWN], *pointers[SHOWN];
	size_t bytes = 0, i;
	int n = -ENOMEM;

	if (all)
		n = catalog_snapshots(
		    s->catalog, r->who.user_id, q->after, all, SHOWN + 1);
	for (i = 0; n >= 0 && i < (size_t)n && i < SHOWN; i++) {
		bytes += ENTRY + strlen(all[i].path.text);
		if (bytes > PAGE_BYTES)
			break;
		fill(&all[i], &infos[i]);
		pointers[i] = &infos[i];
	}
	if (n < 0)
		nx_refuse_errno(r, n, "listing the snapshots");
	else {
		reply.n_snapshots = i;
		reply.snapshots = pointers;
		if (i < (size_t)n)
			reply.next = all[i - 1].name;
		nx_answer_snapshot_list(r, &reply);
	}
	free(all);
}

static void
answer(struct nx_request *r, const struct catalog_entry *entries, size_t n,
    char *next)
{
	Nx__FsListReply reply = NX__FS_LIST_REPLY__INIT;
	Nx__FsEntry infos[LIST_MAX], *pointers[LIST_MAX];
	Nx__About abouts[LIST_MAX];

	for (size_t i = 0; i < n; i++) {
		info_entry(&entries[i], &infos[i], &abouts[i]);
		pointers[i] = &infos[i];
	}
	reply.n_entries = n;
	reply.entries = pointers;
	reply.next = next;
	nx_answer_fs_list(r, &reply);
}

void
serve_snapshot_entries(struct nx_request *r,
    const Nx__SnapshotEntriesRequest *q, struct storaged *s)
{
	size_t max = q->limit && q->limit < LIST_MAX ? q->limit : LIST_MAX, n;
	struct catalog_entry *entries;
	char next[PATH_NAME_MAX + 1];
	struct path path;
	int result = -ENOMEM;

	if (!check_name(r, q->name) ||
	    !path_or_refuse(r, q->path[0] ? q->path : "/", &path))
		return;
	if (strlen(q->after) > PATH_NAME_MAX) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "the cursor is not one this list has given");
		return;
	}
	entries = calloc(max, sizeof(*entries));
	if (entries)
		result = catalog_snapshot_list(s->catalog, r->who.user_id,
		    q->name, &path, q->after, entries, max, &n, next);
	if (result != 0)
		refuse_catalog(r, result,
		    result == CATALOG_NO_SNAPSHOT ? q->name : path.text);
	else
		answer(r, entries, n, next);
	free(entries);
}
