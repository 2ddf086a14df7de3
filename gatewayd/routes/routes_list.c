/*
 * /api/fs/ls and /api/fs/find. Without any of sort, reverse, after and limit a
 * list is all there is, by name, as it always was; with one of them it is a page,
 * and X-Nexus-Next (percent-encoded, to be sent back as after) says where the
 * next one begins.
 */
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/routes/page.h"
#include "gatewayd/routes/reply_file.h"
#include "gatewayd/routes/route.h"
#include "gatewayd/routes/routes.h"
#include "proto/storage.rpc.h"

#define LIMIT     100U /* unless one is asked for */
#define LIMIT_MAX 250U /* what storaged has in one answer */

static char *
borrow(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* --- one page ---------------------------------------------------------------*/

static void
on_page(struct req *r, const struct nx_reply *reply)
{
	const Nx__FsListReply *m = nx_as_fs_list_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '[');
	for (size_t i = 0; i < m->n_entries; i++)
		json_entry(&b, NULL, m->entries[i]);
	json_close(&b, ']');
	page_reply(r, &b, m->next);
}

static void
list_page(struct req *r)
{
	Nx__FsListRequest m = NX__FS_LIST_REQUEST__INIT;
	struct req_call_opts opts = {.timeout_s = 60};
	const char *path = req_param(r, "path");
	uint64_t limit = LIMIT;
	bool reverse;

	if (!req_flag(r, "reverse", &reverse) ||
	    !req_number(r, "limit", LIMIT_MAX, &limit))
		return;
	m.path = borrow(*path ? path : "/");
	m.after = borrow(req_param(r, "after"));
	m.sort = borrow(req_param(r, "sort"));
	m.limit = (uint32_t)limit;
	m.reverse = reverse;
	req_call(r, nx_ask_fs_list(&m), &opts, on_page);
}

/* --- all of them ------------------------------------------------------------*/

static void
on_entries(struct req *r, const struct nx_reply *reply)
{
	const Nx__FsListReply *m = nx_as_fs_list_reply(reply->body);

	if (!page_ahead(r, m->next))
		return;
	for (size_t i = 0; i < m->n_entries; i++)
		json_entry(page_buf(r), NULL, m->entries[i]);
	page_done(r, m->next);
}

static void
ask_entries(struct req *r, const char *cursor)
{
	Nx__FsListRequest m = NX__FS_LIST_REQUEST__INIT;
	struct req_call_opts opts = {.again = page_again};
	const char *path = req_param(r, "path");

	m.path = borrow(*path ? path : "/");
	m.after = borrow(cursor);
	req_call(r, nx_ask_fs_list(&m), &opts, on_entries);
}

static bool
is_paged(const struct req *r)
{
	static const char *const paged[] = {
	    "sort", "reverse", "after", "limit"};

	for (size_t i = 0; i < NX_ARRAY_SIZE(paged); i++)
		if (uri_param(&r->uri, paged[i]))
			return true;
	return false;
}

static void
fs_list(struct req *r)
{
	bool deleted, snapshot = uri_param(&r->uri, "snapshot") != NULL;

	if (!req_flag(r, "deleted", &deleted))
		return;
	if ((deleted && snapshot) || ((deleted || snapshot) && is_paged(r)))
		req_fail(r, 400, "invalid",
		    "A list of what was deleted, or was in a snapshot, is one "
		    "of the two, by name and whole: leave sort, reverse, after "
		    "and limit out.");
	else if (deleted)
		history_list_deleted(r);
	else if (snapshot)
		history_list_snapshot(r);
	else if (is_paged(r))
		list_page(r);
	else
		page_begin(r, ask_entries);
}

/* --- searching --------------------------------------------------------------*/

static void
json_found(struct buf *b, const Nx__FsFound *f)
{
	Nx__FsEntry e = NX__FS_ENTRY__INIT;
	const char *name = strrchr(f->path, '/');

	e.name = borrow(name ? name + 1 : f->path);
	e.folder = f->folder;
	e.size = f->size;
	e.id = f->id;
	e.modified_at = f->modified_at;
	e.md5 = f->md5;
	e.condition = f->condition;
	e.about = f->about;
	e.files = f->files;
	e.folders = f->folders;
	json_open(b, NULL, '{');
	json_string(b, "path", f->path);
	entry_members(b, &e);
	json_close(b, '}');
}

static void
on_found(struct req *r, const struct nx_reply *reply)
{
	const Nx__FsFindReply *m = nx_as_fs_find_reply(reply->body);

	for (size_t i = 0; i < m->n_found; i++)
		json_found(page_buf(r), m->found[i]);
	page_done(r, m->next);
}

/* False: the request has ended. */
static bool
read_wanted(struct req *r, Nx__FsFindRequest *m)
{
	const char *type = req_param(r, "type"), *path = req_param(r, "path");

	m->path = borrow(*path ? path : "/");
	m->name = borrow(req_param(r, "name"));
	m->pattern = borrow(req_param(r, "match"));
	m->files = strcmp(type, "file") == 0;
	m->folders = strcmp(type, "folder") == 0;
	m->has_max_size = uri_param(&r->uri, "max_size") != NULL;
	if (*type && !m->files && !m->folders) {
		req_fail(
		    r, 400, "invalid", "The parameter type is file or folder.");
		return false;
	}
	return req_number(r, "min_size", INT64_MAX, &m->min_size) &&
	    req_number(r, "max_size", INT64_MAX, &m->max_size) &&
	    req_number(r, "since", INT64_MAX, &m->since) &&
	    req_number(r, "until", INT64_MAX, &m->until);
}

static void
ask_found(struct req *r, const char *cursor)
{
	Nx__FsFindRequest m = NX__FS_FIND_REQUEST__INIT;
	struct req_call_opts opts = {.timeout_s = 60, .again = page_again};

	if (!read_wanted(r, &m))
		return;
	m.after = borrow(cursor);
	req_call(r, nx_ask_fs_find(&m), &opts, on_found);
}

static void
fs_find(struct req *r)
{
	page_begin(r, ask_found);
}

static const struct route rows[] = {
    {HTTP_M_GET, "/api/fs/ls", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN, fs_list,
	"path sort reverse after limit deleted snapshot"},
    {HTTP_M_GET, "/api/fs/find", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	fs_find, "path name match type min_size max_size since until"},
};
const struct route_table list_routes = {rows, NX_ARRAY_SIZE(rows)};
