/*
 * Downloads in windows of descriptors. What is sent was verified by storaged just
 * before; what cannot be verified any more in the middle of a body cuts the
 * connection, so that the client sees that it has not got everything.
 *
 *	                first .......... asked ........... end
 *	sent            [     ]
 *	window now             [  ]
 *	window next                [    ]
 *	call under way                   [ ... ]
 *
 * At most two windows are held and one call is under way: while `now` goes out,
 * `next` is asked for, so that storaged verifies ahead of the network, but never
 * far ahead. begin() sends the head when the first window is here; pump() moves
 * bytes until the socket is full, its turn is over, or it is storaged's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "gatewayd/transfer/download.h"
#include "proto/storage.rpc.h"

#define SEGMENTS 4U         /* of a window; the first has one, to be quick */
#define PER_TURN (2U << 20) /* bytes, before other clients get theirs */
#define PER_CALL (1U << 20)
#define IN_REPLY (48U << 10) /* shorter ones come without descriptors */

struct window {
	int fd[SEGMENTS];
	uint64_t offset[SEGMENTS], length[SEGMENTS];
	size_t n, at;
};

struct download {
	struct req *req;
	uint64_t session; /* storaged keeps the file as it is; 0: no need */
	char id[33];
	char path[4097];
	char name[256];
	char etag[65];
	char type[256];
	struct buf more; /* fields of the reply's head */
	uint64_t size;
	uint64_t asked; /* everything before it is in a window, or sent */
	uint64_t end;   /* of what is to be sent */
	uint64_t first;
	bool partial;
	bool known; /* size, name and etag are */
	struct window now, next;
};

static void
window_close(struct window *w)
{
	for (; w->at < w->n; w->at++)
		nx_close(&w->fd[w->at]);
	w->at = w->n = 0;
}

static void
ignore(const struct nx_reply *reply, void *arg)
{
	(void)reply;
	(void)arg;
}

/* The client went before the end: storaged need not keep the file any more. */
static void
close_session(struct download *d)
{
	Nx__OpenReadRequest m = NX__OPEN_READ_REQUEST__INIT;
	struct nx_call_opts opts = {0};
	const struct token *token = d->req->token;

	if (d->session == 0 || !token || !token->has_storage)
		return;
	m.session = d->session;
	m.close = true;
	opts.ticket = token->storage;
	(void)nx_call(
	    d->req->gw->hub, nx_ask_file_open_read(&m), &opts, ignore, NULL);
}

static void
download_free(void *state)
{
	struct download *d = state;

	close_session(d);
	window_close(&d->now);
	window_close(&d->next);
	buf_fini(&d->more);
	free(d);
}

static void
learn(struct download *d, uint64_t size, const char *id, const char *name,
    const char *etag, const Nx__About *about)
{
	d->known = true;
	d->size = d->end = size;
	snprintf(d->id, sizeof(d->id), "%s", id);
	snprintf(d->name, sizeof(d->name), "%s", name);
	snprintf(d->etag, sizeof(d->etag), "%s", etag);
	if (!about)
		return;
	snprintf(d->type, sizeof(d->type), "%s", about->content_type);
	about_headers(&d->more, about);
}

/* --- windows ---------------------------------------------------------------*/

static void on_window(struct req *r, const struct nx_reply *reply);

static void
ask_window(struct req *r)
{
	Nx__OpenReadRequest m = NX__OPEN_READ_REQUEST__INIT;
	struct req_call_opts opts = {.timeout_s = 30, .again = ask_window};
	struct download *d = r->state;

	/* By id once it is known: whoever replaces the path meanwhile does not
	 * get mixed in. */
	if (d->id[0])
		m.id = d->id;
	else
		m.path = d->path;
	m.session = d->session;
	m.offset = d->asked;
	m.length = d->known ? d->end - d->asked : 0;
	m.max_segments = r->x.status == 0 ? 1 : SEGMENTS;
	m.in_reply = r->x.status == 0 ? IN_REPLY : 0;
	req_call(r, nx_ask_file_open_read(&m), &opts, on_window);
}

/* Takes the descriptors; false when the reply makes no sense. */
static bool
take_window(struct download *d, const struct nx_reply *reply)
{
	const Nx__OpenReadReply *m = nx_as_open_read_reply(reply->body);
	struct window w = {.n = m->n_segments};
	uint64_t total = 0;
	size_t i;

	if (m->n_segments != reply->n_fds || m->n_segments > SEGMENTS)
		return false;
	for (i = 0; i < w.n; i++) {
		w.offset[i] = m->segments[i]->offset;
		w.length[i] = m->segments[i]->length;
		if (w.length[i] == 0 || w.length[i] > INT64_MAX ||
		    w.length[i] > d->end - d->asked - total)
			return false;
		total += w.length[i];
	}
	/* Nothing, with more to come, would be asked for again and again. */
	if (total == 0 && d->asked < d->end)
		return false;
	nx_assert(d->next.n == 0);
	for (i = 0; i < w.n; i++)
		w.fd[i] = nx_take_fd(&reply->fds[i]);
	d->asked += total;
	d->next = w;
	return true;
}

static void pump(struct req *r);
static void begin(struct req *r);
static void answer_whole(struct req *r, const Nx__OpenReadReply *m);

static void
on_window(struct req *r, const struct nx_reply *reply)
{
	const Nx__OpenReadReply *m = nx_as_open_read_reply(reply->body);
	struct download *d = r->state;

	d->session = m->session;
	if (!d->known && m->file)
		learn(d, m->file->size, m->file->id, m->file->name,
		    m->file->md5, m->file->about);
	if (d->known && m->whole && r->x.status == 0) {
		answer_whole(r, m);
		return;
	}
	if (!d->known || !take_window(d, reply)) {
		req_fail_status(r, NX__STATUS__INTERNAL,
		    "The storage service gave an answer that makes no sense.");
		return;
	}
	if (r->x.status == 0)
		begin(r);
	else if (d->now.at == d->now.n && !exchange_pending(&r->x))
		pump(r);
}

/* --- sending ---------------------------------------------------------------*/

/* 1 the window is sent, 0 the socket is full or it is others' turn, -errno. */
static int
send_window(struct exchange *x, struct window *w, size_t *budget)
{
	while (w->at < w->n) {
		uint64_t left = w->length[w->at];
		off_t offset = (off_t)w->offset[w->at];
		ssize_t n;

		if (*budget == 0)
			return 0;
		n = exchange_sendfile(x, w->fd[w->at], &offset,
		    left < PER_CALL ? (size_t)left : PER_CALL);
		if (n <= 0)
			return (int)n;
		nx_assert((uint64_t)n <= left);
		*budget -= (size_t)n < *budget ? (size_t)n : *budget;
		w->offset[w->at] += (uint64_t)n;
		w->length[w->at] -= (uint64_t)n;
		if (w->length[w->at] == 0)
			nx_close(&w->fd[w->at++]);
	}
	return 1;
}

static void
pump(struct req *r)
{
	struct download *d = r->state;
	size_t budget = PER_TURN;
	int result;

	nx_assert(d->known && d->first <= d->asked && d->asked <= d->end);
	for (;;) {
		nx_assert(d->now.at <= d->now.n && d->next.at == 0);
		result = send_window(&r->x, &d->now, &budget);
		if (result < 0) {
			exchange_abort(&r->x);
			return;
		}
		if (result == 0) {
			exchange_want(&r->x);
			return;
		}
		if (d->next.n == 0)
			break;
		d->now = d->next;
		d->next = (struct window){0};
		if (d->asked < d->end) {
			ask_window(r);
			if (r->x.ended)
				return;
		}
	}
	if (d->asked == d->end)
		exchange_finish(&r->x);
	else
		exchange_hold(&r->x); /* it is storaged we wait for */
}

/* Ends d->more. False: the request has ended. */
static bool
fill_head(struct download *d)
{
	struct buf *extra = &d->more;
	char disposition[1100], range[80] = "";

	mime_attachment(d->name, disposition, sizeof(disposition));
	if (d->partial)
		snprintf(range, sizeof(range),
		    "Content-Range: bytes %llu-%llu/%llu\r\n",
		    (unsigned long long)d->first,
		    (unsigned long long)d->end - 1,
		    (unsigned long long)d->size);
	buf_printf(extra,
	    "Content-Disposition: %s\r\n"
	    "ETag: \"%s\"\r\n"
	    "Accept-Ranges: bytes\r\n"
	    "Cache-Control: private, no-cache\r\n"
	    "%s",
	    disposition, d->etag, range);
	buf_add(extra, "", 1);
	if (extra->failed)
		req_fail(
		    d->req, 503, "unavailable", "Out of memory; try again.");
	return !extra->failed;
}

static const char *
type_of(const struct download *d)
{
	return d->type[0] ? d->type : "application/octet-stream";
}

static void
begin(struct req *r)
{
	struct download *d = r->state;

	if (!fill_head(d))
		return;
	if (!exchange_begin(&r->x, d->partial ? 206 : 200, type_of(d),
		d->more.data, d->end - d->first))
		return;
	buf_fini(&d->more);
	if (!exchange_pending(&r->x))
		pump(r);
}

/* What is short came with its head: both go out at once. */
static void
answer_whole(struct req *r, const Nx__OpenReadReply *m)
{
	struct download *d = r->state;

	if (m->content.len != d->end - d->asked) {
		req_fail_status(r, NX__STATUS__INTERNAL,
		    "The storage service gave an answer that makes no sense.");
		return;
	}
	if (fill_head(d))
		exchange_answer(&r->x, d->partial ? 206 : 200, type_of(d),
		    d->more.data, m->content.data, m->content.len);
}

static const struct req_ops download_ops = {
    .writable = pump,
    .free = download_free,
};

/* --- conditions ------------------------------------------------------------*/

static void
decide(struct req *r)
{
	struct http_span if_range = r->x.head.field[HEAD_IF_RANGE];
	struct download *d = r->state;
	enum range_result range = RANGE_WHOLE;
	uint64_t last = 0;
	char extra[128];

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
		begin(r);
	else
		ask_window(r);
}

static void
on_file(struct req *r, const struct nx_reply *reply)
{
	const Nx__FileInfo *m = nx_as_file_info(reply->body);
	struct download *d = r->state;

	learn(d, m->size, m->id, m->name, m->md5, m->about);
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
	learn(d, m->size, m->id, m->name, m->md5, m->about);
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
	if (d->id[0])
		req_call(r, nx_ask_file_stat(&file), &opts, on_file);
	else
		req_call(r, nx_ask_fs_stat(&path), &opts, on_entry);
}

void
download_start(struct req *r, const char *id, const char *path)
{
	struct download *d;

	if ((id && strlen(id) >= sizeof(d->id)) ||
	    (path && strlen(path) >= sizeof(d->path))) {
		req_fail(r, 404, "not-found", "There is no such file.");
		return;
	}
	d = calloc(1, sizeof(*d));
	if (!d) {
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
		return;
	}
	d->req = r;
	snprintf(d->id, sizeof(d->id), "%s", id ? id : "");
	snprintf(d->path, sizeof(d->path), "%s", path ? path : "");
	r->state = d;
	r->ops = &download_ops;
	if (req_is_head(r) || r->x.head.field[HEAD_RANGE].p ||
	    r->x.head.field[HEAD_IF_NONE_MATCH].p)
		ask_about(r);
	else
		ask_window(r);
}
