/*
 * Files that go up in as many goes as they need. storaged keeps what was sent and
 * knows how far that is; here the local file is taken on from there, within one
 * call when the daemon went away meanwhile, or by the next call with --resume.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "nexusctl/path.h"
#include "nexusctl/send.h"
#include "proto/bucket.rpc.h"

#define TRIES 20

/* The one that is under way for the same place; *ret_id is empty if none is. */
static Nx__Status
find(struct ctl *c, const Nx__OpenUploadRequest *asked, char ret_id[33],
    uint64_t *ret_size, bool *ret_sha256)
{
	Nx__ResumableListRequest q = NX__RESUMABLE_LIST_REQUEST__INIT;
	const char *path = asked->path, *name = asked->name;

	ret_id[0] = '\0';
	for (;;) {
		ctl_cleanup_reply struct ctl_reply reply = {0};
		const Nx__UploadListReply *a;
		static char after[64];
		Nx__Status status = ctl_call(c, nx_ask_resumable_list(&q), NULL,
		    0, CTL_QUICK_US, &reply);

		if (status != NX__STATUS__OK)
			return status;
		a = nx_as_upload_list_reply(reply.body);
		for (size_t i = 0; i < a->n_uploads; i++) {
			const Nx__UploadInfo *u = a->uploads[i];

			if (strcmp(u->path, path) != 0 ||
			    (*path == '\0' && strcmp(u->name, name) != 0))
				continue;
			snprintf(ret_id, 33, "%s", u->id);
			*ret_size = u->size;
			*ret_sha256 = u->sha256;
		}
		snprintf(after, sizeof(after), "%s", a->next);
		q.after = after;
		if (after[0] == '\0')
			return NX__STATUS__OK;
	}
}

static Nx__Status
begin(struct ctl *c, const Nx__OpenUploadRequest *asked, char ret_id[33],
    uint64_t *ret_size)
{
	Nx__ResumableOpenRequest q = NX__RESUMABLE_OPEN_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	bool sha256 = false;
	Nx__Status status = find(c, asked, ret_id, ret_size, &sha256);

	if (status == NX__STATUS__OK && ret_id[0] && asked->want_sha256 &&
	    !sha256) {
		snprintf(c->error, sizeof(c->error),
		    "what has come of it was begun without --sha256: go on so, "
		    "or give it up with nexusctl upload drop %.8s",
		    ret_id);
		return NX__STATUS__CONFLICT;
	}
	if (status != NX__STATUS__OK || ret_id[0])
		return status;
	q.name = asked->name;
	q.path = asked->path;
	q.replicas = asked->replicas;
	q.erasure = asked->erasure;
	q.want_sha256 = asked->want_sha256;
	status = ctl_call(
	    c, nx_ask_resumable_open(&q), NULL, 0, CTL_QUICK_US, &reply);
	if (status != NX__STATUS__OK)
		return status;
	snprintf(ret_id, 33, "%s", nx_as_upload_info(reply.body)->id);
	*ret_size = 0;
	return NX__STATUS__OK;
}

static Nx__Status
ask_size(struct ctl *c, const char *id, uint64_t *ret_size)
{
	Nx__UploadRequest q = NX__UPLOAD_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	Nx__Status status;

	q.id = (char *)(uintptr_t)id;
	status = ctl_call(
	    c, nx_ask_resumable_stat(&q), NULL, 0, CTL_QUICK_US, &reply);
	if (status == NX__STATUS__OK)
		*ret_size = nx_as_upload_info(reply.body)->size;
	return status;
}

/* May it go well if it is tried again? */
static bool
is_passing(Nx__Status status)
{
	return status == NX__STATUS__UNAVAILABLE ||
	    status == NX__STATUS__DEADLINE;
}

/* One go, from @at on. */
static Nx__Status
send_rest(struct ctl *c, const char *id, const char *local, int source,
    uint64_t at, uint64_t size)
{
	Nx__ResumableAppendRequest q = NX__RESUMABLE_APPEND_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};

	if (lseek(source, (off_t)at, SEEK_SET) < 0) {
		snprintf(c->error, sizeof(c->error), "%s: %s", local,
		    strerror(errno));
		return nx_status_of_errno(-errno);
	}
	q.id = (char *)(uintptr_t)id;
	q.offset = at;
	q.has_size = true;
	q.size = size - at;
	return ctl_send(c, nx_ask_resumable_append(&q), ctl_last_name(local),
	    source, size - at, &reply);
}

static Nx__Status
send_all(struct ctl *c, const char *id, const char *local, int source,
    uint64_t at, uint64_t size)
{
	Nx__Status status = NX__STATUS__OK;

	for (int tries = 0; at < size && tries < TRIES; tries++) {
		status = send_rest(c, id, local, source, at, size);
		if (status != NX__STATUS__OK && !is_passing(status))
			return status;
		if (status != NX__STATUS__OK)
			(void)ctl_wait_peer(c, NX_ROLE_STORAGE);
		if (ask_size(c, id, &at) != NX__STATUS__OK)
			sleep(1);
	}
	return at < size ? status : NX__STATUS__OK;
}

static Nx__Status
finish(struct ctl *c, const char *id, uint64_t size,
    const Nx__OpenUploadRequest *asked, struct ctl_reply *ret_reply)
{
	Nx__ResumableFinishRequest q = NX__RESUMABLE_FINISH_REQUEST__INIT;
	Nx__Status status = NX__STATUS__UNAVAILABLE;

	q.id = (char *)(uintptr_t)id;
	q.size = size;
	q.create_only = asked->create_only;
	for (int tries = 0; is_passing(status) && tries < TRIES; tries++) {
		if (tries > 0)
			(void)ctl_wait_peer(c, NX_ROLE_STORAGE);
		status = ctl_call(c, nx_ask_resumable_finish(&q), NULL, 0,
		    CTL_PATIENT_US, ret_reply);
	}
	return status;
}

int
ctl_resume(struct ctl *c, const char *local, const Nx__OpenUploadRequest *asked)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_fd int source = -1;
	uint64_t at = 0, size;
	struct stat st;
	char id[33];
	Nx__Status status;
	int exit = ctl_source_open(c, local, &st, &source);

	if (exit != 0)
		return exit;
	if (!S_ISREG(st.st_mode))
		return ctl_failf(c, NX__STATUS__INVALID,
		    "%s is no regular file: what cannot be read twice cannot "
		    "be resumed",
		    local);
	size = (uint64_t)st.st_size;
	status = begin(c, asked, id, &at);
	if (status == NX__STATUS__OK && at > size)
		return ctl_failf(c, NX__STATUS__CONFLICT,
		    "%s has come already, which is more than %s has: give that "
		    "up with nexusctl upload drop %.8s",
		    nx_size_format(at), local, id);
	if (status == NX__STATUS__OK)
		status = send_all(c, id, local, source, at, size);
	if (status == NX__STATUS__OK)
		status = finish(c, id, size, asked, &reply);
	if (status != NX__STATUS__OK)
		return ctl_fail(c, status);
	return ctl_upload_done(c, nx_as_finish_upload_reply(reply.body));
}
