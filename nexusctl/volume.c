/*
 * nexusctl volume: volumes and the disks they are on, as storaged knows them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/id.h"
#include "nexusctl/clean.h"
#include "nexusctl/ctl.h"
#include "proto/node.rpc.h"
#include "proto/volume.rpc.h"

int
ctl_volume_ls(struct ctl *c)
{
	Nx__VolumeListRequest request = NX__VOLUME_LIST_REQUEST__INIT;

	return ctl_list(c, &ctl_list_volumes, &request.base);
}

/* A volume is named like its node; the platform's own have no node. */
static int
volume_name(struct ctl *c, struct ctl_reply *node, char **ret_name)
{
	Nx__NodeRequest request = NX__NODE_REQUEST__INIT;
	int exit;

	*ret_name = ctl_text(c, "VOLUME");
	if (strncmp(*ret_name, "base-", 5) == 0 || nx_id_valid(*ret_name))
		return 0;
	request.node = *ret_name;
	exit = ctl_ask(c, nx_ask_node_get(&request), node);
	if (exit == 0)
		*ret_name = nx_as_node_info(node->body)->id;
	return exit;
}

int
ctl_volume_trust(struct ctl *c)
{
	Nx__VolumeRequest request = NX__VOLUME_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply node = {0}, reply = {0};
	const Nx__VolumeTrustReply *done;
	Nx__Status status;
	int exit = volume_name(c, &node, &request.node);

	if (exit != 0)
		return exit;
	status = ctl_call(
	    c, nx_ask_volume_trust(&request), NULL, 0, CTL_PATIENT_US, &reply);
	if (status != NX__STATUS__OK)
		return ctl_fail(c, status);
	done = nx_as_volume_trust_reply(reply.body);
	return ctl_done(c, reply.body, "checked",
	    "%s is trusted: a chunk was written and read back, %" PRIu64
	    " of those there were read and are good",
	    ctl_text(c, "VOLUME"), done->checked);
}

static int
empty(struct ctl *c, bool failed)
{
	Nx__VolumeEmptyRequest request = NX__VOLUME_EMPTY_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply node = {0}, reply = {0};
	int exit = volume_name(c, &node, &request.node);

	request.failed = failed;
	if (exit == 0)
		exit = ctl_ask(c, nx_ask_volume_empty(&request), &reply);
	if (exit != 0)
		return exit;
	return ctl_done(c, reply.body, "node",
	    "what is on %s goes elsewhere: %" PRIu64 " chunks; nexusctl "
	    "volume ls shows how it goes",
	    ctl_text(c, "VOLUME"), nx_as_volume_info(reply.body)->chunks);
}

int
ctl_volume_drain(struct ctl *c)
{
	return empty(c, false);
}

int
ctl_volume_fail(struct ctl *c)
{
	return empty(c, true);
}

/* --- disks ------------------------------------------------------------------*/

static const struct ctl_column disk_columns[] = {
    {"DISK", "path", CTL_TEXT},
    {"STATE", "state", CTL_TEXT},
    {"USED", "used", CTL_YES},
    {"FREE", "free", CTL_SIZE},
    {"VOLUMES", "volumes", CTL_TEXT},
    {"CHUNKS", "chunks", CTL_TEXT},
    {"A SECOND", "rate", CTL_SIZE},
    {"LEFT", "left_s", CTL_LASTS},
    {"NOTE", "note", CTL_TEXT},
};

int
ctl_volume_disks(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const Nx__DiskListReply *list;
	int exit = ctl_ask(c, nx_ask_disk_list(), &reply);

	if (exit != 0)
		return exit;
	list = nx_as_disk_list_reply(reply.body);
	if (c->json)
		return ctl_print_json(ctl_json(reply.body));
	if (c->quiet) {
		for (size_t i = 0; i < list->n_disks; i++)
			ctl_say(stdout, "%s\n", list->disks[i]->path);
		return 0;
	}
	ctl_table((const ProtobufCMessage *const *)list->disks, list->n_disks,
	    disk_columns, NX_ARRAY_SIZE(disk_columns));
	return 0;
}

int
ctl_volume_add_disk(struct ctl *c)
{
	Nx__DiskRequest request = NX__DISK_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit;

	request.path = ctl_text(c, "PATH");
	exit = ctl_ask(c, nx_ask_disk_add(&request), &reply);
	if (exit != 0)
		return exit;
	return ctl_done(c, reply.body, "path",
	    "%s is a disk of this Nexus; %s are free there", request.path,
	    nx_size_format(nx_as_disk_info(reply.body)->free));
}

int
ctl_volume_remove_disk(struct ctl *c)
{
	Nx__DiskRequest request = NX__DISK_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit;

	request.path = ctl_text(c, "PATH");
	exit = ctl_ask(c, nx_ask_disk_remove(&request), &reply);
	if (exit != 0)
		return exit;
	return ctl_done(c, reply.body, "path",
	    "%s is emptied first: %" PRIu64 " chunks go elsewhere; it is done "
	    "when nexusctl volume disks does not list it any more",
	    request.path, nx_as_disk_info(reply.body)->chunks);
}
