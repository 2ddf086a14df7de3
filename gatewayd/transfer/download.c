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
#include "gatewayd/transfer/download_internal.h"
#include "proto/storage.rpc.h"

#define PER_TURN (2U << 20) /* bytes, before other clients get theirs */
#define PER_CALL (1U << 20)
#define IN_REPLY (48U << 10) /* shorter ones come without descriptors */

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

void
download_learn(struct download *d, uint64_t size, const char *id,
    const char *name, const char *etag, const char *sha256,
    const Nx__About *about)
{
	char digest[DIGEST_FIELD];

	d->known = true;
	d->size = d->end = size;
	snprintf(d->id, sizeof(d->id), "%s", id);
	snprintf(d->name, sizeof(d->name), "%s", name);
	snprintf(d->etag, sizeof(d->etag), "%s", etag);
	if (digest_field(sha256, digest))
		buf_printf(&d->more, "Repr-Digest: %s\r\n", digest);
	if (!about)
		return;
	snprintf(d->type, sizeof(d->type), "%s", about->content_type);
	about_headers(&d->more, about);
}

/* --- windows ---------------------------------------------------------------*/

static void on_window(struct req *r, const struct nx_reply *reply);

void
download_ask(struct req *r)
{
	Nx__OpenReadRequest m = NX__OPEN_READ_REQUEST__INIT;
	struct download *d = r->state;
	struct req_call_opts opts = {.timeout_s = 30,
	    .errors = d->gone && r->x.status == 0,
	    .again = download_ask};

	/* By id once it is known: whoever replaces the path meanwhile does not
	 * get mixed in. */
	if (d->id[0] && d->version == 0 && !d->snapshot[0])
		m.id = d->id;
	else
		m.path = d->path;
	m.version = d->version;
	m.snapshot = d->snapshot;
	m.session = d->session;
	m.offset = d->asked;
	m.length = d->known ? d->end - d->asked : 0;
	m.max_segments = d->segments;
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
static void answer_whole(struct req *r, const Nx__OpenReadReply *m);

/* Replaced or deleted since somebody looked it up. */
static void
refused(struct req *r, const struct nx_reply *reply)
{
	struct download *d = r->state;

	if (reply->status == NX__STATUS__NOT_FOUND &&
	    ++d->tries < DOWNLOAD_TRIES)
		d->gone(r);
	else
		req_fail_status(r, reply->status, reply->error);
}

static void
on_window(struct req *r, const struct nx_reply *reply)
{
	const Nx__OpenReadReply *m;
	struct download *d = r->state;

	if (reply->status != NX__STATUS__OK) {
		refused(r, reply);
		return;
	}
	m = nx_as_open_read_reply(reply->body);
	d->session = m->session;
	if (!d->known && m->file)
		download_learn(d, m->file->size, m->file->id, m->file->name,
		    m->file->md5, m->file->sha256, m->file->about);
	if (d->known && m->whole && r->x.status == 0) {
		answer_whole(r, m);
		return;
	}
	if (!d->known || !take_window(d, reply)) {
		req_fail_status(r, NX__STATUS__INTERNAL,
		    "The storage service gave an answer that makes no sense.");
		return;
	}
	/* The next must be verified before this one is sent. */
	if (d->segments < SEGMENTS)
		d->segments *= 2;
	if (r->x.status == 0)
		download_begin(r);
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
			download_ask(r);
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

void
download_begin(struct req *r)
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

const struct req_ops download_ops = {
    .writable = pump,
    .free = download_free,
};
