/*
 * See form.h. The pipe is opened when the file's own header has come: then its
 * name is known, and with `path` before it (or in the query) its place too. Old
 * clients may send `path` last; such a file is received under a name of its own
 * in the root folder and moved to its place when it is complete.
 *
 * `path` is the file's new path, or the folder it goes into: one that ends in
 * '/', or exists as a folder.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/id.h"
#include "gatewayd/form.h"
#include "gatewayd/multipart.h"
#include "gatewayd/reply_file.h"
#include "gatewayd/upload.h"

#define PER_TURN  (4U << 20)
#define PATH_MAX_ 4096U
#define NAME_MAX_ 255U
#define OTHER_MAX 65536U /* all fields but the file, and their headers */

struct form {
	struct upload upload; /* first: req_upload() */
	struct multipart parts;
	struct http_span payload; /* content in c->in, not parsed yet */
	struct http_span left;    /* of the file, not taken by the pipe yet */
	bool tree;
	bool in_file; /* the present part is the file */
	bool in_path;
	bool has_file;  /* its part has begun */
	bool misplaced; /* received under `temporary` */
	uint64_t other; /* bytes of fields */
	size_t path_len;
	char path[PATH_MAX_ + 1]; /* the field, or the query's */
	char name[NAME_MAX_ + 1]; /* of the file */
	char target[PATH_MAX_ + NAME_MAX_ + 2];
	char temporary[64];
	uint32_t chunks;    /* of what is there */
	Nx__Status refused; /* why it could not be moved from there */
	char why[513];
};

static const struct http_error
    cut = {400, "body-cut-short",
	"The body ended in the middle of the form; nothing was stored."},
    one_file = {400, "invalid", "Send one file at a time."},
    no_file = {400, "invalid",
	"The form has no file: the field is called file (curl -F file=@NAME)."},
    file_name = {400, "invalid",
	"The file's name must be 1 to 255 bytes of UTF-8, without control "
	"characters, and not . or .."},
    no_path = {400, "invalid",
	"The field path is missing: where the file goes in your tree."},
    path_long = {400, "invalid",
	"The path must be at most 4096 bytes of UTF-8."},
    fields = {
	413, "body-too-large", "The form's fields are larger than 64 KiB."};

static void pump(struct req *r);

static void
form_free(void *state)
{
	struct form *f = state;

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

/* --- where it goes ---------------------------------------------------------*/

static bool
take_name(struct form *f, const char *filename)
{
	const char *base = strrchr(filename, '/');

	base = base ? base + 1 : filename;
	if (*base == '\0' || strlen(base) > NAME_MAX_ ||
	    strcmp(base, ".") == 0 || strcmp(base, "..") == 0 ||
	    !text_is_clean(base, strlen(base), false))
		return false;
	strcpy(f->name, base);
	return true;
}

static void
target_in_folder(struct form *f)
{
	size_t n = strlen(f->path);

	while (n > 0 && f->path[n - 1] == '/')
		n--;
	snprintf(
	    f->target, sizeof(f->target), "%.*s/%s", (int)n, f->path, f->name);
}

static void on_placed(struct req *r);

static void
on_stat(struct req *r, const struct nx_reply *reply)
{
	const Nx__FsEntry *m = (const void *)reply->body;
	struct form *f = r->state;

	if (reply->status == NX__STATUS__OK && m->folder)
		target_in_folder(f);
	else if (reply->status == NX__STATUS__OK ||
	    reply->status == NX__STATUS__NOT_FOUND)
		snprintf(f->target, sizeof(f->target), "%s", f->path);
	else {
		req_fail_status(r, reply->status, reply->error);
		return;
	}
	on_placed(r);
}

/* From path and name to target, then on_placed(). */
static void
place(struct req *r)
{
	Nx__FsPathRequest m = NX__FS_PATH_REQUEST__INIT;
	struct req_call_opts opts = {.errors = true, .again = place};
	struct form *f = r->state;

	if (f->path[strlen(f->path) - 1] == '/') {
		target_in_folder(f);
		on_placed(r);
		return;
	}
	m.path = f->path;
	req_call(
	    r, NX_ROLE_STORAGE, NX__METHOD__FS_STAT, &m.base, &opts, on_stat);
}

/* --- the pipe --------------------------------------------------------------*/

/* What the body can still hold beside the file is bounded: a file that cannot
 * fit is refused now, not after the client has sent it. */
static bool
surely_too_large(const struct form *f)
{
	const struct conn *c = f->upload.req->conn;
	uint64_t rest;

	if (c->body.framing != HTTP_LENGTH)
		return false;
	rest = c->body.left + f->payload.len;
	return rest > OTHER_MAX && rest - OTHER_MAX > f->upload.max;
}

static void
on_open(struct req *r)
{
	struct form *f = r->state;

	if (surely_too_large(f)) {
		upload_refuse_quota(&f->upload);
		return;
	}
	conn_pause(r->conn, false);
	pump(r);
}

static void
open_pipe(struct req *r)
{
	Nx__OpenUploadRequest m = NX__OPEN_UPLOAD_REQUEST__INIT;
	struct form *f = r->state;

	if (!f->tree)
		m.name = f->name;
	else
		m.path = f->misplaced ? f->temporary : f->target;
	upload_open(&f->upload, &m, open_pipe, on_open);
}

static enum upload_result
begin_file(struct form *f)
{
	struct req *r = f->upload.req;
	char id[NX_ID_LEN + 1];

	if (f->has_file)
		return refuse(f, &one_file);
	if (!take_name(f, f->parts.filename))
		return refuse(f, &file_name);
	f->has_file = f->in_file = true;
	f->upload.waiting = true;
	conn_pause(r->conn, true);
	if (f->tree && f->path_len > 0) {
		place(r);
		return UPLOAD_ENDED;
	}
	if (f->tree) {
		f->misplaced = true;
		nx_id_new(id);
		snprintf(f->temporary, sizeof(f->temporary), "/.upload-%s", id);
	}
	open_pipe(r);
	return UPLOAD_ENDED; /* or goes on in on_open() */
}

/* --- after the body --------------------------------------------------------*/

static void
on_removed(struct req *r, const struct nx_reply *reply)
{
	struct form *f = r->state;

	(void)reply;
	req_fail_status(r, f->refused, f->why);
}

static void
on_moved(struct req *r, const struct nx_reply *reply)
{
	const Nx__FsEntry *m = (const void *)reply->body;
	Nx__FsPathRequest gone = NX__FS_PATH_REQUEST__INIT;
	struct req_call_opts opts = {.errors = true};
	struct form *f = r->state;
	struct buf b = {0};

	if (reply->status == NX__STATUS__OK) {
		json_open(&b, NULL, '{');
		json_string(&b, "message", "File uploaded.");
		json_string(&b, "path", f->target);
		json_string(&b, "id", m->id);
		json_string(&b, "name", m->name);
		json_uint(&b, "size", m->size);
		json_uint(&b, "chunks_count", f->chunks);
		json_string(&b, "status", "Uploaded");
		json_string(&b, "etag", m->md5);
		json_close(&b, '}');
		reply_json(r, 200, &b);
		return;
	}
	f->refused = reply->status;
	snprintf(f->why, sizeof(f->why), "%s", reply->error);
	gone.path = f->temporary;
	req_call(r, NX_ROLE_STORAGE, NX__METHOD__FS_DELETE, &gone.base, &opts,
	    on_removed);
}

static void
move(struct req *r)
{
	Nx__FsMoveRequest m = NX__FS_MOVE_REQUEST__INIT;
	struct req_call_opts opts = {.errors = true, .again = move};
	struct form *f = r->state;

	m.from = f->temporary;
	m.to = f->target;
	m.replace = true;
	req_call(
	    r, NX_ROLE_STORAGE, NX__METHOD__FS_MOVE, &m.base, &opts, on_moved);
}

static void
on_finished(struct req *r, const struct nx_reply *reply)
{
	const Nx__FinishUploadReply *m = (const void *)reply->body;
	struct form *f = r->state;

	if (!f->misplaced) {
		reply_uploaded(r, 200, m);
		return;
	}
	f->chunks = m->file ? m->file->chunks : 0;
	move(r);
}

/* The target is known: before the file, or after it. */
static void
on_placed(struct req *r)
{
	struct form *f = r->state;

	if (f->misplaced)
		upload_finish(&f->upload, on_finished);
	else
		open_pipe(r);
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
	else if (f->misplaced) {
		r->conn->phase = CONN_BUSY;
		r->conn->deadline_us = 0;
		place(r);
	} else
		upload_finish(&f->upload, on_finished);
}

/* --- the body --------------------------------------------------------------*/

static enum upload_result
add_field(struct form *f, struct http_span data)
{
	f->other += data.len;
	if (f->other > OTHER_MAX)
		return refuse(f, &fields);
	if (!f->in_path)
		return UPLOAD_OK;
	if (f->path_len + data.len > PATH_MAX_)
		return refuse(f, &path_long);
	memcpy(f->path + f->path_len, data.p, data.len);
	f->path_len += data.len;
	f->path[f->path_len] = '\0';
	return UPLOAD_OK;
}

static enum upload_result
begin_part(struct form *f)
{
	f->other += f->parts.head_len;
	if (f->other > OTHER_MAX)
		return refuse(f, &fields);
	if (strcmp(f->parts.name, "file") == 0)
		return f->parts.is_file ? begin_file(f) : refuse(f, &no_file);
	f->in_path = f->tree && strcmp(f->parts.name, "path") == 0;
	if (f->in_path)
		f->path_len = 0; /* it is worth more than the query's */
	return UPLOAD_OK;
}

static enum upload_result
end_part(struct form *f)
{
	bool bad = f->in_path && !text_is_clean(f->path, f->path_len, false);

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

static enum upload_result
read_more(struct form *f)
{
	struct conn *c = f->upload.req->conn;
	const struct http_error *error;
	size_t used, payload;
	ssize_t n;

	if (c->in_len == 0) {
		n = conn_fill(c, CONN_STREAM_MAX);
		if (n == 0)
			return UPLOAD_EMPTY;
		if (n == -EPIPE)
			return UPLOAD_EOF;
		if (n < 0) {
			conn_close(c);
			return UPLOAD_ENDED;
		}
	}
	f->payload.p = c->in + c->in_off;
	error =
	    body_take(&c->body, c->in + c->in_off, c->in_len, &used, &payload);
	if (error) {
		req_fail_close(f->upload.req, error);
		return UPLOAD_ENDED;
	}
	f->payload.len = payload;
	conn_in_drop(c, (uint32_t)used);
	return UPLOAD_OK;
}

static enum upload_result
write_file(struct form *f)
{
	enum upload_result result;
	size_t n;

	result = upload_write(&f->upload, f->left.p, f->left.len, &n);
	if (result == UPLOAD_OK) {
		f->left.p += n;
		f->left.len -= n;
	}
	return result;
}

static void
pump(struct req *r)
{
	struct form *f = r->state;
	struct conn *c = r->conn;
	uint64_t start = f->upload.written;
	enum upload_result result = UPLOAD_OK;

	if (f->upload.waiting)
		return;
	while (result == UPLOAD_OK) {
		if (f->left.len > 0) {
			result = write_file(f);
		} else if (f->payload.len > 0) {
			result = parse(f);
		} else if (c->body.done) {
			complete(f);
			return;
		} else if (f->upload.written - start > PER_TURN) {
			event_active(&c->read, EV_READ, 0);
			return;
		} else {
			result = read_more(f);
		}
	}
	if (result == UPLOAD_EOF)
		req_fail_close(r, &cut);
}

static const struct req_ops form_ops = {
    .readable = pump,
    .free = form_free,
};

void
form_start(struct req *r, bool tree)
{
	const char *path = tree ? uri_param(&r->uri, "path") : NULL;
	const struct http_error *error = NULL;
	struct form *f;

	if (path && strlen(path) > PATH_MAX_) {
		req_fail_http(r, &path_long);
		return;
	}
	f = calloc(1, sizeof(*f));
	if (!f) {
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
		return;
	}
	upload_init(&f->upload, r, pump);
	r->state = f;
	r->ops = &form_ops;
	f->tree = tree;
	if (path)
		f->path_len =
		    (size_t)snprintf(f->path, sizeof(f->path), "%s", path);
	error = multipart_init(&f->parts, r->head.field[HEAD_CONTENT_TYPE]);
	if (error)
		req_fail_http(r, error);
	else
		conn_stream(r->conn);
}
