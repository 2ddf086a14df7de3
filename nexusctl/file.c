/* Files by their ids. How their content moves: upload.c, download.c. */
#include <stdio.h>

#include "common/err.h"
#include "nexusctl/ctl.h"
#include "proto/storage.rpc.h"

static const struct ctl_column file_columns[] = {
    {"Id", "id", CTL_TEXT},
    {"Name", "name", CTL_TEXT},
    {"Size", "size", CTL_SIZE},
    {"Chunks", "chunks", CTL_TEXT},
    {"Replicas", "replicas", CTL_TEXT},
    {"Parity", "erasure", CTL_TEXT},
    {"Kept on", "spread", CTL_TEXT},
    {"Condition", "condition", CTL_TEXT},
    {"Damaged chunks", "damaged", CTL_TEXT},
    {"Missing chunks", "missing", CTL_TEXT},
    {"Checksum", "md5", CTL_TEXT},
    {"SHA-256", "sha256", CTL_TEXT},
    {"Created", "created_at", CTL_TIME},
    {"Owner", "owner", CTL_TEXT},
};

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
