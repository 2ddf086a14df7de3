/*
 * Where the file of a form goes. The pipe is opened when the file's own header
 * has come: then its name is known, and with `path` before it (or in the query)
 * its place too. Old clients may send `path` last; then storaged learns it when
 * the file is complete, and until then the file is nowhere.
 *
 * `path` is the file's new path, or the folder it goes into: one that ends in
 * '/', or exists as a folder. Which of the two, storaged decides.
 */
#include <stdio.h>
#include <string.h>

#include "common/utf8.h"
#include "gatewayd/transfer/form_internal.h"
#include "proto/storage.rpc.h"

static const struct http_error file_name = {400, "invalid",
    "The file's name must be 1 to 255 bytes of UTF-8, without control "
    "characters, and not . or .."};

/* --- its name ------------------------------------------------------------*/

static bool
take_name(struct form *f, const char *filename)
{
	const char *base = strrchr(filename, '/');

	base = base ? base + 1 : filename;
	if (*base == '\0' || strlen(base) > FORM_NAME_MAX ||
	    strcmp(base, ".") == 0 || strcmp(base, "..") == 0 ||
	    !nx_text_clean(base, strlen(base), ""))
		return false;
	strcpy(f->name, base);
	return true;
}

/* --- the pipe --------------------------------------------------------------*/

/* What the body can still hold beside the file is bounded: a file that cannot
 * fit is refused now, not after the client has sent it. */
static bool
surely_too_large(const struct form *f)
{
	uint64_t rest = exchange_body_left(&f->upload.req->x) + f->payload.len;

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
	exchange_pause(&r->x, false);
	form_pump(r);
}

static void
open_pipe(struct req *r)
{
	Nx__OpenUploadRequest m = NX__OPEN_UPLOAD_REQUEST__INIT;
	struct form *f = r->state;

	m.name = f->name;
	f->placed = f->tree && f->path_len > 0;
	if (f->placed) {
		m.path = f->path;
		m.into_folder = true;
	}
	if (f->placed || !f->tree)
		m.condition = condition_message(&f->upload.condition);
	m.erasure = f->upload.redundancy.erasure;
	m.replicas = f->upload.redundancy.replicas;
	upload_open(&f->upload, &m, open_pipe, on_open);
}

bool
form_begin_file(struct form *f)
{
	struct req *r = f->upload.req;

	if (!take_name(f, f->parts.filename)) {
		req_fail_http(r, &file_name);
		return false;
	}
	if (small_begin(&f->small, r))
		return true;
	f->upload.waiting = true;
	exchange_pause(&r->x, true);
	open_pipe(r);
	return false;
}

/* --- after the body --------------------------------------------------------*/

static void
on_finished(struct req *r, const struct nx_reply *reply)
{
	reply_uploaded(r, 200, nx_as_finish_upload_reply(reply->body));
}

static void
send_small(struct req *r)
{
	Nx__PutRequest m = NX__PUT_REQUEST__INIT;
	struct form *f = r->state;

	m.name = f->name;
	if (f->tree) {
		m.path = f->path;
		m.into_folder = true;
	}
	m.condition = condition_message(&f->upload.condition);
	m.erasure = f->upload.redundancy.erasure;
	m.replicas = f->upload.redundancy.replicas;
	small_send(&f->small, r, &m, &f->upload.digest, &f->upload.about,
	    send_small, on_finished);
}

void
form_finish(struct form *f)
{
	if (f->small.data) {
		send_small(f->upload.req);
		return;
	}
	if (f->tree && !f->placed)
		f->upload.path = f->path;
	upload_finish(&f->upload, on_finished);
}
