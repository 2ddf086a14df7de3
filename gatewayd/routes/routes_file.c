/*
 * /api/files: raw files, through storaged.
 */
#include <string.h>

#include "common/err.h"
#include "gatewayd/routes/condition.h"
#include "gatewayd/routes/page.h"
#include "gatewayd/routes/reply_file.h"
#include "gatewayd/routes/route.h"
#include "proto/storage.rpc.h"

static void
on_files(struct req *r, const struct nx_reply *reply)
{
	const Nx__FileListReply *m = nx_as_file_list_reply(reply->body);
	size_t i;

	if (!page_ahead(r, m->next))
		return;
	for (i = 0; i < m->n_files; i++)
		json_file(page_buf(r), NULL, m->files[i]);
	page_done(r, m->next);
}

static void
ask_files(struct req *r, const char *cursor)
{
	Nx__FileListRequest m = NX__FILE_LIST_REQUEST__INIT;
	struct req_call_opts opts = {.again = page_again};

	bool damaged;

	if (!req_flag(r, "damaged", &damaged))
		return;
	m.damaged = damaged;
	m.after = (char *)(uintptr_t)cursor;
	req_call(r, nx_ask_file_list(&m), &opts, on_files);
}

static void
file_list(struct req *r)
{
	page_begin(r, ask_files);
}

static void
on_file(struct req *r, const struct nx_reply *reply)
{
	struct buf b = {0};

	json_file(&b, NULL, nx_as_file_info(reply->body));
	reply_json(r, 200, &b);
}

static void
file_stat(struct req *r)
{
	Nx__FileRequest m = NX__FILE_REQUEST__INIT;

	m.id = (char *)(uintptr_t)r->param;
	req_call(r, nx_ask_file_stat(&m), NULL, on_file);
}

static void
on_deleted(struct req *r, const struct nx_reply *reply)
{
	const Nx__FileInfo *f = nx_as_file_info(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_string(&b, "message", "File deleted.");
	json_string(&b, "id", f->id);
	json_string(&b, "name", f->name);
	json_uint(&b, "size", f->size);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
file_delete(struct req *r)
{
	Nx__FileRequest m = NX__FILE_REQUEST__INIT;
	struct condition condition;

	if (!req_condition(r, &condition))
		return;
	m.id = (char *)(uintptr_t)r->param;
	m.condition = condition_message(&condition);
	req_call(r, nx_ask_file_delete(&m), NULL, on_deleted);
}

static const struct route rows[] = {
    {HTTP_M_GET, "/api/files", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	file_list, "damaged"},
    {HTTP_M_GET, "/api/files/:id", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	file_stat, NULL},
    {HTTP_M_DELETE, "/api/files/:id", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_DECIDES,
	file_delete, NULL},
};
const struct route_table file_routes = {rows, NX_ARRAY_SIZE(rows)};
