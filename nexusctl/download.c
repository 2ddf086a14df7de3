/*
 * Files coming down: as descriptors of chunks that storaged has just checked, a
 * window of them at a time, until it says that there is no next one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/fd.h"
#include "common/id.h"
#include "nexusctl/ctl.h"
#include "nexusctl/path.h"
#include "nexusctl/send.h"
#include "nexusctl/transfer.h"
#include "proto/storage.rpc.h"

/* Writes one answer's segments. */
static int
write_segments(struct ctl_reply *reply, int to, struct ctl_progress *progress)
{
	const Nx__OpenReadReply *part = nx_as_open_read_reply(reply->body);
	size_t i;
	int error;

	if (part->n_segments != reply->n_fds)
		return -EPROTO;
	for (i = 0; i < part->n_segments; i++) {
		error = ctl_copy(reply->fds[i], part->segments[i]->offset,
		    part->segments[i]->length, to, progress);
		if (error < 0)
			return error;
	}
	return 0;
}

static int
download_to(struct ctl *c, Nx__OpenReadRequest *request, const char *local,
    struct ctl_reply *first)
{
	const Nx__OpenReadReply *part = (void *)first->body;
	nx_cleanup(ctl_target_fini) struct ctl_target target;
	ctl_cleanup_reply struct ctl_reply reply = *first;
	struct ctl_progress progress;
	char name[256];
	uint64_t size;
	Nx__Status status;
	int error;

	*first = (struct ctl_reply){0};
	size = part->file ? part->file->size : 0;
	snprintf(name, sizeof(name), "%s", part->file ? part->file->name : "");
	error = ctl_target_open(&target, local, name);
	if (error < 0)
		return ctl_failf(c, nx_status_of_errno(error), "%s: %s", local,
		    strerror(-error));
	ctl_progress_begin(&progress, name, size, c->quiet);
	for (;;) {
		error = write_segments(&reply, target.fd, &progress);
		request->offset = ((Nx__OpenReadReply *)reply.body)->next;
		request->session = ((Nx__OpenReadReply *)reply.body)->session;
		ctl_reply_fini(&reply);
		if (error < 0 || request->offset == 0)
			break;
		status = ctl_call(c, nx_ask_file_open_read(request), NULL, 0,
		    CTL_PATIENT_US, &reply);
		if (status != NX__STATUS__OK)
			return ctl_fail(c, status);
	}
	ctl_progress_end(&progress);
	if (error == 0 && progress.done != size)
		error = -ENODATA;
	if (error == 0)
		error = ctl_target_keep(&target);
	if (error < 0)
		return ctl_failf(c, nx_status_of_errno(error), "%s: %s", local,
		    error == -ENODATA ? "the file ended early"
				      : strerror(-error));
	if (!c->quiet && !target.plain)
		printf("%s: %s\n", target.name, nx_size_format(size));
	return 0;
}

static int
download(struct ctl *c, Nx__OpenReadRequest *request, const char *local)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	Nx__Status status;

	request->max_segments = NX_METHOD_FDS;
	status = ctl_call(
	    c, nx_ask_file_open_read(request), NULL, 0, CTL_PATIENT_US, &reply);
	if (status != NX__STATUS__OK)
		return ctl_fail(c, status);
	return download_to(c, request, local, &reply);
}

int
ctl_fetch(struct ctl *c, const char *id, const char *local)
{
	Nx__OpenReadRequest request = NX__OPEN_READ_REQUEST__INIT;

	request.id = (char *)(uintptr_t)id;
	return download(c, &request, local);
}

int
ctl_file_download(struct ctl *c)
{
	return ctl_fetch(c, ctl_text(c, "FILE"), ctl_text(c, "DEST"));
}

int
ctl_fs_get(struct ctl *c)
{
	Nx__OpenReadRequest request = NX__OPEN_READ_REQUEST__INIT;
	nx_cleanup_free char *path = ctl_rooted(ctl_text(c, "PATH"));
	const struct ctl_value *local = ctl_hole(c->args, "LOCAL");

	request.path = path;
	request.version = ctl_option_number(c, "version");
	request.snapshot = ctl_option_text(c, "snapshot");
	return download(c, &request, local->set ? local->text : ".");
}
