/*
 * nexusctl state export: everything but users' secrets as one JSON object of
 * the three members it always had: nodes, files with their chunks and where
 * those are, and a tree per user. It is printed as it comes, a file or a tree
 * in a line: there may be more than fits in memory.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/fd.h"
#include "nexusctl/ctl.h"
#include "proto/care.rpc.h"

/* Prints @value as a member of what is open; frees it. */
static void
print_value(const char *before, const char *name, cJSON *value)
{
	nx_cleanup_free char *text = cJSON_PrintUnformatted(value);
	cJSON *key = name ? cJSON_CreateString(name) : NULL;
	nx_cleanup_free char *label = key ? cJSON_PrintUnformatted(key) : NULL;

	printf("%s\n%s%s%s", before, label ? label : "", label ? ": " : "",
	    text ? text : "null");
	cJSON_Delete(key);
	cJSON_Delete(value);
}

/* --- files ------------------------------------------------------------------*/

/* The file whose chunks are being collected: they may come in several pages. */
struct files {
	cJSON *file, *chunks;
	const char *before;
};

static void
print_file(struct files *f)
{
	if (f->file) {
		print_value(f->before, NULL, f->file);
		f->before = ",";
	}
	f->file = NULL;
}

static void
add_file(struct files *f, const Nx__PlacedFile *placed)
{
	const char *id = placed->file ? placed->file->id : "";
	const cJSON *now = cJSON_GetObjectItem(f->file, "id");
	size_t i;

	if (!placed->file)
		return;
	if (!now || strcmp(cJSON_GetStringValue(now), id) != 0) {
		print_file(f);
		f->file = ctl_json(&placed->file->base);
		f->chunks = cJSON_CreateArray();
		cJSON_ReplaceItemInObject(f->file, "chunks", f->chunks);
	}
	for (i = 0; i < placed->n_chunks; i++)
		cJSON_AddItemToArray(
		    f->chunks, ctl_json(&placed->chunks[i]->base));
}

static Nx__Status
export_files(struct ctl *c)
{
	Nx__PlacementRequest request = NX__PLACEMENT_REQUEST__INIT;
	struct files files = {.before = ""};
	char after[80] = "";
	Nx__Status status;

	request.after = after;
	do {
		ctl_cleanup_reply struct ctl_reply reply = {0};
		const Nx__PlacementReply *page;
		size_t i;

		status = ctl_call(c, nx_ask_storage_placement(&request), NULL,
		    0, CTL_QUICK_US, &reply);
		if (status != NX__STATUS__OK)
			break;
		page = nx_as_placement_reply(reply.body);
		for (i = 0; i < page->n_files; i++)
			add_file(&files, page->files[i]);
		snprintf(after, sizeof(after), "%s", page->next);
	} while (after[0] != '\0');
	print_file(&files);
	return status;
}

/* --- trees ------------------------------------------------------------------*/

#define DEPTH_MAX 256

static Nx__Status export_folder(struct ctl *c, const char *path, int depth);

/* A folder's object is left open for what is in it. */
static Nx__Status
export_entry(struct ctl *c, const char *path, cJSON *entry, int depth)
{
	nx_cleanup_free char *text = cJSON_PrintUnformatted(entry);
	const char *name =
	    cJSON_GetStringValue(cJSON_GetObjectItem(entry, "name"));
	bool folder = cJSON_IsTrue(cJSON_GetObjectItem(entry, "folder"));
	nx_cleanup_free char *below = NULL;
	Nx__Status status;

	if (!text || !name || depth == DEPTH_MAX ||
	    asprintf(&below, "%s%s%s", path, strcmp(path, "/") == 0 ? "" : "/",
		name) < 0) {
		snprintf(c->error, sizeof(c->error), "%.200s: too deep", path);
		return NX__STATUS__INTERNAL;
	}
	if (!folder) {
		fputs(text, stdout);
		return NX__STATUS__OK;
	}
	printf("%.*s,", (int)strlen(text) - 1, text);
	status = export_folder(c, below, depth + 1);
	putchar('}');
	return status;
}

/* The member "entries" of @path, of the user c->as_user. */
static Nx__Status
export_folder(struct ctl *c, const char *path, int depth)
{
	Nx__FsListRequest request = NX__FS_LIST_REQUEST__INIT;
	nx_cleanup_free char *copy = strdup(path);
	cJSON *entries = NULL, *entry;
	const char *before = "";
	Nx__Status status;

	request.path = copy;
	status = ctl_list_json(c, &ctl_list_fs, &request.base, &entries);
	if (status == NX__STATUS__NOT_FOUND)
		status = NX__STATUS__OK; /* deleted since its folder was read */
	printf("\"entries\":[");
	cJSON_ArrayForEach(entry, entries) {
		fputs(before, stdout);
		status = export_entry(c, path, entry, depth);
		if (status != NX__STATUS__OK)
			break;
		before = ",";
	}
	putchar(']');
	cJSON_Delete(entries);
	return status;
}

static Nx__Status
export_trees(struct ctl *c)
{
	Nx__UserListRequest request = NX__USER_LIST_REQUEST__INIT;
	cJSON *users = NULL, *user;
	const char *before = "";
	Nx__Status status;

	status = ctl_list_json(c, &ctl_list_users, &request.base, &users);
	cJSON_ArrayForEach(user, users) {
		nx_cleanup_free char *name = cJSON_PrintUnformatted(
		    cJSON_GetObjectItem(user, "username"));

		c->as_user = strtoull(
		    cJSON_GetObjectItem(user, "id")->valuestring, NULL, 10);
		printf("%s\n%s: {", before, name ? name : "\"\"");
		status = export_folder(c, "/", 0);
		putchar('}');
		before = ",";
		if (status != NX__STATUS__OK)
			break;
	}
	cJSON_Delete(users);
	return status;
}

static Nx__Status
export_nodes(struct ctl *c)
{
	Nx__NodeListRequest request = NX__NODE_LIST_REQUEST__INIT;
	cJSON *nodes = NULL;
	Nx__Status status =
	    ctl_list_json(c, &ctl_list_nodes, &request.base, &nodes);

	if (status == NX__STATUS__OK)
		print_value("{", "nodes", nodes);
	return status;
}

int
ctl_state_export(struct ctl *c)
{
	Nx__Status status;

	c->as_user = 0;
	status = export_nodes(c);
	if (status == NX__STATUS__OK) {
		printf(",\n\"files\": [");
		status = export_files(c);
	}
	if (status == NX__STATUS__OK) {
		printf("\n],\n\"trees\": {");
		status = export_trees(c);
	}
	/* What is left open is no JSON: nobody takes it for the whole. */
	if (status != NX__STATUS__OK)
		return ctl_fail(c, status);
	printf("\n}\n}\n");
	if (fflush(stdout) != 0)
		return ctl_failf(c, NX__STATUS__FULL,
		    "the export could not be written: %s", strerror(errno));
	return 0;
}
