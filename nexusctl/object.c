/* Objects of a bucket: listed, sent, fetched, deleted, locked. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "nexusctl/path.h"
#include "nexusctl/send.h"
#include "proto/bucket.rpc.h"
#include "proto/storage.rpc.h"

static const struct ctl_column row_columns[] = {
    {"SIZE", "size", CTL_SIZE},
    {"CHANGED", "modified_at", CTL_TIME},
    {"ETAG", "etag", CTL_TEXT},
    {"KEY", "name", CTL_TEXT},
};
static const struct ctl_listing objects = {NX__METHOD__OBJECT_LIST, "objects",
    "name", row_columns, NX_ARRAY_SIZE(row_columns)};

static const struct ctl_column version_columns[] = {
    {"VERSION", "version", CTL_TEXT},
    {"CURRENT", "current", CTL_YES},
    {"DELETED", "marker", CTL_YES},
    {"SIZE", "size", CTL_SIZE},
    {"CHANGED", "modified_at", CTL_TIME},
    {"KEY", "name", CTL_TEXT},
};
static const struct ctl_listing versions = {NX__METHOD__OBJECT_LIST, "objects",
    "version", version_columns, NX_ARRAY_SIZE(version_columns)};

static const struct ctl_column object_columns[] = {
    {"Version", "version", CTL_TEXT},
    {"Current", "current", CTL_YES},
    {"Deleted", "marker", CTL_YES},
    {"Size", "size", CTL_SIZE},
    {"Checksum", "etag", CTL_TEXT},
    {"SHA-256", "sha256", CTL_TEXT},
    {"SHA-256s' SHA-256", "sha256_parts", CTL_TEXT},
    {"Parts", "parts", CTL_TEXT},
    {"Changed", "modified_at", CTL_TIME},
    {"File", "id", CTL_TEXT},
    {"Lock", "mode", CTL_TEXT},
    {"Locked until", "until", CTL_TIME},
    {"Hold", "hold", CTL_YES},
};

static ProtobufCBinaryData
bytes(const char *text)
{
	return (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
}

int
ctl_object_ls(struct ctl *c)
{
	Nx__ObjectListRequest request = NX__OBJECT_LIST_REQUEST__INIT;

	request.bucket = ctl_text(c, "BUCKET");
	request.prefix = bytes(ctl_text(c, "PREFIX"));
	request.delimiter = bytes(ctl_option_text(c, "delimiter"));
	request.versions = ctl_flag(c, "versions");
	request.names = true;
	return ctl_list(
	    c, request.versions ? &versions : &objects, &request.base);
}

/* The version that is meant, as it is now. */
static int
look(struct ctl *c, struct ctl_reply *reply)
{
	Nx__ObjectRequest request = NX__OBJECT_REQUEST__INIT;

	request.bucket = ctl_text(c, "BUCKET");
	request.key = bytes(ctl_text(c, "KEY"));
	request.version = ctl_option_text(c, "version");
	return ctl_ask(c, nx_ask_object_stat(&request), reply);
}

int
ctl_object_stat(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const Nx__ObjectStatReply *a;
	int exit = look(c, &reply);

	if (exit != 0)
		return exit;
	if (c->json)
		return ctl_print_json(ctl_json(reply.body));
	a = nx_as_object_stat_reply(reply.body);
	exit = ctl_show(c, &a->info->base, object_columns,
	    NX_ARRAY_SIZE(object_columns), "id");
	for (size_t i = 0; i < a->n_meta && !c->quiet; i++)
		printf("%s: %s\n", a->meta[i]->name, a->meta[i]->value);
	return exit;
}

int
ctl_object_get(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const Nx__ObjectStatReply *a;
	int exit = look(c, &reply);

	if (exit != 0)
		return exit;
	a = nx_as_object_stat_reply(reply.body);
	if (a->info->marker)
		return ctl_failf(c, NX__STATUS__NOT_FOUND,
		    "%s is deleted: nexusctl object ls --versions shows what "
		    "it was",
		    ctl_text(c, "KEY"));
	return ctl_fetch(c, a->info->id, ctl_text(c, "DEST"));
}

int
ctl_object_rm(struct ctl *c)
{
	Nx__ObjectDeleteRequest request = NX__OBJECT_DELETE_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const Nx__ObjectDeleteReply *a;
	int exit;

	request.bucket = ctl_text(c, "BUCKET");
	request.key = bytes(ctl_text(c, "KEY"));
	request.version = ctl_option_text(c, "version");
	request.bypass = ctl_flag(c, "bypass");
	exit = ctl_ask(c, nx_ask_object_delete(&request), &reply);
	if (exit != 0)
		return exit;
	a = nx_as_object_delete_reply(reply.body);
	return ctl_done(c, reply.body, "version", "%s %s", ctl_text(c, "KEY"),
	    a->absent && !a->marker ? "was not there"
		: a->marker && !request.version[0]
		? "is hidden by a delete marker"
		: "is deleted");
}

int
ctl_object_lock(struct ctl *c)
{
	Nx__ObjectSetLockRequest request = NX__OBJECT_SET_LOCK_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const char *hold = ctl_option_text(c, "hold");
	int exit;

	request.bucket = ctl_text(c, "BUCKET");
	request.key = bytes(ctl_text(c, "KEY"));
	request.version = ctl_option_text(c, "version");
	request.set_until = ctl_option(c->args, "mode")->set;
	request.mode = ctl_option_text(c, "mode");
	if (strcmp(request.mode, "off") == 0)
		request.mode = (char *)(uintptr_t) "";
	request.until = ctl_option_number(c, "until");
	request.set_hold = *hold != '\0';
	request.hold = strcmp(hold, "on") == 0;
	request.bypass = ctl_flag(c, "bypass");
	exit = ctl_ask(c, nx_ask_object_set_lock(&request), &reply);
	return exit ? exit
		    : ctl_show(c, reply.body, object_columns,
			  NX_ARRAY_SIZE(object_columns), "version");
}

/* Its metadata go along. */
int
ctl_object_cp(struct ctl *c)
{
	Nx__ObjectCopyRequest request = NX__OBJECT_COPY_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply source = {0}, reply = {0};
	const Nx__ObjectStatReply *a;
	int exit = look(c, &source);

	if (exit != 0)
		return exit;
	a = nx_as_object_stat_reply(source.body);
	request.from = a->info->id;
	request.n_meta = a->n_meta;
	request.meta = a->meta;
	request.bucket = ctl_text(c, "TO");
	request.key = bytes(ctl_text(c, "NEW"));
	exit = ctl_ask(c, nx_ask_object_copy(&request), &reply);
	return exit ? exit
		    : ctl_done(c, reply.body, "id", "%s is copied to %s",
			  ctl_text(c, "KEY"), ctl_text(c, "NEW"));
}

/* --- sending ----------------------------------------------------------------*/

static int
done(struct ctl *c, const ProtobufCMessage *m, uint64_t size, const char *etag)
{
	return ctl_done(c, m, "id", "%s: %s, etag %s", ctl_text(c, "KEY"),
	    nx_size_format(size), etag);
}

static void
fill_type(struct ctl *c, Nx__MetaPair *pair, size_t *ret_n)
{
	nx__meta_pair__init(pair);
	pair->name = (char *)(uintptr_t) "content-type";
	pair->value = ctl_option_text(c, "type");
	*ret_n = *pair->value ? 1 : 0;
}

static int
put_whole(struct ctl *c)
{
	Nx__ObjectOpenUploadRequest request =
	    NX__OBJECT_OPEN_UPLOAD_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	Nx__Condition condition = NX__CONDITION__INIT;
	Nx__MetaPair pair, *pairs[] = {&pair};
	const Nx__FinishUploadReply *a;
	int exit;

	request.bucket = ctl_text(c, "BUCKET");
	request.key = bytes(ctl_text(c, "KEY"));
	request.want_sha256 = ctl_flag(c, "sha256");
	request.replicas = (uint32_t)ctl_option_number(c, "replicas");
	if (ctl_option(c->args, "erasure")->set)
		request.erasure = ctl_option_text(c, "erasure");
	request.meta = pairs;
	fill_type(c, &pair, &request.n_meta);
	condition.absent = true;
	if (ctl_flag(c, "new"))
		request.condition = &condition;
	exit = ctl_upload(c, ctl_text(c, "LOCAL"),
	    nx_ask_object_open_upload(&request), &request.has_size,
	    &request.size, &reply);
	if (exit != 0)
		return exit;
	a = nx_as_finish_upload_reply(reply.body);
	return done(c, &a->file->base, a->file->size, a->file->md5);
}

int
ctl_object_put(struct ctl *c)
{
	return ctl_option(c->args, "part")->set ? ctl_object_put_parts(c)
						: put_whole(c);
}
