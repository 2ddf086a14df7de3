/*
 * How a download begins: what is asked for is looked up where the answer depends on
 * it (a range, a condition, HEAD), the conditions are decided, and then the first
 * window is asked for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/transfer/download_internal.h"
#include "proto/storage.rpc.h"

static void
decide(struct req *r)
{
	struct http_span if_range = r->x.head.field[HEAD_IF_RANGE];
	struct download *d = r->state;
	enum range_result range = RANGE_WHOLE;
	uint64_t last = 0;
	char extra[128];

	if (r->x.head.field[HEAD_IF_MATCH].p &&
	    !etag_matches(r->x.head.field[HEAD_IF_MATCH], d->etag)) {
		req_fail_status(r, NX__STATUS__PRECONDITION,
		    "What is there has another etag than If-Match names.");
		return;
	}
	if (r->x.head.field[HEAD_IF_NONE_MATCH].p &&
	    etag_listed(r->x.head.field[HEAD_IF_NONE_MATCH], d->etag)) {
		snprintf(extra, sizeof(extra), "ETag: \"%s\"\r\n", d->etag);
		exchange_answer(&r->x, 304, NULL, extra, NULL, 0);
		return;
	}
	if (!if_range.p || etag_same(if_range, d->etag))
		range = range_parse(
		    r->x.head.field[HEAD_RANGE], d->size, &d->first, &last);
	if (range == RANGE_UNSATISFIABLE) {
		snprintf(extra, sizeof(extra),
		    "Content-Range: bytes */%llu\r\n",
		    (unsigned long long)d->size);
		exchange_answer(&r->x, 416, NULL, extra, NULL, 0);
		return;
	}
	d->partial = range == RANGE_PART;
	d->end = d->partial ? last + 1 : d->size;
	d->asked = d->first;
	if (req_is_head(r) || d->end == d->first)
		download_begin(r);
	else
		download_ask(r);
}

static void
on_file(struct req *r, const struct nx_reply *reply)
{
	const Nx__FileInfo *m = nx_as_file_info(reply->body);
	struct download *d = r->state;

	download_learn(d, m->size, m->id, m->name, m->md5, m->sha256, m->about);
	decide(r);
}

static void
on_entry(struct req *r, const struct nx_reply *reply)
{
	const Nx__FsEntry *m = nx_as_fs_entry(reply->body);
	struct download *d = r->state;

	if (m->folder) {
		req_fail(r, 400, "invalid",
		    "This is a folder; download the files in it one by one.");
		return;
	}
	download_learn(d, m->size, m->id, m->name, m->md5, m->sha256, m->about);
	decide(r);
}

/* What the answer is depends on what the file is. */
static void
ask_about(struct req *r)
{
	Nx__FileRequest file = NX__FILE_REQUEST__INIT;
	Nx__FsPathRequest path = NX__FS_PATH_REQUEST__INIT;
	struct req_call_opts opts = {.again = ask_about};
	struct download *d = r->state;

	file.id = d->id;
	path.path = d->path;
	path.version = d->version;
	path.snapshot = d->snapshot;
	if (d->id[0])
		req_call(r, nx_ask_file_stat(&file), &opts, on_file);
	else
		req_call(r, nx_ask_fs_stat(&path), &opts, on_entry);
}

void
download_known(struct req *r, const struct download_of *file,
    struct buf *fields, req_fn *gone)
{
	struct download *d = r->ops == &download_ops ? r->state : NULL;

	if (!d) {
		d = calloc(1, sizeof(*d));
		if (!d) {
			buf_fini(fields);
			req_fail(
			    r, 503, "unavailable", "Out of memory; try again.");
			return;
		}
		d->req = r;
		d->segments = 1;
		r->state = d;
		r->ops = &download_ops;
	}
	d->first = 0;
	nx_assert(d->session == 0 && d->now.n == 0 && d->next.n == 0);
	buf_fini(&d->more);
	d->more = *fields;
	*fields = (struct buf){0};
	d->gone = gone;
	download_learn(d, file->size, file->id, file->name, file->etag,
	    file->sha256, NULL);
	snprintf(d->type, sizeof(d->type), "%s", file->type);
	decide(r);
}

void
download_start(struct req *r, const char *id, const char *path,
    uint64_t version, const char *snapshot)
{
	struct download *d;

	if ((id && strlen(id) >= sizeof(d->id)) ||
	    (path && strlen(path) >= sizeof(d->path)) ||
	    (snapshot && strlen(snapshot) >= sizeof(d->snapshot))) {
		req_fail(r, 404, "not-found", "There is no such file.");
		return;
	}
	d = calloc(1, sizeof(*d));
	if (!d) {
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
		return;
	}
	d->req = r;
	d->segments = 1;
	d->version = version;
	snprintf(
	    d->snapshot, sizeof(d->snapshot), "%s", snapshot ? snapshot : "");
	snprintf(d->id, sizeof(d->id), "%s", id ? id : "");
	snprintf(d->path, sizeof(d->path), "%s", path ? path : "");
	r->state = d;
	r->ops = &download_ops;
	if (req_is_head(r) || r->x.head.field[HEAD_RANGE].p ||
	    r->x.head.field[HEAD_IF_MATCH].p ||
	    r->x.head.field[HEAD_IF_NONE_MATCH].p)
		ask_about(r);
	else
		download_ask(r);
}
