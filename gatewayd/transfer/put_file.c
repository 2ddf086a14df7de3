/*
 * Bodies that become files: raw ones, and those in the user's tree. What is small
 * comes here whole (small.h) and is stored in one call.
 */
#include <stdlib.h>

#include "gatewayd/transfer/put.h"
#include "proto/storage.rpc.h"

struct place {
	const char *name, *path; /* of the request's target */
};

static void
on_finished(struct req *r, const struct nx_reply *reply)
{
	reply_uploaded(r, 201, nx_as_finish_upload_reply(reply->body));
}

static void
open_file(struct req *r)
{
	Nx__OpenUploadRequest m = NX__OPEN_UPLOAD_REQUEST__INIT;
	struct put *p = req_put(r);
	const struct place *place = p->own;

	if (place->name)
		m.name = (char *)(uintptr_t)place->name;
	else
		m.path = (char *)(uintptr_t)place->path;
	m.has_size = r->x.head.framing != HTTP_CHUNKED;
	m.size = m.has_size ? r->x.head.content_length : 0;
	m.condition = condition_message(&p->upload.condition);
	m.erasure = p->upload.redundancy.erasure;
	m.replicas = p->upload.redundancy.replicas;
	upload_open(&p->upload, &m, open_file, put_opened);
}

static void
send_small(struct req *r)
{
	Nx__PutRequest m = NX__PUT_REQUEST__INIT;
	struct put *p = req_put(r);
	const struct place *place = p->own;

	if (place->name)
		m.name = (char *)(uintptr_t)place->name;
	else
		m.path = (char *)(uintptr_t)place->path;
	m.condition = condition_message(&p->upload.condition);
	m.erasure = p->upload.redundancy.erasure;
	m.replicas = p->upload.redundancy.replicas;
	small_send(&p->small, r, &m, &p->upload.digest, &p->upload.about,
	    send_small, on_finished);
}

static const struct put_kind file_kind = {
    .takes = PUT_ABOUT | PUT_DIGEST,
    .open = open_file,
    .small = send_small,
    .done = on_finished,
    .free = free,
};

void
put_start(struct req *r, const char *name, const char *path)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place) {
		req_fail(r, 503, "unavailable", "Out of memory; try again.");
		return;
	}
	place->name = name;
	place->path = path;
	put_begin(r, &file_kind, place);
}
