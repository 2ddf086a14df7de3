/* What was at a path before, and how long it is kept. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "nexusctl/ctl.h"
#include "nexusctl/path.h"
#include "nexusctl/pattern.h"
#include "proto/history.rpc.h"

static const struct ctl_column version_columns[] = {
    {"VERSION", "version", CTL_TEXT},
    {"TYPE", "folder", CTL_KIND},
    {"SIZE", "size", CTL_SIZE},
    {"CHANGED", "modified_at", CTL_TIME},
    {"GONE", "gone_at", CTL_TIME},
    {"WHY", "why", CTL_TEXT},
    {"UNTIL", "until", CTL_TIME},
    {"NAME", "name", CTL_TEXT},
};
static const struct ctl_listing versions = {NX__METHOD__FS_VERSIONS, "versions",
    "version", version_columns, NX_ARRAY_SIZE(version_columns)};
/* As fs ls has them: what a deleted folder held has no number of its own. */
static const struct ctl_listing deleted = {NX__METHOD__FS_VERSIONS, "versions",
    "name", version_columns, NX_ARRAY_SIZE(version_columns)};

static int
list(struct ctl *c, const struct ctl_listing *what)
{
	Nx__FsVersionsRequest request = NX__FS_VERSIONS_REQUEST__INIT;
	nx_cleanup_free char *path = ctl_rooted(ctl_text(c, "PATH"));

	request.path = path;
	request.deleted = what == &deleted;
	return ctl_list(c, what, &request.base);
}

int
ctl_fs_versions(struct ctl *c)
{
	return list(c, &versions);
}

int
ctl_list_deleted(struct ctl *c)
{
	return list(c, &deleted);
}

int
ctl_fs_restore(struct ctl *c)
{
	Nx__FsRestoreRequest request = NX__FS_RESTORE_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_free char *path = ctl_rooted(ctl_text(c, "PATH"));
	nx_cleanup_free char *to = NULL;
	int exit;

	if (ctl_option(c->args, "to")->set)
		to = ctl_rooted(ctl_option_text(c, "to"));
	request.path = path;
	if (to)
		request.to = to;
	request.version = ctl_option_number(c, "version");
	request.replace = ctl_flag(c, "replace");
	exit = ctl_ask(c, nx_ask_fs_restore(&request), &reply);
	return exit ? exit
		    : ctl_done(c, reply.body, "name", "%s is there again",
			  to ? to : path);
}

int
ctl_fs_purge(struct ctl *c)
{
	Nx__FsPurgeRequest request = NX__FS_PURGE_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_free char *path = ctl_rooted(ctl_text(c, "PATH"));
	const Nx__FsPurgeReply *done;
	Nx__Status status;

	request.path = path;
	request.version = ctl_option_number(c, "version");
	status = ctl_call(
	    c, nx_ask_fs_purge(&request), NULL, 0, CTL_PATIENT_US, &reply);
	if (status != NX__STATUS__OK)
		return ctl_fail(c, status);
	done = nx_as_fs_purge_reply(reply.body);
	return ctl_done(c, reply.body, "files",
	    "%" PRIu64 " file%s and %" PRIu64
	    " folder%s cannot be had again, %s%s",
	    done->files, done->files == 1 ? "" : "s", done->folders,
	    done->folders == 1 ? "" : "s", nx_size_format(done->bytes),
	    done->locked ? "; what is locked stays" : "");
}

/* --- how long ---------------------------------------------------------------*/

static bool
parse_keep(const char *text, uint64_t *ret_seconds)
{
	*ret_seconds = 0;
	return strcmp(text, "off") == 0 || ctl_lasts_parse(text, ret_seconds);
}

static const struct ctl_column history_columns[] = {
    {"Kept for", "seconds", CTL_LASTS},
    {"Said here", "own", CTL_YES},
    {"History", "bytes", CTL_SIZE},
    {"Entries in it", "entries", CTL_TEXT},
    {"For snapshots", "held", CTL_SIZE},
    {"At most", "limit", CTL_SIZE},
};

static int
set_history(struct ctl *c, char *path, struct ctl_reply *reply)
{
	Nx__FsSetHistoryRequest request = NX__FS_SET_HISTORY_REQUEST__INIT;
	const char *keep = ctl_option_text(c, "keep");

	request.path = path;
	request.inherit = strcmp(keep, "inherit") == 0;
	if (!request.inherit && !parse_keep(keep, &request.seconds))
		return ctl_failf(c, NX__STATUS__INVALID,
		    "--keep is a time such as 30d, 12h or 600 (seconds), or "
		    "off, or inherit");
	return ctl_ask(c, nx_ask_fs_set_history(&request), reply);
}

int
ctl_fs_history(struct ctl *c)
{
	Nx__FsHistoryRequest request = NX__FS_HISTORY_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_free char *path = ctl_rooted(ctl_text(c, "PATH"));
	int exit;

	request.path = path;
	exit = ctl_option(c->args, "keep")->set
	    ? set_history(c, path, &reply)
	    : ctl_ask(c, nx_ask_fs_history(&request), &reply);
	return exit ? exit
		    : ctl_show(c, reply.body, history_columns,
			  NX_ARRAY_SIZE(history_columns), "seconds");
}

/* --- snapshots --------------------------------------------------------------*/

static const struct ctl_column snapshot_columns[] = {
    {"NAME", "name", CTL_TEXT},
    {"MADE", "made_at", CTL_TIME},
    {"FOLDER", "path", CTL_TEXT},
};
static const struct ctl_listing snapshots = {NX__METHOD__SNAPSHOT_LIST,
    "snapshots", "name", snapshot_columns, NX_ARRAY_SIZE(snapshot_columns)};

static const struct ctl_column then_columns[] = {
    {"TYPE", "folder", CTL_KIND},
    {"SIZE", "size", CTL_SIZE},
    {"CHANGED", "modified_at", CTL_TIME},
    {"NAME", "name", CTL_TEXT},
};
static const struct ctl_listing then = {NX__METHOD__SNAPSHOT_ENTRIES, "entries",
    "name", then_columns, NX_ARRAY_SIZE(then_columns)};

int
ctl_list_snapshot(struct ctl *c)
{
	Nx__SnapshotEntriesRequest request = NX__SNAPSHOT_ENTRIES_REQUEST__INIT;
	nx_cleanup_free char *path = ctl_rooted(ctl_text(c, "PATH"));

	request.name = ctl_option_text(c, "snapshot");
	request.path = path;
	return ctl_list(c, &then, &request.base);
}

int
ctl_snapshot_ls(struct ctl *c)
{
	Nx__SnapshotListRequest request = NX__SNAPSHOT_LIST_REQUEST__INIT;

	return ctl_list(c, &snapshots, &request.base);
}

int
ctl_snapshot_create(struct ctl *c)
{
	Nx__SnapshotRequest request = NX__SNAPSHOT_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_free char *path = ctl_rooted(ctl_text(c, "PATH"));
	int exit;

	request.name = ctl_text(c, "NAME");
	request.path = path;
	exit = ctl_ask(c, nx_ask_snapshot_make(&request), &reply);
	return exit ? exit
		    : ctl_done(c, reply.body, "name", "%s is kept as %s", path,
			  request.name);
}

int
ctl_snapshot_rm(struct ctl *c)
{
	Nx__SnapshotRequest request = NX__SNAPSHOT_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit;

	request.name = ctl_text(c, "NAME");
	exit = ctl_ask(c, nx_ask_snapshot_delete(&request), &reply);
	return exit
	    ? exit
	    : ctl_done(c, reply.body, "name", "%s is deleted", request.name);
}
