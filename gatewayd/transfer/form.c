/*
 * Forms with a file in them. Reads the body, takes it apart, and writes the
 * file's content into storaged's pipe; whatever holds one of these up holds up
 * the client.
 *
 * Three steps feed each other, and form_pump() takes the last one that has
 * something to do: write (`left`: content of the file the pipe has not taken),
 * parse (`payload`: content of the body), read. Nothing is read while something
 * is left, so a form never holds more than one piece of the body.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/utf8.h"
#include "gatewayd/transfer/form.h"
#include "gatewayd/transfer/form_internal.h"

#define PER_TURN (4U << 20)

static const struct http_error
    cut = {400, "body-cut-short",
	"The body ended in the middle of the form; nothing was stored."},
    one_file = {400, "invalid", "Send one file at a time."},
    no_file = {400, "invalid",
	"The form has no file: the field is called file (curl -F file=@NAME)."},
    no_path = {400, "invalid",
	"The field path is missing: where the file goes in your tree."},
    path_long = {400, "invalid",
	"The path must be at most 4096 bytes of UTF-8."},
    digest = {501, "digest-not-checked",
	"Only the file of a form can have a digest that is checked."},
    fields = {
	413, "body-too-large", "The form's fields are larger than 64 KiB."};

static void
form_free(void *state)
{
	struct form *f = state;

	small_fini(&f->small, f->upload.req);
	upload_fini(&f->upload);
	free(f);
}

/* The answer is clear before the body has come to its end. */
static enum upload_result
refuse(struct form *f, const struct http_error *error)
{
	req_fail_http(f->upload.req, error);
	return UPLOAD_ENDED;
}

static enum upload_result
add_field(struct form *f, struct http_span data)
{
	f->other += data.len;
	if (f->other > FORM_OTHER_MAX)
		return refuse(f, &fields);
	if (!f->in_path)
		return UPLOAD_OK;
	if (f->path_len + data.len > FORM_PATH_MAX)
		return refuse(f, &path_long);
	memcpy(f->path + f->path_len, data.p, data.len);
	f->path_len += data.len;
	f->path[f->path_len] = '\0';
	return UPLOAD_OK;
}

static enum upload_result
begin_file(struct form *f)
{
	if (!f->parts.is_file)
		return refuse(f, &no_file);
	if (f->has_file)
		return refuse(f, &one_file);
	f->has_file = f->in_file = true;
	f->upload.digest = f->parts.digest;
	digest_wants(&f->upload.digest, &f->upload.req->x.head);
	/* Else stop here: if it has not ended, it goes on when the pipe is
	 * there, with what is left of the payload. */
	return form_begin_file(f) ? UPLOAD_OK : UPLOAD_ENDED;
}

static enum upload_result
begin_part(struct form *f)
{
	f->other += f->parts.head_len;
	if (f->other > FORM_OTHER_MAX)
		return refuse(f, &fields);
	if (strcmp(f->parts.name, "file") == 0)
		return begin_file(f);
	if (digest_any(&f->parts.digest))
		return refuse(f, &digest);
	f->in_path = f->tree && strcmp(f->parts.name, "path") == 0;
	if (f->in_path)
		f->path_len = 0; /* it is worth more than the query's */
	return UPLOAD_OK;
}

static enum upload_result
end_part(struct form *f)
{
	bool bad = f->in_path && !nx_text_clean(f->path, f->path_len, "");

	f->in_file = f->in_path = false;
	return bad ? refuse(f, &path_long) : UPLOAD_OK;
}

static enum upload_result
parse(struct form *f)
{
	switch (multipart_next(&f->parts, &f->payload)) {
	case MULTIPART_MORE:
	case MULTIPART_END: return UPLOAD_OK;
	case MULTIPART_PART: return begin_part(f);
	case MULTIPART_PART_END: return end_part(f);
	case MULTIPART_ERROR: return refuse(f, f->parts.error);
	case MULTIPART_DATA:
		if (!f->in_file)
			return add_field(f, f->parts.data);
		f->left = f->parts.data;
		return UPLOAD_OK;
	}
	return UPLOAD_OK;
}

static void
complete(struct form *f)
{
	struct req *r = f->upload.req;

	if (!multipart_done(&f->parts))
		req_fail_http(r, &cut);
	else if (!f->has_file)
		req_fail_http(r, &no_file);
	else if (f->tree && f->path_len == 0)
		req_fail_http(r, &no_path);
	else
		form_finish(f);
}

static enum upload_result
write_file(struct form *f)
{
	enum upload_result result;
	size_t n = f->left.len;

	if (f->small.data) {
		small_add(&f->small, f->left.p, n);
		f->left.len = 0;
		return UPLOAD_OK;
	}
	result = upload_write(&f->upload, f->left.p, f->left.len, &n);
	if (result == UPLOAD_OK) {
		f->left.p += n;
		f->left.len -= n;
	}
	return result;
}

void
form_pump(struct req *r)
{
	struct form *f = r->state;
	uint64_t start = f->upload.written;
	enum upload_result result = UPLOAD_OK;

	if (f->upload.waiting)
		return; /* for storaged's answer, or room in the pipe */
	while (result == UPLOAD_OK) {
		nx_assert(f->left.len == 0 || f->in_file);
		if (f->left.len > 0) {
			result = write_file(f);
		} else if (f->payload.len > 0) {
			result = parse(f);
		} else if (exchange_body_done(&r->x)) {
			complete(f);
			return;
		} else if (f->upload.written - start > PER_TURN) {
			exchange_later(&r->x);
			return;
		} else {
			result = upload_read(&f->upload, &f->payload);
		}
	}
	if (result == UPLOAD_EOF)
		req_fail_close(r, &cut);
}

static const struct req_ops form_ops = {
    .readable = form_pump,
    .free = form_free,
};

void
form_start(struct req *r, bool tree)
{
	const char *path = tree ? uri_param(&r->uri, "path") : NULL;
	const struct http_error *error = NULL;
	struct form *f;

	if (path && strlen(path) > FORM_PATH_MAX) {
		req_fail_http(r, &path_long);
		return;
	}
	f = calloc(1, sizeof(*f));
	if (!f) {
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
		return;
	}
	upload_init(&f->upload, r, form_pump);
	r->state = f;
	r->ops = &form_ops;
	f->tree = tree;
	if (path)
		f->path_len =
		    (size_t)snprintf(f->path, sizeof(f->path), "%s", path);
	/* A digest of the whole form is one of what nobody keeps. */
	error = digest_none(&r->x.head);
	if (!error)
		error = condition_of(&f->upload.condition, &r->x.head);
	if (!error)
		error =
		    redundancy_of(&f->upload.redundancy, &r->x.head, &r->uri);
	if (!error)
		error = about_of(&f->upload.about, &r->x.head, false);
	if (!error)
		error = multipart_init(
		    &f->parts, r->x.head.field[HEAD_CONTENT_TYPE]);
	if (error)
		req_fail_http(r, error);
	else
		exchange_stream(&r->x);
}
