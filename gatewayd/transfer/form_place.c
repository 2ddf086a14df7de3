/*
 * Where the file of a form goes. The pipe is opened when the file's own header
 * has come: then its name is known, and with `path` before it (or in the query)
 * its place too. Old clients may send `path` last; such a file is received
 * under a name of its own in the root folder, and moved when it is complete.
 *
 * `path` is the file's new path, or the folder it goes into: one that ends in
 * '/', or exists as a folder.
 */
#include <stdio.h>
#include <string.h>

#include "common/id.h"
#include "gatewayd/transfer/form_internal.h"
#include "gatewayd/routes/reply_file.h"

static const struct http_error file_name = {400, "invalid",
    "The file's name must be 1 to 255 bytes of UTF-8, without control "
    "characters, and not . or .."};

/* --- where it goes ---------------------------------------------------------*/

static bool
take_name(struct form *f, const char *filename)
{
	const char *base = strrchr(filename, '/');

	base = base ? base + 1 : filename;
	if (*base == '\0' || strlen(base) > FORM_NAME_MAX ||
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
	return rest > FORM_OTHER_MAX && rest - FORM_OTHER_MAX > f->upload.max;
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
	form_pump(r);
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

void
form_begin_file(struct form *f)
{
	struct req *r = f->upload.req;
	char id[NX_ID_LEN + 1];

	if (!take_name(f, f->parts.filename)) {
		req_fail_http(r, &file_name);
		return;
	}
	f->upload.waiting = true;
	conn_pause(r->conn, true);
	if (f->tree && f->path_len > 0) {
		place(r);
		return;
	}
	if (f->tree) {
		f->misplaced = true;
		nx_id_new(id);
		snprintf(f->temporary, sizeof(f->temporary), "/.upload-%s", id);
	}
	open_pipe(r);
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

void
form_finish(struct form *f)
{
	struct req *r = f->upload.req;

	if (!f->misplaced) {
		upload_finish(&f->upload, on_finished);
		return;
	}
	/* Not read until it is in its place: a client that goes meanwhile must
	 * not leave it under its temporary name. */
	conn_pause(r->conn, true);
	r->conn->phase = CONN_BUSY;
	place(r);
}
