/*
 * Searching below a folder, in steps. A page ends when it is full, or when so
 * many entries have been looked at: then it may be empty, and the cursor says
 * where to go on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/trees/glob.h"
#include "storaged/trees/info.h"
#include "storaged/trees/refuse.h"
#include "storaged/trees/scan.h"
#include "proto/serve_storaged.h"

#define FIND_MAX    100U
#define LOOKED_MAX  50000U /* a second or so, and a client that has gone */
#define PAGE_BYTES  48000U
#define FOUND_BYTES 192U
#define STEP_ROWS   32U

struct found {
	struct catalog_entry entry;
	char *path; /* from malloc */
};

struct finding {
	struct scan scan; /* first */
	struct storaged *s;
	struct nx_request *request;
	const Nx__FsFindRequest *q; /* lives as long as the request */
	struct catalog_find at;
	size_t max, n, bytes, looked;
	bool full;
	char next[PATH_BYTES_MAX + PATH_NAME_MAX + 2]; /* last looked at */
	struct found found[FIND_MAX];
};

static void
drop(struct scan *scan)
{
	struct finding *f = (struct finding *)(void *)scan;

	for (size_t i = 0; i < f->n; i++)
		free(f->found[i].path);
	free(f);
}

static void
answer(struct finding *f, bool end)
{
	Nx__FsFindReply reply = NX__FS_FIND_REPLY__INIT;
	Nx__FsFound rows[FIND_MAX], *pointers[FIND_MAX];
	Nx__About abouts[FIND_MAX];

	for (size_t i = 0; i < f->n; i++) {
		Nx__FsEntry info;

		info_entry(&f->found[i].entry, &info, &abouts[i]);
		nx__fs_found__init(&rows[i]);
		rows[i].path = f->found[i].path;
		rows[i].folder = info.folder;
		rows[i].size = info.size;
		rows[i].id = info.id;
		rows[i].modified_at = info.modified_at;
		rows[i].md5 = info.md5;
		rows[i].condition = info.condition;
		rows[i].about = info.about;
		rows[i].files = info.files;
		rows[i].folders = info.folders;
		pointers[i] = &rows[i];
	}
	reply.n_found = f->n;
	reply.found = pointers;
	if (!end)
		reply.next = f->next;
	nx_answer_fs_find(f->request, &reply);
}

/* --- what is looked for -----------------------------------------------------*/

static bool
is_wanted(
    const Nx__FsFindRequest *q, const struct catalog_entry *e, const char *path)
{
	if (e->folder ? q->files : q->folders)
		return false;
	if (e->size < q->min_size || (q->has_max_size && e->size > q->max_size))
		return false;
	if (e->modified_at < q->since ||
	    (q->until > 0 && e->modified_at >= q->until))
		return false;
	if (q->name[0] != '\0' && !glob_match(q->name, e->name))
		return false;
	return q->pattern[0] == '\0' || glob_match(q->pattern, path);
}

/* 0 or -ENOMEM. f->full: there is no room for this one, it is the next. */
static int
take(struct finding *f, const struct catalog_entry *e)
{
	char path[PATH_BYTES_MAX + PATH_NAME_MAX + 2];
	size_t bytes;

	(void)snprintf(path, sizeof(path), "%s%s", f->at.prefix, e->name);
	bytes = FOUND_BYTES + strlen(path) + strlen(e->about.type);
	f->looked++;
	if (is_wanted(f->q, e, path)) {
		if (f->n == f->max || f->bytes + bytes > PAGE_BYTES) {
			f->full = true;
			return 0;
		}
		f->found[f->n].path = strdup(path);
		if (!f->found[f->n].path)
			return -ENOMEM;
		f->found[f->n++].entry = *e;
		f->bytes += bytes;
	}
	(void)snprintf(f->next, sizeof(f->next), "%s", path);
	return 0;
}

static bool
is_over(uint64_t began)
{
	return nx_now_us() - began >= SCAN_STEP_US;
}

/* Number of rows; 0: there are no more; -errno. A long pattern and long paths can
 * take the step with a few of them: the others are for the next. */
static int
look(struct finding *f, uint64_t began)
{
	struct catalog_entry entries[STEP_ROWS];
	int n = catalog_find_next(f->s->catalog, &f->at, entries, STEP_ROWS);
	int r = 0, i;

	for (i = 0; i < n && r == 0 && !f->full; i++) {
		if (i > 0 && is_over(began))
			break;
		r = take(f, &entries[i]);
	}
	if (n > 0 && r == 0 && !f->full)
		catalog_find_pass(&f->at, &entries[i - 1]);
	return r < 0 ? r : n;
}

static bool
step(struct scan *scan)
{
	struct finding *f = (struct finding *)(void *)scan;
	uint64_t began = nx_now_us();
	int n;

	do
		n = look(f, began);
	while (n > 0 && !f->full && !is_over(began));
	if (n > 0 && !f->full && f->looked < LOOKED_MAX)
		return true;
	if (n < 0)
		nx_refuse_errno(f->request, n, "searching");
	else
		answer(f, n == 0);
	drop(scan);
	return false;
}

/* --- what is asked for ------------------------------------------------------*/

static bool
read_request(struct finding *f)
{
	const Nx__FsFindRequest *q = f->q;
	const char *text = q->path[0] ? q->path : "/", *wrong;
	struct path top, after = {.depth = 0};
	int result;

	wrong = path_parse(text, strlen(text), &top);
	if (!wrong && q->after[0] != '\0')
		wrong = path_parse(q->after, strlen(q->after), &after);
	if (!wrong && q->files && q->folders)
		wrong = "only files and only folders together find nothing";
	if (wrong) {
		nx_refuse(f->request, NX__STATUS__INVALID, "%s", wrong);
		return false;
	}
	result = catalog_find_begin(
	    f->s->catalog, f->scan.user, &top, &after, &f->at);
	if (result != 0)
		refuse_catalog(f->request, result, top.text);
	return result == 0;
}

void
serve_fs_find(
    struct nx_request *r, const Nx__FsFindRequest *q, struct storaged *s)
{
	struct finding *f = calloc(1, sizeof(*f));

	if (!f) {
		nx_refuse_errno(r, -ENOMEM, "searching");
		return;
	}
	f->scan =
	    (struct scan){.user = r->who.user_id, .step = step, .drop = drop};
	f->s = s;
	f->request = r;
	f->q = q;
	f->max = q->limit && q->limit < FIND_MAX ? q->limit : FIND_MAX;
	if (!read_request(f))
		drop(&f->scan);
	else if (!scans_add(s->scans, &f->scan)) {
		scans_refuse(r);
		drop(&f->scan);
	}
}
