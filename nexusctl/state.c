/*
 * nexusctl state export: everything but users' secrets as one JSON object of
 * the three members it always had: nodes, files, and a tree per user.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/fd.h"
#include "nexusctl/ctl.h"

#define DEPTH_MAX 256

/* Fills @folder with what is below @path of the user c->as_user. */
static Nx__Status
export_folder(struct ctl *c, const char *path, cJSON *folder, int depth)
{
	Nx__FsListRequest request = NX__FS_LIST_REQUEST__INIT;
	cJSON *entries = NULL, *entry, *name;
	nx_cleanup_free char *copy = strdup(path);
	Nx__Status status;

	request.path = copy;
	status = ctl_list_json(c, &ctl_list_fs, &request.base, &entries);
	cJSON_AddItemToObject(folder, "entries", entries);
	cJSON_ArrayForEach(entry, entries) {
		nx_cleanup_free char *below = NULL;

		if (status != NX__STATUS__OK)
			break;
		name = cJSON_GetObjectItem(entry, "name");
		if (!cJSON_IsTrue(cJSON_GetObjectItem(entry, "folder")))
			continue;
		if (depth == DEPTH_MAX ||
		    asprintf(&below, "%s%s%s", path,
			strcmp(path, "/") == 0 ? "" : "/",
			cJSON_GetStringValue(name)) < 0) {
			snprintf(c->error, sizeof(c->error), "%.200s: too deep",
			    path);
			return NX__STATUS__INTERNAL;
		}
		status = export_folder(c, below, entry, depth + 1);
	}
	return status;
}

static Nx__Status
export_trees(struct ctl *c, cJSON *state)
{
	Nx__UserListRequest request = NX__USER_LIST_REQUEST__INIT;
	cJSON *trees = cJSON_AddObjectToObject(state, "trees");
	cJSON *users = NULL, *user, *tree;
	Nx__Status status;

	status = ctl_list_json(c, &ctl_list_users, &request.base, &users);
	cJSON_ArrayForEach(user, users) {
		if (status != NX__STATUS__OK)
			break;
		c->as_user = strtoull(
		    cJSON_GetObjectItem(user, "id")->valuestring, NULL, 10);
		tree = cJSON_AddObjectToObject(trees,
		    cJSON_GetStringValue(
			cJSON_GetObjectItem(user, "username")));
		status = export_folder(c, "/", tree, 0);
	}
	cJSON_Delete(users);
	return status;
}

int
ctl_state_export(struct ctl *c)
{
	Nx__NodeListRequest nodes = NX__NODE_LIST_REQUEST__INIT;
	Nx__FileListRequest files = NX__FILE_LIST_REQUEST__INIT;
	cJSON *state = cJSON_CreateObject(), *list = NULL;
	Nx__Status status;

	c->as_user = 0;
	status = ctl_list_json(c, &ctl_list_nodes, &nodes.base, &list);
	cJSON_AddItemToObject(state, "nodes", list);
	list = NULL;
	if (status == NX__STATUS__OK)
		status = ctl_list_json(c, &ctl_list_files, &files.base, &list);
	cJSON_AddItemToObject(state, "files", list);
	if (status == NX__STATUS__OK)
		status = export_trees(c, state);
	if (status == NX__STATUS__OK)
		return ctl_print_json(state);
	cJSON_Delete(state);
	return ctl_fail(c, status);
}
