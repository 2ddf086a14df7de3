/*
 * Files going up: from here through a pipe that storaged reads, never through a
 * message. storaged decides before (name, quota, room) and answers at the end,
 * when the file is on disk.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/id.h"
#include "nexusctl/ctl.h"
#include "nexusctl/path.h"
#include "nexusctl/send.h"
#include "nexusctl/transfer.h"
#include "proto/storage.rpc.h"

int
ctl_source_open(struct ctl *c, const char *path, struct stat *st, int *ret_fd)
{
	*ret_fd = strcmp(path, "-") == 0
	    ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
	    : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (*ret_fd < 0 || fstat(*ret_fd, st) < 0)
		return ctl_failf(c, nx_status_of_errno(-errno), "%s: %s", path,
		    strerror(errno));
	if (S_ISDIR(st->st_mode))
		return ctl_failf(c, NX__STATUS__INVALID,
		    "%s is a directory; name a file, or pipe a tar of it to -",
		    path);
	return 0;
}

/* Puts what @source says through the pipe of an accepted upload, and asks for
 * the file to be. */
static Nx__Status
send_content(struct ctl *c, const char *name, int source, uint64_t size,
    struct ctl_reply *opened, struct ctl_reply *ret_reply)
{
	const Nx__OpenUploadReply *upload = (void *)opened->body;
	Nx__FinishUploadRequest finish = NX__FINISH_UPLOAD_REQUEST__INIT;
	Nx__AbortUploadRequest abort = NX__ABORT_UPLOAD_REQUEST__INIT;
	struct ctl_progress progress;
	int error;

	finish.upload = abort.upload = upload->upload;
	ctl_progress_begin(&progress, name, size, c->quiet);
	error = nx_fd_nonblock(opened->fds[0], false);
	if (error == 0)
		error =
		    ctl_feed(source, opened->fds[0], &progress, &finish.size);
	nx_close(&opened->fds[0]);
	ctl_progress_end(&progress);
	/* With EPIPE storaged has stopped reading: FINISH says why. */
	if (error == 0 || error == -EPIPE)
		return ctl_call(c, nx_ask_file_finish_upload(&finish), NULL, 0,
		    CTL_PATIENT_US, ret_reply);
	ctl_call(
	    c, nx_ask_file_abort_upload(&abort), NULL, 0, CTL_QUICK_US, NULL);
	snprintf(c->error, sizeof(c->error), "reading %s: %s", name,
	    strerror(-error));
	return nx_status_of_errno(error);
}

/* What is left of it from where it stands; false: who knows. */
static bool
size_of(int source, const struct stat *st, uint64_t *ret_size)
{
	off_t at = lseek(source, 0, SEEK_CUR);

	if (!S_ISREG(st->st_mode))
		return false;
	*ret_size = (uint64_t)(at > 0 && at <= st->st_size ? st->st_size - at
							   : st->st_size);
	return true;
}

Nx__Status
ctl_send(struct ctl *c, struct nx_ask open, const char *name, int source,
    uint64_t size, struct ctl_reply *ret_reply)
{
	ctl_cleanup_reply struct ctl_reply opened = {0};
	Nx__Status status = ctl_call(c, open, NULL, 0, CTL_QUICK_US, &opened);

	if (status != NX__STATUS__OK)
		return status;
	if (opened.n_fds != 1) {
		snprintf(c->error, sizeof(c->error), "storaged sent no pipe");
		return NX__STATUS__INTERNAL;
	}
	return send_content(c, name, source, size, &opened, ret_reply);
}

int
ctl_upload(struct ctl *c, const char *local, struct nx_ask open,
    protobuf_c_boolean *has_size, uint64_t *size, struct ctl_reply *ret_reply)
{
	nx_cleanup_fd int source = -1;
	struct stat st;
	Nx__Status status;
	int exit;

	exit = ctl_source_open(c, local, &st, &source);
	if (exit != 0)
		return exit;
	*has_size = size_of(source, &st, size);
	status =
	    ctl_send(c, open, ctl_last_name(local), source, *size, ret_reply);
	if (status != NX__STATUS__OK)
		return ctl_fail(c, status);
	if (!nx_as_finish_upload_reply(ret_reply->body)->file)
		return ctl_failf(
		    c, NX__STATUS__INTERNAL, "storaged named no file");
	return 0;
}

int
ctl_upload_done(struct ctl *c, const Nx__FinishUploadReply *done)
{
	return ctl_done(c, &done->file->base, "id",
	    "%s: %s in %" PRIu32 " chunk%s, id %.8s",
	    *done->path ? done->path : done->file->name,
	    nx_size_format(done->file->size), done->file->chunks,
	    done->file->chunks == 1 ? "" : "s", done->file->id);
}

static int
upload(struct ctl *c, const char *local, Nx__OpenUploadRequest *request)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit;

	request->want_sha256 = ctl_flag(c, "sha256");
	if (ctl_flag(c, "resume"))
		return ctl_resume(c, local, request);
	exit = ctl_upload(c, local, nx_ask_file_open_upload(request),
	    &request->has_size, &request->size, &reply);
	return exit ? exit
		    : ctl_upload_done(c, nx_as_finish_upload_reply(reply.body));
}

int
ctl_file_upload(struct ctl *c)
{
	Nx__OpenUploadRequest request = NX__OPEN_UPLOAD_REQUEST__INIT;
	char *local = ctl_text(c, "LOCAL");
	const struct ctl_value *name = ctl_option(c->args, "name");

	request.name = ctl_option_text(c, "name");
	if (!name->set && strcmp(local, "-") == 0)
		return ctl_failf(c, NX__STATUS__INVALID,
		    "what comes from standard input needs a --name");
	if (!name->set)
		request.name = local + (ctl_last_name(local) - local);
	request.replicas = (uint32_t)ctl_option_number(c, "replicas");
	if (ctl_option(c->args, "erasure")->set)
		request.erasure = ctl_option_text(c, "erasure");
	return upload(c, local, &request);
}

/* Where `fs put` puts: into @path if that is a folder or ends like one. */
static Nx__Status
put_target(struct ctl *c, const char *local, const char *path, char **ret_path)
{
	Nx__FsPathRequest request = NX__FS_PATH_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_free char *root = ctl_rooted(path);
	size_t len = root ? strlen(root) : 0;
	Nx__Status status = NX__STATUS__OK;
	bool folder = len > 0 && root[len - 1] == '/';

	if (!folder && root) {
		request.path = root;
		status = ctl_call(
		    c, nx_ask_fs_stat(&request), NULL, 0, CTL_QUICK_US, &reply);
		if (status == NX__STATUS__OK)
			folder = ((Nx__FsEntry *)reply.body)->folder;
		else if (status != NX__STATUS__NOT_FOUND)
			return status;
	}
	if (!root ||
	    asprintf(ret_path, "%s%s%s", root,
		folder && root[len - 1] != '/' ? "/" : "",
		folder ? ctl_last_name(local) : "") < 0) {
		*ret_path = NULL;
		snprintf(c->error, sizeof(c->error), "out of memory");
		return NX__STATUS__INTERNAL;
	}
	return NX__STATUS__OK;
}

int
ctl_fs_put(struct ctl *c)
{
	Nx__OpenUploadRequest request = NX__OPEN_UPLOAD_REQUEST__INIT;
	nx_cleanup_free char *path = NULL;
	const char *local = ctl_text(c, "LOCAL");
	Nx__Status status;

	status = put_target(c, local, ctl_text(c, "PATH"), &path);
	if (status != NX__STATUS__OK)
		return ctl_fail(c, status);
	request.path = path;
	request.create_only = ctl_flag(c, "new");
	request.replicas = (uint32_t)ctl_option_number(c, "replicas");
	if (ctl_option(c->args, "erasure")->set)
		request.erasure = ctl_option_text(c, "erasure");
	return upload(c, local, &request);
}
