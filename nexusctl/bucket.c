/* Buckets of a user, and uploads in pieces. What is in buckets: object.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "nexusctl/ctl.h"
#include "proto/bucket.rpc.h"

static const struct ctl_column bucket_columns[] = {
    {"NAME", "name", CTL_TEXT},
    {"VERSIONS", "versions", CTL_TEXT},
    {"LOCKS", "lockable", CTL_YES},
    {"MODE", "mode", CTL_TEXT},
    {"DAYS", "days", CTL_TEXT},
    {"MADE", "made_at", CTL_TIME},
};
static const struct ctl_listing buckets = {NX__METHOD__BUCKET_LIST, "buckets",
    "name", bucket_columns, NX_ARRAY_SIZE(bucket_columns)};

static const struct ctl_column upload_columns[] = {
    {"ID", "id", CTL_SHORT},
    {"PATH", "path", CTL_TEXT},
    {"NAME", "name", CTL_TEXT},
    {"SIZE", "size", CTL_SIZE},
    {"EXPIRES", "expires_at", CTL_TIME},
};
static const struct ctl_listing uploads = {NX__METHOD__RESUMABLE_LIST,
    "uploads", "id", upload_columns, NX_ARRAY_SIZE(upload_columns)};

static const struct ctl_column part_columns[] = {
    {"ID", "id", CTL_TEXT},
    {"KEY", "key", CTL_TEXT},
    {"PARTS", "parts", CTL_TEXT},
    {"SIZE", "size", CTL_SIZE},
    {"EXPIRES", "expires_at", CTL_TIME},
};
static const struct ctl_listing multiparts = {NX__METHOD__MULTIPART_LIST,
    "uploads", "id", part_columns, NX_ARRAY_SIZE(part_columns)};

int
ctl_bucket_ls(struct ctl *c)
{
	Nx__BucketListRequest request = NX__BUCKET_LIST_REQUEST__INIT;

	return ctl_list(c, &buckets, &request.base);
}

int
ctl_bucket_make(struct ctl *c)
{
	Nx__BucketMakeRequest request = NX__BUCKET_MAKE_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit;

	request.name = ctl_text(c, "BUCKET");
	request.versions = ctl_flag(c, "versions");
	request.lockable = ctl_flag(c, "locks");
	exit = ctl_ask(c, nx_ask_bucket_make(&request), &reply);
	return exit ? exit
		    : ctl_done(c, reply.body, "name", "the bucket %s is there",
			  request.name);
}

static int
about(struct ctl *c, struct nx_ask (*ask)(const Nx__BucketRequest *),
    struct ctl_reply *reply)
{
	Nx__BucketRequest request = NX__BUCKET_REQUEST__INIT;

	request.name = ctl_text(c, "BUCKET");
	return ctl_ask(c, ask(&request), reply);
}

int
ctl_bucket_info(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit = about(c, nx_ask_bucket_stat, &reply);

	return exit ? exit
		    : ctl_show(c, reply.body, bucket_columns,
			  NX_ARRAY_SIZE(bucket_columns), "name");
}

int
ctl_bucket_rm(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit = about(c, nx_ask_bucket_delete, &reply);

	return exit ? exit
		    : ctl_done(c, reply.body, "name",
			  "the bucket %s is deleted", ctl_text(c, "BUCKET"));
}

int
ctl_bucket_set(struct ctl *c)
{
	Nx__BucketSetRequest request = NX__BUCKET_SET_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const struct ctl_value *lock = ctl_option(c->args, "lock");
	int exit;

	request.name = ctl_text(c, "BUCKET");
	request.versions = ctl_option_text(c, "versions");
	request.set_lock = lock->set;
	request.mode = ctl_option_text(c, "lock");
	if (strcmp(request.mode, "off") == 0)
		request.mode = (char *)(uintptr_t) "";
	request.days = (uint32_t)ctl_option_number(c, "days");
	exit = ctl_ask(c, nx_ask_bucket_set(&request), &reply);
	return exit ? exit
		    : ctl_show(c, reply.body, bucket_columns,
			  NX_ARRAY_SIZE(bucket_columns), "name");
}

/* --- uploads ----------------------------------------------------------------*/

int
ctl_upload_ls(struct ctl *c)
{
	Nx__ResumableListRequest request = NX__RESUMABLE_LIST_REQUEST__INIT;
	Nx__MultipartListRequest parts = NX__MULTIPART_LIST_REQUEST__INIT;

	parts.bucket = ctl_text(c, "BUCKET");
	if (parts.bucket[0])
		return ctl_list(c, &multiparts, &parts.base);
	return ctl_list(c, &uploads, &request.base);
}

int
ctl_upload_drop(struct ctl *c)
{
	Nx__UploadRequest request = NX__UPLOAD_REQUEST__INIT;
	int exit;

	request.id = ctl_text(c, "UPLOAD");
	exit = ctl_ask(c, nx_ask_upload_drop(&request), NULL);
	if (exit == 0 && !c->quiet && !c->json)
		printf("the upload %.8s is given up\n", request.id);
	return exit;
}
