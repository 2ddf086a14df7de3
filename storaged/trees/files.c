/*
 * Files by id. The owner is the user of the ticket; an admin who named no user
 * sees all. What belongs to somebody else is not found.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/err.h"
#include "common/log.h"
#include "storaged/catalog/catalog.h"
#include "storaged/care/care.h"
#include "storaged/trees/about.h"
#include "storaged/trees/condition.h"
#include "storaged/trees/info.h"
#include "storaged/trees/locks.h"
#include "storaged/trees/refuse.h"
#include "storaged/storaged.h"
#include "proto/serve_storaged.h"

#define LIST_MAX    100U
#define DAMAGED_MAX 50U /* places are long: they must fit a frame */
#define PLACE       512

static bool
parse_cursor(const char *text, int64_t *ret_after)
{
	char *end;

	*ret_after = 0;
	if (text[0] == '\0')
		return true;
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*ret_after = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static void
refuse_cursor(struct nx_request *r)
{
	nx_refuse(r, NX__STATUS__INVALID,
	    "the cursor is not one this list has given");
}

/* With places: a file in a tree is hard to find by its id. */
/* Chunks looked at to tell on how many disks a file is. */
#define SPREAD_LISTED 16U
#define SPREAD_SHOWN  1000U

struct damaged {
	struct catalog_file files[DAMAGED_MAX];
	char places[DAMAGED_MAX][PLACE];
	Nx__FileInfo infos[DAMAGED_MAX], *pointers[DAMAGED_MAX];
	char next[48];
};

static int
fill_damaged(struct storaged *s, uint64_t owner, struct catalog_damaged at,
    size_t max, struct damaged *d, Nx__FileListReply *reply)
{
	int n =
	    catalog_file_list_damaged(s->catalog, owner, &at, d->files, max);

	if (n < 0)
		return n;
	for (size_t i = 0; i < (size_t)n; i++) {
		catalog_file_place(
		    s->catalog, &d->files[i], d->places[i], PLACE);
		info_file(&d->files[i], &d->infos[i], NULL);
		info_spread(s, &d->files[i], SPREAD_LISTED, &d->infos[i]);
		d->infos[i].place = d->places[i];
		d->pointers[i] = &d->infos[i];
	}
	reply->n_files = (size_t)n;
	reply->files = d->pointers;
	if (at.content != 0) {
		(void)snprintf(d->next, sizeof(d->next), "%" PRId64 ":%" PRId64,
		    at.content, at.file);
		reply->next = d->next;
	}
	return 0;
}

static void
list_damaged(
    struct nx_request *r, const Nx__FileListRequest *q, struct storaged *s)
{
	struct catalog_damaged at = {0};
	Nx__FileListReply reply = NX__FILE_LIST_REPLY__INIT;
	size_t max =
	    q->limit && q->limit < DAMAGED_MAX ? q->limit : DAMAGED_MAX;
	struct damaged *d;
	int end = 0, e;

	if (q->after[0] != '\0' &&
	    (sscanf(q->after, "%" SCNd64 ":%" SCNd64 "%n", &at.content,
		 &at.file, &end) != 2 ||
		q->after[end] != '\0')) {
		refuse_cursor(r);
		return;
	}
	d = calloc(1, sizeof(*d));
	e = d ? fill_damaged(s, r->who.user_id, at, max, d, &reply) : -ENOMEM;
	if (e < 0)
		nx_refuse_errno(r, e, "listing the files");
	else
		nx_answer_file_list(r, &reply);
	free(d);
}

void
serve_file_list(
    struct nx_request *r, const Nx__FileListRequest *q, struct storaged *s)
{
	Nx__FileListReply reply = NX__FILE_LIST_REPLY__INIT;
	size_t max = q->limit && q->limit < LIST_MAX ? q->limit : LIST_MAX;
	Nx__FileInfo infos[LIST_MAX], *pointers[LIST_MAX];
	struct catalog_file *files;
	char next[32];
	int64_t after;
	int n;

	if (q->damaged) {
		list_damaged(r, q, s);
		return;
	}
	if (!parse_cursor(q->after, &after)) {
		refuse_cursor(r);
		return;
	}
	files = calloc(max + 1, sizeof(*files));
	n = -ENOMEM;
	if (files)
		n = catalog_file_list(
		    s->catalog, r->who.user_id, after, files, max + 1);
	if (n < 0) {
		nx_refuse_errno(r, n, "listing the files");
		free(files);
		return;
	}
	for (size_t i = 0; i < (size_t)n && i < max; i++) {
		info_file(&files[i], &infos[i], NULL);
		info_spread(s, &files[i], SPREAD_LISTED, &infos[i]);
		pointers[i] = &infos[i];
		reply.n_files = i + 1;
	}
	reply.files = pointers;
	if ((size_t)n > max) {
		(void)snprintf(
		    next, sizeof(next), "%" PRId64, files[max - 1].key);
		reply.next = next;
	}
	nx_answer_file_list(r, &reply);
	free(files);
}

void
serve_file_stat(
    struct nx_request *r, const Nx__FileRequest *q, struct storaged *s)
{
	struct catalog_file file;
	struct about_items items;
	char sha256[SHA256_TEXT];
	Nx__FileInfo info;
	Nx__About about;
	int result = catalog_file_find(
	    s->catalog, r->who.user_id, r->who.place, q->id, &file);

	if (result != 0) {
		refuse_catalog(r, result, q->id);
		return;
	}
	info_file(&file, &info, &about);
	info_spread(s, &file, SPREAD_SHOWN, &info);
	info.sha256 = sha256;
	result = about_add_items(s->catalog, file.key, &items, &about);
	if (result >= 0)
		result = info_sha256(s->catalog, file.key, sha256);
	if (result < 0)
		nx_refuse_errno(r, result, "reading about the file");
	else
		nx_answer_file_stat(r, &info);
}

struct delete_op {
	struct catalog_remove remove;
	struct storaged *s;
	struct nx_request *request;
};

static void
deleted(int result, void *arg)
{
	struct delete_op *op = arg;
	Nx__FileInfo info;

	if (result == -ENOSPC && reserve_give(op->s->reserve)) {
		catalog_remove(op->s->catalog, &op->remove);
		return;
	}
	if (result != 0)
		refuse_file(op->request, op->s, &op->remove.file, result);
	else {
		info_file(&op->remove.file, &info, NULL);
		nx_answer_file_delete(op->request, &info);
		collector_kick(op->s->collector);
	}
	free(op);
}

/* A file with an id never becomes another: this needs no transaction. */
static int
find_to_delete(struct nx_request *r, const Nx__FileRequest *q,
    const struct catalog_condition *condition, struct storaged *s,
    struct catalog_file *ret_file)
{
	int result = catalog_file_find(
	    s->catalog, r->who.user_id, r->who.place, q->id, ret_file);

	if (result != 0 && result != CATALOG_NO_FILE)
		return result;
	if (catalog_check_condition(
		condition, result == 0 ? &ret_file->etag : NULL) != 0)
		return CATALOG_UNMET;
	return result;
}

void
serve_file_delete(
    struct nx_request *r, const Nx__FileRequest *q, struct storaged *s)
{
	struct catalog_condition condition;
	const char *wrong = condition_read(q->condition, &condition);
	struct delete_op *op;
	int result;

	if (wrong) {
		nx_refuse(r, NX__STATUS__INVALID, "%s", wrong);
		return;
	}
	op = calloc(1, sizeof(*op));

	if (!op) {
		nx_refuse_errno(r, -ENOMEM, "deleting the file");
		return;
	}
	result = find_to_delete(r, q, &condition, s, &op->remove.file);
	if (result != 0) {
		free(op);
		refuse_catalog(r, result, q->id);
		return;
	}
	op->s = s;
	op->request = r;
	op->remove.done = deleted;
	op->remove.arg = op;
	catalog_remove(s->catalog, &op->remove);
}
