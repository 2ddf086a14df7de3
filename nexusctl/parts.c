/*
 * Objects sent in parts. Each part is one upload; at the end a list of them with
 * their checksums makes the object.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "nexusctl/path.h"
#include "nexusctl/send.h"
#include "nexusctl/transfer.h"
#include "proto/bucket.rpc.h"
#include "proto/storage.rpc.h"

#define PARTS_MAX 10000U
#define RECORD    20U

struct parts {
	struct ctl *c;
	char id[33];
	int source;
	uint64_t size, each;
	uint32_t n;
	uint8_t *records;
};

static int
value_of(char x)
{
	return x <= '9' ? x - '0' : x - 'a' + 10;
}

static void
record(struct parts *p, uint32_t number, const char *etag)
{
	uint8_t *to = p->records + (size_t)(number - 1) * RECORD;

	to[0] = (uint8_t)number;
	to[1] = (uint8_t)(number >> 8);
	to[2] = to[3] = 0;
	for (size_t i = 0; i < 16 && etag[2 * i]; i++)
		to[4 + i] = (uint8_t)(value_of(etag[2 * i]) << 4 |
		    value_of(etag[2 * i + 1]));
}

/* Puts @size bytes from @at on through the pipe. */
static Nx__Status
feed(struct parts *p, int pipe, uint64_t at, uint64_t size)
{
	struct ctl_progress none = {.shown = false};
	int error = nx_fd_nonblock(pipe, false);

	if (error == 0)
		error = ctl_copy(p->source, at, size, pipe, &none);
	if (error == 0 || error == -EPIPE)
		return NX__STATUS__OK; /* FINISH says why */
	snprintf(p->c->error, sizeof(p->c->error), "sending a part: %s",
	    strerror(-error));
	return nx_status_of_errno(error);
}

static Nx__Status
send_part(struct parts *p, uint32_t number)
{
	Nx__PartOpenUploadRequest q = NX__PART_OPEN_UPLOAD_REQUEST__INIT;
	Nx__FinishUploadRequest finish = NX__FINISH_UPLOAD_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply opened = {0}, reply = {0};
	uint64_t at = (number - 1) * p->each, left = p->size - at;
	const Nx__FinishUploadReply *a;
	Nx__Status status;

	q.id = p->id;
	q.number = number;
	q.has_size = true;
	q.size = left < p->each ? left : p->each;
	status = ctl_call(
	    p->c, nx_ask_part_open_upload(&q), NULL, 0, CTL_QUICK_US, &opened);
	if (status != NX__STATUS__OK || opened.n_fds != 1)
		return status != NX__STATUS__OK ? status : NX__STATUS__INTERNAL;
	finish.upload = nx_as_open_upload_reply(opened.body)->upload;
	finish.size = q.size;
	status = feed(p, opened.fds[0], at, q.size);
	nx_close(&opened.fds[0]);
	if (status == NX__STATUS__OK)
		status = ctl_call(p->c, nx_ask_file_finish_upload(&finish),
		    NULL, 0, CTL_PATIENT_US, &reply);
	if (status != NX__STATUS__OK)
		return status;
	a = nx_as_finish_upload_reply(reply.body);
	if (!a->file || strlen(a->file->md5) != 32)
		return NX__STATUS__INTERNAL;
	record(p, number, a->file->md5);
	return NX__STATUS__OK;
}

static Nx__Status
open_parts(struct parts *p)
{
	Nx__MultipartOpenRequest q = NX__MULTIPART_OPEN_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	char *key = ctl_text(p->c, "KEY");
	Nx__Status status;

	q.bucket = ctl_text(p->c, "BUCKET");
	q.key = (ProtobufCBinaryData){strlen(key), (uint8_t *)key};
	q.want_sha256 = ctl_flag(p->c, "sha256");
	q.replicas = (uint32_t)ctl_option_number(p->c, "replicas");
	if (ctl_option(p->c->args, "erasure")->set)
		q.erasure = ctl_option_text(p->c, "erasure");
	status = ctl_call(
	    p->c, nx_ask_multipart_open(&q), NULL, 0, CTL_QUICK_US, &reply);
	if (status == NX__STATUS__OK)
		snprintf(p->id, sizeof(p->id), "%s",
		    nx_as_upload_info(reply.body)->id);
	return status;
}

static Nx__Status
complete(struct parts *p, struct ctl_reply *ret_reply)
{
	Nx__MultipartCompleteRequest q = NX__MULTIPART_COMPLETE_REQUEST__INIT;
	nx_cleanup_fd int list =
	    nx_memfd_sealed("parts", p->records, (size_t)p->n * RECORD);

	q.id = p->id;
	if (list < 0)
		return nx_status_of_errno(list);
	return ctl_call(p->c, nx_ask_multipart_complete(&q), &list, 1,
	    CTL_PATIENT_US, ret_reply);
}

/* What was sent of it goes again. */
static int
give_up(struct parts *p, Nx__Status status)
{
	Nx__UploadRequest q = NX__UPLOAD_REQUEST__INIT;
	char why[CTL_ERROR];

	snprintf(why, sizeof(why), "%s", p->c->error);
	q.id = p->id;
	if (p->id[0])
		(void)ctl_call(
		    p->c, nx_ask_upload_drop(&q), NULL, 0, CTL_QUICK_US, NULL);
	snprintf(p->c->error, sizeof(p->c->error), "%s", why);
	return ctl_fail(p->c, status);
}

int
ctl_object_put_parts(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	struct parts p = {
	    .c = c, .source = -1, .each = ctl_option_number(c, "part")};
	Nx__Status status;
	struct stat st;
	int exit = ctl_source_open(c, ctl_text(c, "LOCAL"), &st, &p.source);
	nx_cleanup_fd int source = p.source;

	if (exit != 0)
		return exit;
	p.size = (uint64_t)st.st_size;
	p.n = (uint32_t)(p.each && p.size ? (p.size - 1) / p.each + 1 : 0);
	if (!S_ISREG(st.st_mode) || p.n == 0 || p.n > PARTS_MAX)
		return ctl_failf(c, NX__STATUS__INVALID,
		    "parts are of a regular file that is not empty, and at "
		    "most %u",
		    PARTS_MAX);
	p.records = calloc(p.n, RECORD);
	status = p.records ? open_parts(&p) : NX__STATUS__INTERNAL;
	for (uint32_t i = 1; i <= p.n && status == NX__STATUS__OK; i++)
		status = send_part(&p, i);
	if (status == NX__STATUS__OK)
		status = complete(&p, &reply);
	free(p.records);
	if (status != NX__STATUS__OK)
		return give_up(&p, status);
	return ctl_done(c, reply.body, "id", "%s: %s in %u parts, etag %s",
	    ctl_text(c, "KEY"), nx_size_format(p.size), p.n,
	    nx_as_object_info(reply.body)->etag);
}
