/*
 * Files: by id, or by their path in a user's folders. Content never passes
 * through a message: up it goes through a pipe that storaged reads, down it
 * comes as descriptors of chunks that storaged has just checked.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "nexusctl/ctl.h"
#include "nexusctl/transfer.h"
#include "proto/storage.rpc.h"

static const struct ctl_column file_columns[] = {
    {"Id", "id", CTL_TEXT},
    {"Name", "name", CTL_TEXT},
    {"Size", "size", CTL_SIZE},
    {"Chunks", "chunks", CTL_TEXT},
    {"Replicas", "replicas", CTL_TEXT},
    {"Condition", "condition", CTL_TEXT},
    {"Damaged chunks", "damaged", CTL_TEXT},
    {"Missing chunks", "missing", CTL_TEXT},
    {"Checksum", "md5", CTL_TEXT},
    {"Created", "created_at", CTL_TIME},
    {"Owner", "owner", CTL_TEXT},
};

static const struct ctl_column entry_columns[] = {
    {"Name", "name", CTL_TEXT},
    {"Type", "folder", CTL_KIND},
    {"Size", "size", CTL_SIZE},
    {"Changed", "modified_at", CTL_TIME},
    {"File", "id", CTL_TEXT},
    {"Checksum", "md5", CTL_TEXT},
    {"Condition", "condition", CTL_TEXT},
};

static const char *
last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Paths begin at the root; nobody has to type it. */
static char *
rooted(const char *path)
{
	char *s;

	if (asprintf(&s, "%s%s", *path == '/' ? "" : "/", path) < 0)
		return NULL;
	return s;
}

static int
open_source(struct ctl *c, const char *path, struct stat *st, int *ret_fd)
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

static int
upload(struct ctl *c, const char *local, Nx__OpenUploadRequest *request)
{
	ctl_cleanup_reply struct ctl_reply opened = {0}, reply = {0};
	const Nx__FinishUploadReply *done;
	nx_cleanup_fd int source = -1;
	struct stat st;
	Nx__Status status;
	int exit;

	exit = open_source(c, local, &st, &source);
	if (exit != 0)
		return exit;
	request->has_size = S_ISREG(st.st_mode);
	if (request->has_size) {
		off_t at = lseek(source, 0, SEEK_CUR);

		request->size =
		    (uint64_t)(at > 0 && at <= st.st_size ? st.st_size - at
							  : st.st_size);
	}
	status = ctl_call(c, nx_ask_file_open_upload(request), NULL, 0,
	    CTL_QUICK_US, &opened);
	if (status != NX__STATUS__OK)
		return ctl_fail(c, status);
	if (opened.n_fds != 1)
		return ctl_failf(
		    c, NX__STATUS__INTERNAL, "storaged sent no pipe");
	status = send_content(
	    c, last_name(local), source, request->size, &opened, &reply);
	if (status != NX__STATUS__OK)
		return ctl_fail(c, status);
	done = nx_as_finish_upload_reply(reply.body);
	if (!done->file)
		return ctl_failf(
		    c, NX__STATUS__INTERNAL, "storaged named no file");
	return ctl_done(c, &done->file->base, "id",
	    "%s: %s in %" PRIu32 " chunk%s, id %.8s",
	    *done->path ? done->path : done->file->name,
	    nx_size_format(done->file->size), done->file->chunks,
	    done->file->chunks == 1 ? "" : "s", done->file->id);
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
		request.name = local + (last_name(local) - local);
	request.replicas = (uint32_t)ctl_option_number(c, "replicas");
	return upload(c, local, &request);
}

/* Where `fs put` puts: into @path if that is a folder or ends like one. */
static Nx__Status
put_target(struct ctl *c, const char *local, const char *path, char **ret_path)
{
	Nx__FsPathRequest request = NX__FS_PATH_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_free char *root = rooted(path);
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
		folder ? last_name(local) : "") < 0) {
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
	return upload(c, local, &request);
}

int
ctl_file_ls(struct ctl *c)
{
	Nx__FileListRequest request = NX__FILE_LIST_REQUEST__INIT;

	request.damaged = ctl_flag(c, "damaged");
	return ctl_list(c,
	    request.damaged ? &ctl_list_damaged : &ctl_list_files,
	    &request.base);
}

static int
about_file(struct ctl *c, struct nx_ask (*ask)(const Nx__FileRequest *),
    struct ctl_reply *reply)
{
	Nx__FileRequest request = NX__FILE_REQUEST__INIT;

	request.id = ctl_text(c, "FILE");
	return ctl_ask(c, ask(&request), reply);
}

int
ctl_file_info(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit = about_file(c, nx_ask_file_stat, &reply);

	if (exit != 0)
		return exit;
	return ctl_show(
	    c, reply.body, file_columns, NX_ARRAY_SIZE(file_columns), "id");
}

int
ctl_file_delete(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit = about_file(c, nx_ask_file_delete, &reply);
	const Nx__FileInfo *file;

	if (exit != 0)
		return exit;
	file = nx_as_file_info(reply.body);
	return ctl_done(
	    c, reply.body, "id", "%s (%.8s) is deleted", file->name, file->id);
}

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
ctl_file_download(struct ctl *c)
{
	Nx__OpenReadRequest request = NX__OPEN_READ_REQUEST__INIT;

	request.id = ctl_text(c, "FILE");
	return download(c, &request, ctl_text(c, "DEST"));
}

int
ctl_fs_get(struct ctl *c)
{
	Nx__OpenReadRequest request = NX__OPEN_READ_REQUEST__INIT;
	nx_cleanup_free char *path = rooted(ctl_text(c, "PATH"));
	const struct ctl_value *local = ctl_hole(c->args, "LOCAL");

	request.path = path;
	return download(c, &request, local->set ? local->text : ".");
}

/* --- folders -----------------------------------------------------------------*/

int
ctl_fs_mkdir(struct ctl *c)
{
	Nx__MkdirRequest request = NX__MKDIR_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_free char *path = rooted(ctl_text(c, "PATH"));
	int exit;

	request.path = path;
	request.parents = ctl_flag(c, "parents");
	exit = ctl_ask(c, nx_ask_fs_mkdir(&request), &reply);
	return exit ? exit
		    : ctl_done(c, reply.body, "name", "%s is there", path);
}

int
ctl_fs_ls(struct ctl *c)
{
	Nx__FsListRequest request = NX__FS_LIST_REQUEST__INIT;
	nx_cleanup_free char *path = rooted(ctl_text(c, "PATH"));

	request.path = path;
	return ctl_list(c, &ctl_list_fs, &request.base);
}

static int
about_path(struct ctl *c, struct nx_ask (*ask)(const Nx__FsPathRequest *),
    struct ctl_reply *reply)
{
	Nx__FsPathRequest request = NX__FS_PATH_REQUEST__INIT;
	nx_cleanup_free char *path = rooted(ctl_text(c, "PATH"));

	request.path = path;
	return ctl_ask(c, ask(&request), reply);
}

int
ctl_fs_stat(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit = about_path(c, nx_ask_fs_stat, &reply);

	if (exit != 0)
		return exit;
	return ctl_show(
	    c, reply.body, entry_columns, NX_ARRAY_SIZE(entry_columns), "id");
}

int
ctl_fs_rm(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit = about_path(c, nx_ask_fs_delete, &reply);
	const Nx__FsDeleteReply *done;

	if (exit != 0)
		return exit;
	done = nx_as_fs_delete_reply(reply.body);
	return ctl_done(c, reply.body, "files",
	    "%" PRIu64 " file%s and %" PRIu64 " folder%s are deleted, %s",
	    done->files, done->files == 1 ? "" : "s", done->folders,
	    done->folders == 1 ? "" : "s", nx_size_format(done->bytes));
}

int
ctl_fs_mv(struct ctl *c)
{
	Nx__FsMoveRequest request = NX__FS_MOVE_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_free char *from = rooted(ctl_text(c, "FROM"));
	nx_cleanup_free char *to = rooted(ctl_text(c, "TO"));
	int exit;

	request.from = from;
	request.to = to;
	request.replace = ctl_flag(c, "replace");
	exit = ctl_ask(c, nx_ask_fs_move(&request), &reply);
	return exit ? exit
		    : ctl_done(c, reply.body, "name", "%s is now %s", from, to);
}
