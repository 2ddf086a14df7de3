/*
 * PUT: what the client sends goes into storaged's pipe as it comes, and is a
 * file when storaged says so.
 *
 * What is small comes here whole (small.h) and is stored in one call.
 *
 * Else the body is asked for (100-continue) only when storaged has given a pipe: a
 * file that cannot be stored is refused before it is sent. Then every step is
 * one of splice (socket to pipe, the usual case), read and write; the upload is
 * finished when the body is over and nothing is left.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "gatewayd/transfer/put.h"
#include "gatewayd/transfer/small.h"
#include "gatewayd/transfer/upload.h"
#include "proto/storage.rpc.h"

#define PER_TURN   (4U << 20)
#define PER_SPLICE (1U << 20)

struct put {
	struct upload upload;  /* first: req_upload() */
	struct http_span left; /* read, not taken by the pipe yet */
	struct small small;    /* in place of the pipe */
	const char *name, *path;
};

static const struct http_error cut = {400, "body-cut-short",
    "The body ended before the length that was announced; nothing was "
    "stored."};

static void
put_free(void *state)
{
	struct put *p = state;

	small_fini(&p->small, p->upload.req);
	upload_fini(&p->upload);
	free(p);
}

static void
on_finished(struct req *r, const struct nx_reply *reply)
{
	reply_uploaded(r, 201, nx_as_finish_upload_reply(reply->body));
}

/* Bytes that came with the head, or in chunks: through the buffer. */
static enum upload_result
step_buffered(struct put *p)
{
	enum upload_result result;
	size_t n;

	if (p->left.len == 0)
		return upload_read(&p->upload, &p->left);
	result = upload_write(&p->upload, p->left.p, p->left.len, &n);
	if (result == UPLOAD_OK) {
		p->left.p += n;
		p->left.len -= n;
	}
	return result;
}

static void
pump(struct req *r)
{
	struct put *p = r->state;
	uint64_t start = p->upload.written;
	enum upload_result result = UPLOAD_OK;

	if (p->upload.waiting)
		return;
	nx_assert(p->upload.open);
	while (result == UPLOAD_OK) {
		if (p->left.len == 0 && exchange_body_done(&r->x)) {
			upload_finish(&p->upload, on_finished);
			return;
		}
		if (p->upload.written - start > PER_TURN) {
			/* The others' turn. */
			exchange_later(&r->x);
			return;
		}
		if (p->left.len == 0 && exchange_splices(&r->x))
			result = upload_splice(&p->upload, PER_SPLICE);
		else
			result = step_buffered(p);
	}
	if (result == UPLOAD_EOF)
		req_fail_close(r, &cut);
}

static const struct req_ops put_ops = {
    .readable = pump,
    .free = put_free,
};

static void
on_open(struct req *r)
{
	exchange_stream(&r->x);
}

static void
open_put(struct req *r)
{
	Nx__OpenUploadRequest m = NX__OPEN_UPLOAD_REQUEST__INIT;
	struct put *p = r->state;

	if (p->name)
		m.name = (char *)(uintptr_t)p->name;
	else
		m.path = (char *)(uintptr_t)p->path;
	m.has_size = r->x.head.framing != HTTP_CHUNKED;
	m.size = m.has_size ? r->x.head.content_length : 0;
	m.condition = condition_message(&p->upload.condition);
	upload_open(&p->upload, &m, open_put, on_open);
}

/* --- small ------------------------------------------------------------------*/

static void
send_small(struct req *r)
{
	Nx__PutRequest m = NX__PUT_REQUEST__INIT;
	struct put *p = r->state;

	if (p->name)
		m.name = (char *)(uintptr_t)p->name;
	else
		m.path = (char *)(uintptr_t)p->path;
	m.condition = condition_message(&p->upload.condition);
	small_send(&p->small, r, &m, &p->upload.digest, &p->upload.about,
	    send_small, on_finished);
}

static void
gather(struct req *r)
{
	struct put *p = r->state;
	enum upload_result result = UPLOAD_OK;
	struct http_span piece;

	while (result == UPLOAD_OK) {
		if (exchange_body_done(&r->x)) {
			send_small(r);
			return;
		}
		piece = (struct http_span){0};
		result = upload_read(&p->upload, &piece);
		if (result == UPLOAD_OK && piece.len > 0)
			small_add(&p->small, piece.p, piece.len);
	}
	if (result == UPLOAD_EOF)
		req_fail_close(r, &cut);
}

static const struct req_ops small_ops = {
    .readable = gather,
    .free = put_free,
};

static void
begin(struct req *r)
{
	struct put *p = r->state;

	if (!small_begin(&p->small, r)) {
		open_put(r);
		return;
	}
	r->ops = &small_ops;
	exchange_stream(&r->x);
}

void
put_start(struct req *r, const char *name, const char *path)
{
	const struct http_error *error;
	struct digest digest;
	struct put *p;

	error = digest_of(&digest, &r->x.head);
	if (error) {
		req_fail_http(r, error);
		return;
	}
	if (r->x.head.framing == HTTP_NO_BODY &&
	    !r->x.head.field[HEAD_CONTENT_LENGTH].p) {
		req_fail(r, 411, "length-required",
		    "Send the file as the body, with its Content-Length or "
		    "chunked.");
		return;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
		return;
	}
	upload_init(&p->upload, r, pump);
	p->upload.digest = digest;
	p->name = name;
	p->path = path;
	r->state = p;
	r->ops = &put_ops;
	error = condition_of(&p->upload.condition, &r->x.head);
	if (!error)
		error = about_of(&p->upload.about, &r->x.head, true);
	if (error)
		req_fail_http(r, error);
	else
		begin(r);
}
