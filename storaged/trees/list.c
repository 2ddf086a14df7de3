/*
 * Lists of folders, in pages. By name an index has the order, and a page is read
 * at once. By size or time there is none, for each would cost every creation in
 * every folder above it: the folder is looked through in steps, and the best of
 * those behind the cursor are kept, no more than a page has.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "storaged/catalog/catalog.h"
#include "storaged/storaged.h"
#include "storaged/trees/info.h"
#include "storaged/trees/refuse.h"
#include "storaged/trees/scan.h"
#include "proto/serve_storaged.h"

#define LIST_MAX 250U /* what a frame has room for */
/* A page of long names must fit a frame, whatever the limit says. */
#define PAGE_BYTES  48000U
#define ENTRY_BYTES 160U
#define STEP_ROWS   64U

enum sort { BY_NAME, BY_SIZE, BY_TIME };

/* Where a page begins: behind what has this. */
struct cursor {
	bool set;
	uint64_t value;
	char name[PATH_NAME_MAX + 1];
};

struct listing {
	struct scan scan; /* first */
	struct storaged *s;
	struct nx_request *request;
	uint64_t owner;
	int64_t folder;
	enum sort sort;
	bool reverse;
	struct cursor from;
	char after[PATH_NAME_MAX + 1]; /* what has been looked at */
	size_t max, n;
	struct catalog_entry *best; /* in their order; room for max + 1 */
	struct catalog_entry room[];
};

static uint64_t
value_of(const struct listing *l, const struct catalog_entry *e)
{
	return l->sort == BY_SIZE ? e->size : e->modified_at;
}

/* Of the same value the names decide; both ways they turn around. */
static bool
is_behind(const struct listing *l, const struct catalog_entry *e,
    uint64_t value, const char *name)
{
	uint64_t own = value_of(l, e);
	int order = own != value ? (own > value) - (own < value)
				 : strcmp(e->name, name);

	return l->reverse ? order < 0 : order > 0;
}

/* --- answering --------------------------------------------------------------*/

static void
write_cursor(const struct listing *l, const struct catalog_entry *last,
    char text[PATH_NAME_MAX + 32])
{
	if (l->sort == BY_NAME)
		(void)snprintf(text, PATH_NAME_MAX + 32, "%s", last->name);
	else
		(void)snprintf(text, PATH_NAME_MAX + 32, "%" PRIu64 ":%s",
		    value_of(l, last), last->name);
}

static void
answer(struct listing *l)
{
	Nx__FsListReply reply = NX__FS_LIST_REPLY__INIT;
	Nx__FsEntry infos[LIST_MAX], *pointers[LIST_MAX];
	char next[PATH_NAME_MAX + 32];
	Nx__About abouts[LIST_MAX];
	size_t bytes = 0, i;

	for (i = 0; i < l->n && i < l->max; i++) {
		const struct catalog_entry *e = &l->best[i];

		bytes += ENTRY_BYTES + strlen(e->name) + strlen(e->about.type);
		if (bytes > PAGE_BYTES)
			break;
		info_entry(e, &infos[i], &abouts[i]);
		pointers[i] = &infos[i];
	}
	reply.n_entries = i;
	reply.entries = pointers;
	if (i < l->n) {
		write_cursor(l, &l->best[i - 1], next);
		reply.next = next;
	}
	nx_answer_fs_list(l->request, &reply);
}

/* --- in steps ---------------------------------------------------------------*/

static void
keep_if_best(struct listing *l, const struct catalog_entry *e)
{
	size_t at = l->n;

	if (l->from.set && !is_behind(l, e, l->from.value, l->from.name))
		return;
	while (at > 0 &&
	    !is_behind(
		l, e, value_of(l, &l->best[at - 1]), l->best[at - 1].name))
		at--;
	if (at > l->max)
		return;
	if (l->n <= l->max)
		l->n++;
	memmove(&l->best[at + 1], &l->best[at],
	    (l->n - at - 1) * sizeof(l->best[0]));
	l->best[at] = *e;
}

/* Number, or -errno. */
static int
look(struct listing *l)
{
	struct catalog_entry entries[STEP_ROWS];
	int n = catalog_list(l->s->catalog, l->owner, l->folder, l->after,
	    false, entries, STEP_ROWS);

	for (int i = 0; i < n; i++)
		keep_if_best(l, &entries[i]);
	if (n > 0)
		(void)snprintf(
		    l->after, sizeof(l->after), "%s", entries[n - 1].name);
	return n;
}

static void
drop(struct scan *scan)
{
	free(scan);
}

static bool
step(struct scan *scan)
{
	struct listing *l = (struct listing *)(void *)scan;
	uint64_t began = nx_now_us();
	int n;

	do
		n = look(l);
	while (n == STEP_ROWS && nx_now_us() - began < SCAN_STEP_US);
	if (n == STEP_ROWS)
		return true;
	if (n < 0)
		nx_refuse_errno(l->request, n, "listing the folder");
	else
		answer(l);
	drop(scan);
	return false;
}

/* --- what is asked for ------------------------------------------------------*/

static bool
parse_sort(const char *text, enum sort *ret_sort)
{
	static const char *const names[] = {
	    [BY_NAME] = "name", [BY_SIZE] = "size", [BY_TIME] = "time"};

	*ret_sort = BY_NAME;
	if (text[0] == '\0')
		return true;
	for (size_t i = 0; i < NX_ARRAY_SIZE(names); i++)
		if (strcmp(text, names[i]) == 0) {
			*ret_sort = (enum sort)i;
			return true;
		}
	return false;
}

static bool
parse_cursor(const char *text, enum sort sort, struct cursor *ret_cursor)
{
	const char *name = text;
	char *end;

	*ret_cursor = (struct cursor){.set = text[0] != '\0'};
	if (sort != BY_NAME && ret_cursor->set) {
		errno = 0;
		ret_cursor->value = strtoull(text, &end, 10);
		if (text[0] < '0' || text[0] > '9' || errno || *end != ':')
			return false;
		name = end + 1;
	}
	if (strlen(name) > PATH_NAME_MAX)
		return false;
	(void)snprintf(ret_cursor->name, sizeof(ret_cursor->name), "%s", name);
	return true;
}

/* False: it has been refused. */
static bool
read_request(struct listing *l, const Nx__FsListRequest *q)
{
	struct catalog_entry folder;
	struct path path;
	/* "ls" without a path is of the root. */
	const char *text = q->path[0] ? q->path : "/", *wrong;
	int result;

	wrong = path_parse(text, strlen(text), &path);
	if (!wrong && !parse_sort(q->sort, &l->sort))
		wrong = "a list is sorted by name, size or time";
	if (!wrong && !parse_cursor(q->after, l->sort, &l->from))
		wrong = "the cursor is not one this list has given";
	if (wrong) {
		nx_refuse(l->request, NX__STATUS__INVALID, "%s", wrong);
		return false;
	}
	result = catalog_stat(l->s->catalog, l->owner, &path, &folder);
	if (result == 0 && !folder.folder)
		result = CATALOG_NOT_FOLDER;
	if (result != 0)
		refuse_catalog(l->request, result, path.text);
	l->folder = folder.key;
	return result == 0;
}

/* Answered within the turn it came in: one page's room does for all. */
static void
list_by_name(struct listing *l)
{
	static struct catalog_entry page[LIST_MAX + 1];
	int n = catalog_list(l->s->catalog, l->owner, l->folder, l->from.name,
	    l->reverse, page, l->max + 1);

	if (n < 0) {
		nx_refuse_errno(l->request, n, "listing the folder");
		return;
	}
	l->best = page;
	l->n = (size_t)n;
	answer(l);
}

static void
list_in_steps(const struct listing *wanted)
{
	struct listing *l =
	    malloc(sizeof(*l) + (wanted->max + 1) * sizeof(l->room[0]));

	if (!l) {
		nx_refuse_errno(wanted->request, -ENOMEM, "listing the folder");
		return;
	}
	*l = *wanted;
	l->best = l->room;
	if (!scans_add(l->s->scans, &l->scan)) {
		scans_refuse(l->request);
		free(l);
	}
}

void
serve_fs_list(
    struct nx_request *r, const Nx__FsListRequest *q, struct storaged *s)
{
	struct listing l = {
	    .scan = {.user = r->who.user_id, .step = step, .drop = drop},
	    .s = s,
	    .request = r,
	    .owner = r->who.user_id,
	    .reverse = q->reverse,
	    .max = q->limit && q->limit < LIST_MAX ? q->limit : LIST_MAX};

	if (!read_request(&l, q))
		return;
	if (l.sort == BY_NAME)
		list_by_name(&l);
	else
		list_in_steps(&l);
}
