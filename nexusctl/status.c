/* nexusctl status: who is there, and what each of them says of itself. */
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/msg.h"
#include "nexusctl/clean.h"
#include "nexusctl/ctl.h"
#include "proto/auth.rpc.h"
#include "proto/mail.rpc.h"
#include "proto/net.rpc.h"
#include "proto/node.rpc.h"
#include "proto/care.rpc.h"
#include "proto/switch.rpc.h"

static const struct ctl_column client_columns[] = {
    {"WHO", "role", CTL_ROLE},
    {"NUMBER", "instance", CTL_TEXT},
    {"PROCESS", "pid", CTL_TEXT},
    {"UID", "uid", CTL_TEXT},
    {"SINCE", "since", CTL_TIME},
    {"CONNECTS", "connects", CTL_TEXT},
    {"EDGES", "edges", CTL_TEXT},
};

static const struct ctl_column edge_columns[] = {
    {"FROM", "role_a", CTL_ROLE},
    {"NUMBER", "instance_a", CTL_TEXT},
    {"TO", "role_b", CTL_ROLE},
    {"NUMBER", "instance_b", CTL_TEXT},
    {"GENERATION", "generation", CTL_TEXT},
    {"SINCE", "since", CTL_TIME},
};

static const struct ctl_column storage_columns[] = {
    {"Files", "files", CTL_TEXT},
    {"Chunks", "chunks", CTL_TEXT},
    {"Stored", "bytes", CTL_SIZE},
    {"Volumes", "volumes", CTL_TEXT},
    {"Active volumes", "active", CTL_TEXT},
    {"Base volumes", "base_volumes", CTL_TEXT},
    {"No further one", "base_note", CTL_TEXT},
    {"Suspect volumes", "suspect", CTL_TEXT},
    {"Unreachable volumes", "away", CTL_TEXT},
    {"Unreachable", "away_note", CTL_TEXT},
    {"Disks", "disks", CTL_TEXT},
    {"Disks away", "disks_away", CTL_TEXT},
    {"Chunks on one disk of more", "unspread", CTL_TEXT},
    {"Degraded files", "degraded_files", CTL_TEXT},
    {"Uploads under way", "uploads", CTL_TEXT},
    {"Bad replicas seen", "corrupt", CTL_TEXT},
    {"Replicas repaired", "repaired", CTL_TEXT},
    {"Removing", "removing", CTL_YES},
    {"Orphans set aside", "set_aside", CTL_TEXT},
    {"Orphans refused", "orphans_refused", CTL_TEXT},
    {"Segments emptied", "segments_emptied", CTL_TEXT},
    {"Small chunks moved for it", "records_moved", CTL_TEXT},
    {"Dead in segments", "dead_bytes", CTL_SIZE},
    {"Segments left alone", "segments_left", CTL_TEXT},
    {"Disk full", "disk_full", CTL_YES},
    {"Catalogue's copies", "catalogue_copies", CTL_TEXT},
    {"Why not more", "catalogue_note", CTL_TEXT},
};

static const struct ctl_column scrub_columns[] = {
    {"State", "state", CTL_TEXT},
    {"Cycle", "cycle", CTL_TEXT},
    {"Begun", "began_at", CTL_TIME},
    {"Over", "ended_at", CTL_TIME},
    {"Not before", "next_at", CTL_TIME},
    {"Replicas read", "chunks", CTL_TEXT},
    {"Replicas there are", "of_chunks", CTL_TEXT},
    {"Read", "bytes", CTL_SIZE},
    {"A second", "rate", CTL_SIZE},
    {"Reading volume", "volume", CTL_TEXT},
    {"Volumes passed over", "skipped", CTL_TEXT},
    {"Which", "skipped_note", CTL_TEXT},
    {"Found bad", "bad", CTL_TEXT},
    {"Found missing", "missing", CTL_TEXT},
    {"Damaged files", "damaged_files", CTL_TEXT},
    {"All read since", "oldest", CTL_TIME},
};

static const struct ctl_column check_columns[] = {
    {"State", "state", CTL_TEXT},
    {"Run", "run", CTL_TEXT},
    {"Begun", "began_at", CTL_TIME},
    {"Over", "ended_at", CTL_TIME},
    {"Not before", "next_at", CTL_TIME},
    {"Could not look", "error", CTL_TEXT},
    {"Disagreed", "found", CTL_TEXT},
    {"Mended", "mended", CTL_TEXT},
    {"Disagrees still", "left", CTL_TEXT},
};

static const struct ctl_column node_columns[] = {
    {"Nodes", "nodes", CTL_TEXT},
    {"Running", "running", CTL_TEXT},
    {"Controllers", "controllers", CTL_YES},
    {"Limits", "limits", CTL_TEXT},
    {"Cgroup", "cgroup", CTL_TEXT},
    {"Functions run", "lambdas", CTL_TEXT},
};

static const struct ctl_column net_columns[] = {
    {"Bridge", "bridge", CTL_TEXT},
    {"Subnet", "subnet", CTL_TEXT},
    {"NAT", "nat", CTL_YES},
    {"Isolated", "isolated", CTL_YES},
};

static const struct ctl_column auth_columns[] = {
    {"Users", "users", CTL_TEXT},
    {"Sessions", "sessions", CTL_TEXT},
    {"Mails that failed", "mails_failed", CTL_TEXT},
    {"Registration", "registration", CTL_TEXT},
};

static const struct ctl_column mail_columns[] = {
    {"Delivered to", "server", CTL_TEXT},
    {"Sent", "sent", CTL_TEXT},
    {"Waiting", "queued", CTL_TEXT},
    {"The oldest for", "oldest_s", CTL_LASTS},
    {"Refused by the server", "failed", CTL_TEXT},
    {"Expired", "expired", CTL_TEXT},
    {"Not taken", "refused", CTL_TEXT},
    {"Last error", "last_error", CTL_TEXT},
    {"At", "last_error_at", CTL_TIME},
};

static const struct part {
	const char *name;
	enum nx_role role;
	struct nx_ask (*ask)(void);
	const struct ctl_column *columns;
	size_t n_columns;
} parts[] = {
    {"storage", NX_ROLE_STORAGE, nx_ask_storage_status, storage_columns,
	NX_ARRAY_SIZE(storage_columns)},
    {"scrub", NX_ROLE_STORAGE, nx_ask_storage_scrub_status, scrub_columns,
	NX_ARRAY_SIZE(scrub_columns)},
    {"check", NX_ROLE_STORAGE, nx_ask_storage_check_status, check_columns,
	NX_ARRAY_SIZE(check_columns)},
    {"nodes", NX_ROLE_NODE, nx_ask_node_status, node_columns,
	NX_ARRAY_SIZE(node_columns)},
    {"net", NX_ROLE_NET, nx_ask_net_status, net_columns,
	NX_ARRAY_SIZE(net_columns)},
    {"auth", NX_ROLE_AUTH, nx_ask_auth_status, auth_columns,
	NX_ARRAY_SIZE(auth_columns)},
    {"mail", NX_ROLE_MAIL, nx_ask_mail_status, mail_columns,
	NX_ARRAY_SIZE(mail_columns)},
};

static bool
is_connected(const Nx__SwitchStatusReply *s, enum nx_role role)
{
	size_t i;

	for (i = 0; i < s->n_clients; i++)
		if (s->clients[i]->role == (uint32_t)role)
			return true;
	return false;
}

static void
print_table(size_t n, ProtobufCMessage *const *rows,
    const struct ctl_column *columns, size_t n_columns)
{
	const ProtobufCMessage **const_rows = calloc(n + 1, sizeof(*rows));

	if (const_rows) {
		memcpy(const_rows, rows, n * sizeof(*rows));
		ctl_table(const_rows, n, columns, n_columns);
	}
	free(const_rows);
}

/* Every daemon belongs to a whole Nexus; what is missing is said. */
static bool
all_there(struct ctl *c, const Nx__SwitchStatusReply *s)
{
	bool all = true;
	int role;

	for (role = NX_ROLE_GATEWAY; role <= NX_ROLE_MAIL; role++) {
		if (is_connected(s, (enum nx_role)role))
			continue;
		all = false;
		fprintf(stderr, "nexusctl: %s is not connected\n",
		    nx_role_user((enum nx_role)role));
	}
	if (!all)
		snprintf(c->error, sizeof(c->error), "not everybody is there");
	return all;
}

static void
show_part(struct ctl *c, const struct part *p, cJSON *json)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	Nx__Status status;

	status = ctl_call(c, p->ask(), NULL, 0, CTL_QUICK_US, &reply);
	if (json) {
		cJSON_AddItemToObject(json, p->name,
		    status == NX__STATUS__OK ? ctl_json(reply.body)
					     : cJSON_CreateNull());
		return;
	}
	printf("\n%s\n", p->name);
	if (status == NX__STATUS__OK)
		ctl_show(c, reply.body, p->columns, p->n_columns,
		    p->columns[0].field);
	else
		ctl_say(stdout, "  %s\n", c->error);
}

int
ctl_status(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const Nx__SwitchStatusReply *s;
	cJSON *json = NULL;
	size_t i;
	int exit;

	exit = ctl_ask(c, nx_ask_switch_status(), &reply);
	if (exit != 0)
		return exit;
	s = nx_as_switch_status_reply(reply.body);
	if (c->json) {
		json = cJSON_CreateObject();
		cJSON_AddItemToObject(json, "switch", ctl_json(reply.body));
	} else {
		print_table(s->n_clients, (ProtobufCMessage **)s->clients,
		    client_columns, NX_ARRAY_SIZE(client_columns));
	}
	if (!c->json && ctl_flag(c, "edges")) {
		putchar('\n');
		print_table(s->n_edges, (ProtobufCMessage **)s->edges,
		    edge_columns, NX_ARRAY_SIZE(edge_columns));
	}
	for (i = 0; i < NX_ARRAY_SIZE(parts); i++)
		if (is_connected(s, parts[i].role))
			show_part(c, &parts[i], json);
	if (json)
		ctl_print_json(json);
	fflush(stdout);
	return all_there(c, s) ? 0 : nx_status_exit(NX__STATUS__UNAVAILABLE);
}

int
ctl_version(struct ctl *c)
{
	cJSON *json;

	if (!c->json) {
		printf(
		    "nexusctl %s, protocol %u\n", NX_VERSION, NX_PROTO_VERSION);
		return 0;
	}
	json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "version", NX_VERSION);
	cJSON_AddNumberToObject(json, "protocol", NX_PROTO_VERSION);
	return ctl_print_json(json);
}
