/* Folders of a user, and what is in them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "nexusctl/ctl.h"
#include "nexusctl/path.h"
#include "proto/storage.rpc.h"

static const struct ctl_column entry_columns[] = {
    {"Name", "name", CTL_TEXT},
    {"Type", "folder", CTL_KIND},
    {"Size", "size", CTL_SIZE},
    {"Changed", "modified_at", CTL_TIME},
    {"File", "id", CTL_TEXT},
    {"Checksum", "md5", CTL_TEXT},
    {"SHA-256", "sha256", CTL_TEXT},
    {"Condition", "condition", CTL_TEXT},
    {"Locked until", "locked_until", CTL_TIME},
};

int
ctl_fs_mkdir(struct ctl *c)
{
	Nx__MkdirRequest request = NX__MKDIR_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_free char *path = ctl_rooted(ctl_text(c, "PATH"));
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
	nx_cleanup_free char *path = ctl_rooted(ctl_text(c, "PATH"));

	if (ctl_flag(c, "deleted"))
		return ctl_list_deleted(c);
	if (ctl_option(c->args, "snapshot")->set)
		return ctl_list_snapshot(c);
	request.path = path;
	/* By another order than that of names each page would look at all. */
	return ctl_list_sorted(c, &ctl_list_fs, &request.base,
	    ctl_option_text(c, "sort"), ctl_flag(c, "reverse"));
}

static uint64_t
option_or(struct ctl *c, const char *name, uint64_t otherwise)
{
	return ctl_option(c->args, name)->set ? ctl_option_number(c, name)
					      : otherwise;
}

int
ctl_fs_find(struct ctl *c)
{
	Nx__FsFindRequest request = NX__FS_FIND_REQUEST__INIT;
	nx_cleanup_free char *path = ctl_rooted(ctl_text(c, "PATH"));

	request.path = path;
	if (ctl_option(c->args, "name")->set)
		request.name = ctl_option_text(c, "name");
	if (ctl_option(c->args, "match")->set)
		request.pattern = ctl_option_text(c, "match");
	request.files = ctl_flag(c, "files");
	request.folders = ctl_flag(c, "folders");
	request.min_size = option_or(c, "min-size", 0);
	request.has_max_size = ctl_option(c->args, "max-size")->set;
	request.max_size = option_or(c, "max-size", 0);
	request.since = option_or(c, "since", 0);
	request.until = option_or(c, "until", 0);
	return ctl_list(c, &ctl_list_found, &request.base);
}

int
ctl_fs_stat(struct ctl *c)
{
	Nx__FsPathRequest request = NX__FS_PATH_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_free char *path = ctl_rooted(ctl_text(c, "PATH"));
	int exit;

	request.path = path;
	request.version = ctl_option_number(c, "version");
	request.snapshot = ctl_option_text(c, "snapshot");
	exit = ctl_ask(c, nx_ask_fs_stat(&request), &reply);
	if (exit != 0)
		return exit;
	return ctl_show(
	    c, reply.body, entry_columns, NX_ARRAY_SIZE(entry_columns), "id");
}

int
ctl_fs_rm(struct ctl *c)
{
	Nx__FsPathRequest request = NX__FS_PATH_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_free char *path = ctl_rooted(ctl_text(c, "PATH"));
	const Nx__FsDeleteReply *done;
	Nx__Status status;

	request.path = path;
	request.forever = ctl_flag(c, "forever");
	status = ctl_call(
	    c, nx_ask_fs_delete(&request), NULL, 0, CTL_QUICK_US, &reply);
	if (status == NX__STATUS__NOT_FOUND && ctl_flag(c, "force"))
		return 0;
	if (status != NX__STATUS__OK)
		return ctl_fail(c, status);
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
	nx_cleanup_free char *from = ctl_rooted(ctl_text(c, "FROM"));
	nx_cleanup_free char *to = ctl_rooted(ctl_text(c, "TO"));
	int exit;

	request.from = from;
	request.to = to;
	request.replace = ctl_flag(c, "replace");
	exit = ctl_ask(c, nx_ask_fs_move(&request), &reply);
	return exit ? exit
		    : ctl_done(c, reply.body, "name", "%s is now %s", from, to);
}

int
ctl_fs_cp(struct ctl *c)
{
	Nx__FsCopyRequest request = NX__FS_COPY_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_free char *from = ctl_rooted(ctl_text(c, "FROM"));
	nx_cleanup_free char *to = ctl_rooted(ctl_text(c, "TO"));
	const Nx__FsCopyReply *done;
	int exit;

	request.from = from;
	request.to = to;
	request.replace = ctl_flag(c, "replace");
	request.folders = ctl_flag(c, "recursive");
	request.snapshot = ctl_option_text(c, "snapshot");
	exit = ctl_ask(c, nx_ask_fs_copy(&request), &reply);
	if (exit != 0)
		return exit;
	done = nx_as_fs_copy_reply(reply.body);
	return ctl_done(c, reply.body, "files",
	    "%" PRIu64 " file%s and %" PRIu64 " folder%s are copied, %s",
	    done->files, done->files == 1 ? "" : "s", done->folders,
	    done->folders == 1 ? "" : "s", nx_size_format(done->bytes));
}
