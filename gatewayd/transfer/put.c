/*
 * PUT: what the client sends goes into storaged's pipe as it comes, and is there
 * when storaged says so.
 *
 * What is small, and of a kind that can, comes here whole (small.h) and is stored
 * in one call.
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

#define PER_TURN   (4U << 20)
#define PER_SPLICE (1U << 20)

static const struct http_error
    cut = {400, "body-cut-short",
	"The body ended before the length that was announced; nothing was "
	"stored."},
    cut_kept = {400, "body-cut-short",
	"The body ended before the length that was announced; what came is "
	"kept: "
	"ask where the upload ends, and go on there."},
    no_body = {411, "length-required",
	"Send the file as the body, with its Content-Length or chunked."},
    no_about = {400, "invalid",
	"A piece takes no X-Nexus-Meta or X-Nexus-Mtime: say them when the "
	"upload "
	"is opened."};

static void
put_free(void *state)
{
	struct put *p = state;

	small_fini(&p->small, p->upload.req);
	upload_fini(&p->upload);
	if (p->kind->free)
		p->kind->free(p->own);
	free(p);
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
			upload_finish(&p->upload, p->kind->done);
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
		req_fail_close(
		    r, p->kind->takes & PUT_KEEPS ? &cut_kept : &cut);
}

static const struct req_ops put_ops = {
    .readable = pump,
    .free = put_free,
};

void
put_opened(struct req *r)
{
	exchange_stream(&r->x);
}

/* --- small ------------------------------------------------------------------*/

static void
gather(struct req *r)
{
	struct put *p = r->state;
	enum upload_result result = UPLOAD_OK;
	struct http_span piece;

	while (result == UPLOAD_OK) {
		if (exchange_body_done(&r->x)) {
			p->kind->small(r);
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

	if (!p->kind->small || !small_begin(&p->small, r)) {
		p->kind->open(r);
		return;
	}
	r->ops = &small_ops;
	exchange_stream(&r->x);
}

/* --- the head ---------------------------------------------------------------*/

static const struct http_error *
read_head(struct put *p, const struct http_head *head)
{
	unsigned takes = p->kind->takes;
	const struct http_error *error;

	if (head->framing == HTTP_NO_BODY &&
	    !head->field[HEAD_CONTENT_LENGTH].p)
		return &no_body;
	error = takes & PUT_DIGEST ? digest_of(&p->upload.digest, head)
				   : digest_none(head);
	if (!error)
		error = condition_of(&p->upload.condition, head);
	if (!error && !(takes & PUT_ABOUT) &&
	    (head->n_meta > 0 || head->field[HEAD_NEXUS_MTIME].p))
		error = &no_about;
	return error ? error
		     : about_of(&p->upload.about, head, takes & PUT_ABOUT);
}

void
put_begin(struct req *r, const struct put_kind *kind, void *own)
{
	const struct http_error *error;
	struct put *p = calloc(1, sizeof(*p));

	if (!p) {
		if (kind->free)
			kind->free(own);
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
		return;
	}
	upload_init(&p->upload, r, pump);
	p->upload.keeps = kind->takes & PUT_KEEPS;
	p->kind = kind;
	p->own = own;
	r->state = p;
	r->ops = &put_ops;
	error = read_head(p, &r->x.head);
	if (!error)
		error =
		    redundancy_of(&p->upload.redundancy, &r->x.head, &r->uri);
	if (error)
		req_fail_http(r, error);
	else
		begin(r);
}
