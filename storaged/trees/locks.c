/* Paths are locked here, and what is refused because of it is told until when.
 * Loop's thread only. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/err.h"
#include "common/log.h"
#include "proto/serve_storaged.h"
#include "storaged/catalog/catalog.h"
#include "storaged/trees/info.h"
#include "storaged/trees/locks.h"
#include "storaged/trees/refuse.h"

#define UNTIL_MAX UINT64_C(4102444800) /* 2100 */
#define LIST_MAX  14U                  /* a path may have 4096 bytes */
#define SHOWN     100                  /* of a path in a sentence */

/* --- why not ----------------------------------------------------------------*/

static void
kept_sentence(const char *what, uint64_t until, char *text, size_t size)
{
	char time_text[CATALOG_LOCK_TIME];
	size_t len = strlen(what);
	int shown = (int)len;

	if (len > SHOWN) {
		/* Never in the middle of a character. */
		for (shown = SHOWN; (what[shown] & 0xc0) == 0x80; shown--)
			;
	}
	catalog_lock_time(until, time_text);
	(void)snprintf(text, size,
	    "\"%.*s%s\" is locked until %s: before that nothing there is "
	    "replaced, moved or deleted; new names can be added",
	    shown, what, len > SHOWN ? "..." : "", time_text);
}

Nx__Status
path_sentence(struct storaged *s, uint64_t owner, int result,
    const struct path *path, char *text, size_t size)
{
	Nx__Status status = catalog_sentence(result, path->text, text, size);
	uint64_t until = 0;

	/* Its time may have come since. */
	if (result == CATALOG_KEPT &&
	    catalog_kept_until(s->catalog, owner, path, true, &until) == 0 &&
	    until > 0)
		kept_sentence(path->text, until, text, size);
	return status;
}

void
refuse_path(struct nx_request *r, struct storaged *s, uint64_t owner,
    int result, const struct path *path)
{
	char text[384];
	Nx__Status status =
	    path_sentence(s, owner, result, path, text, sizeof(text));

	nx_refuse(r, status, "%s", text);
}

void
refuse_file(struct nx_request *r, struct storaged *s,
    const struct catalog_file *file, int result)
{
	char text[384];
	uint64_t until = 0;

	if (result != CATALOG_KEPT ||
	    catalog_file_kept_until(
		s->catalog, file->owner, file->key, &until) != 0 ||
	    until == 0) {
		refuse_catalog(r, result, file->id);
		return;
	}
	kept_sentence(file->name, until, text, sizeof(text));
	nx_refuse(r, NX__STATUS__DENIED, "%s", text);
}

/* --- locking ----------------------------------------------------------------*/

struct lock_request {
	struct catalog_lock_path op;
	struct storaged *s;
	struct nx_request *request;
};

static void
locked(int result, void *arg)
{
	Nx__FsLockInfo info = NX__FS_LOCK_INFO__INIT;
	struct lock_request *l = arg;

	if (result != 0)
		refuse_path(l->request, l->s, l->op.owner, result, &l->op.path);
	else {
		nx_info("event=path-locked owner=%" PRIu64 " until=%" PRIu64,
		    l->op.owner, l->op.until);
		info.path = l->op.path.text;
		info.until = l->op.until;
		nx_answer_fs_lock(l->request, &info);
	}
	free(l);
}

/*
 * Safe to grant: it only takes away, of the caller's own; and rows, of which a
 * user has a bounded number.
 */
void
serve_fs_lock(
    struct nx_request *r, const Nx__FsLockRequest *q, struct storaged *s)
{
	struct lock_request *l = calloc(1, sizeof(*l));
	const char *wrong;

	if (!l) {
		nx_refuse_errno(r, -ENOMEM, "locking the path");
		return;
	}
	wrong = path_parse(q->path, strlen(q->path), &l->op.path);
	if (!wrong && q->until > UNTIL_MAX)
		wrong = "a lock is until a time before the year 2100";
	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		free(l);
		return;
	}
	l->s = s;
	l->request = r;
	l->op.owner = r->who.user_id;
	l->op.until = q->until;
	l->op.done = locked;
	l->op.arg = l;
	catalog_lock_path(s->catalog, &l->op);
}

/* --- listing ----------------------------------------------------------------*/

static bool
read_cursor(const char *text, struct catalog_held *ret_after)
{
	int end = 0;

	*ret_after = (struct catalog_held){0};
	return text[0] == '\0' ||
	    (sscanf(text, "%" SCNu64 ":%" SCNd64 "%n", &ret_after->until,
		 &ret_after->entry, &end) == 2 &&
		text[end] == '\0');
}

static void
answer_list(struct nx_request *r, struct catalog_held *locks, size_t n)
{
	Nx__FsLockListReply reply = NX__FS_LOCK_LIST_REPLY__INIT;
	Nx__FsLockInfo infos[LIST_MAX], *pointers[LIST_MAX];
	char next[64];

	for (size_t i = 0; i < n && i < LIST_MAX; i++) {
		nx__fs_lock_info__init(&infos[i]);
		infos[i].path = locks[i].path;
		infos[i].until = locks[i].until;
		pointers[i] = &infos[i];
		reply.n_locks = i + 1;
	}
	reply.locks = pointers;
	if (n > LIST_MAX) {
		(void)snprintf(next, sizeof(next), "%" PRIu64 ":%" PRId64,
		    locks[LIST_MAX - 1].until, locks[LIST_MAX - 1].entry);
		reply.next = next;
	}
	nx_answer_fs_lock_list(r, &reply);
}

void
serve_fs_lock_list(
    struct nx_request *r, const Nx__FsLockListRequest *q, struct storaged *s)
{
	struct catalog_held *locks, after;
	int n = -ENOMEM;

	if (!read_cursor(q->after, &after)) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "the cursor is not one this list has given");
		return;
	}
	locks = calloc(LIST_MAX + 1, sizeof(*locks));
	if (locks)
		n = catalog_locks(
		    s->catalog, r->who.user_id, &after, locks, LIST_MAX + 1);
	if (n < 0)
		nx_refuse_errno(r, n, "listing the locks");
	else
		answer_list(r, locks, (size_t)n);
	free(locks);
}
