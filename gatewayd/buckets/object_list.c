/*
 * GET /api/buckets/:name/objects. Without limit and after it is all there is,
 * page by page; with one of them it is a page, and X-Nexus-Next says where the
 * next one begins.
 */
#include "common/err.h"
#include "gatewayd/buckets/object.h"
#include "proto/bucket.rpc.h"

#define LIMIT_MAX 250U
#define LIST_S    30U

static bool
wants_versions(const struct req *r)
{
	return uri_param(&r->uri, "versions") &&
	    *req_param(r, "versions") != '0' &&
	    *req_param(r, "versions") != 'f' &&
	    *req_param(r, "versions") != 'n';
}

static void
add_objects(struct req *r, struct buf *b, const Nx__ObjectListReply *m)
{
	for (size_t i = 0; i < m->n_objects; i++)
		json_object(b, NULL, m->objects[i], wants_versions(r));
}

static void
on_all(struct req *r, const struct nx_reply *reply)
{
	const Nx__ObjectListReply *m = nx_as_object_list_reply(reply->body);

	if (!page_ahead(r, m->next))
		return;
	add_objects(r, page_buf(r), m);
	page_done(r, m->next);
}

static void
on_page(struct req *r, const struct nx_reply *reply)
{
	const Nx__ObjectListReply *m = nx_as_object_list_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '[');
	add_objects(r, &b, m);
	json_close(&b, ']');
	page_reply(r, &b, m->next);
}

static void
ask(struct req *r, const char *cursor, uint64_t limit,
    const struct req_call_opts *opts, req_reply_fn *fn)
{
	Nx__ObjectListRequest m = NX__OBJECT_LIST_REQUEST__INIT;

	m.bucket = bucket_text(r->param);
	m.prefix = bucket_bytes(r, "prefix");
	m.delimiter = bucket_bytes(r, "delimiter");
	m.start_after = bucket_bytes(r, "start_after");
	m.after = bucket_text(cursor);
	m.limit = (uint32_t)limit;
	m.versions = wants_versions(r);
	req_call(r, nx_ask_object_list(&m), opts, fn);
}

static void
ask_all(struct req *r, const char *cursor)
{
	struct req_call_opts opts = {.timeout_s = LIST_S, .again = page_again};

	ask(r, cursor, 0, &opts, on_all);
}

void
object_list(struct req *r)
{
	struct req_call_opts opts = {.timeout_s = LIST_S};
	uint64_t limit = LIMIT_MAX;
	bool versions;

	if (!req_flag(r, "versions", &versions) ||
	    !req_number(r, "limit", LIMIT_MAX, &limit))
		return;
	if (!uri_param(&r->uri, "limit") && !uri_param(&r->uri, "after"))
		page_begin(r, ask_all);
	else if (limit == 0)
		req_fail(r, 400, "invalid",
		    "The parameter limit is a number from 1 to %u.", LIMIT_MAX);
	else
		ask(r, req_param(r, "after"), limit, &opts, on_page);
}
