/*
 * nexusctl status: a line for each part of Nexus and one for each thing that wants
 * somebody to look; with --all who is there, and all that each says of itself.
 */
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/msg.h"
#include "nexusctl/clean.h"
#include "nexusctl/ctl.h"
#include "nexusctl/summary.h"
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

static const struct ctl_finding storage_findings[] = {
    {"disk_full",
	"the disk is full: nothing can be stored until something is "
	"deleted",
	NULL},
    {"disks_away",
	"{disks_away disk|disks} away: nexusctl volume disks says "
	"which, and why",
	NULL},
    {"away", "{away volume|volumes} cannot be reached: {away_note}", NULL},
    {"suspect",
	"{suspect volume|volumes} not trusted with anything new: "
	"nexusctl volume ls says which, nexusctl volume trust proves "
	"one anew",
	NULL},
    {"degraded_files",
	"{degraded_files file|files} in fewer good copies than "
	"asked for: they are being made",
	NULL},
    {"unspread",
	"{unspread chunk|chunks} with all copies on one disk while "
	"another has room",
	NULL},
    {"orphans_refused",
	"{orphans_refused chunk|chunks} on the volumes that "
	"the catalogue does not know, too many to be touched: "
	"is it an older one?",
	NULL},
    {"catalogue_note", "no copy of the catalogue: {catalogue_note}",
	"catalogue_copies"},
    {"base_note", "no further base volume: {base_note}", NULL},
};

static const struct ctl_finding scrub_findings[] = {
    {"damaged_files",
	"{damaged_files file|files} good in no copy: nexusctl "
	"file ls --damaged",
	NULL},
    {"skipped", "{skipped volume|volumes} passed over: {skipped_note}", NULL},
    {"bad", "{bad replica|replicas} found bad in this cycle", NULL},
    {"missing", "{missing replica|replicas} found missing in this cycle", NULL},
};

static const struct ctl_finding check_findings[] = {
    {"error", "the catalogue could not be looked at: {error}", NULL},
    {"left",
	"{left thing|things} in the catalogue that disagree: nexusctl "
	"storage check --repair",
	NULL},
};

static const struct ctl_finding node_findings[] = {
    {"nodes",
	"limits of memory and CPU are not enforced: nexusctl doctor says "
	"why",
	"controllers"},
};

static const struct ctl_finding auth_findings[] = {
    {"mails_failed", "{mails_failed mail|mails} not handed to maild", NULL},
};

static const struct ctl_finding mail_findings[] = {
    {"last_error",
	"the last that failed, at {last_error_at time}: "
	"{last_error}",
	NULL},
    {"refused", "{refused mail|mails} not taken, for too many wait", NULL},
    {"expired", "{expired mail|mails} expired before the server took them",
	NULL},
};

#define COLUMNS(c)  c, NX_ARRAY_SIZE(c)
#define FINDINGS(f) f, NX_ARRAY_SIZE(f)

static const struct part {
	const char *name;
	enum nx_role role;
	struct nx_ask (*ask)(void);
	const struct ctl_column *columns;
	size_t n_columns;
	const char *line; /* of the summary */
	const struct ctl_finding *findings;
	size_t n_findings;
} parts[] = {
    {"storage", NX_ROLE_STORAGE, nx_ask_storage_status,
	COLUMNS(storage_columns),
	"{files file|files}, {bytes size} in {chunks chunk|chunks}; "
	"{volumes volume|volumes} on {disks disk|disks}",
	FINDINGS(storage_findings)},
    {"scrub", NX_ROLE_STORAGE, nx_ask_storage_scrub_status,
	COLUMNS(scrub_columns),
	"{state}, cycle {cycle}: {chunks} of {of_chunks replica|replicas}; all "
	"read since {oldest time}",
	FINDINGS(scrub_findings)},
    {"check", NX_ROLE_STORAGE, nx_ask_storage_check_status,
	COLUMNS(check_columns),
	"{state}, run {run}: {found} disagreed, {mended} mended",
	FINDINGS(check_findings)},
    {"nodes", NX_ROLE_NODE, nx_ask_node_status, COLUMNS(node_columns),
	"{running} of {nodes node|nodes} running; limits {limits}; {lambdas "
	"function|functions} run",
	FINDINGS(node_findings)},
    {"net", NX_ROLE_NET, nx_ask_net_status, COLUMNS(net_columns),
	"{bridge} at {subnet}; NAT {nat yes}, isolated {isolated yes}", NULL,
	0},
    {"auth", NX_ROLE_AUTH, nx_ask_auth_status, COLUMNS(auth_columns),
	"{users user|users}, {sessions session|sessions}; registration "
	"{registration}",
	FINDINGS(auth_findings)},
    {"mail", NX_ROLE_MAIL, nx_ask_mail_status, COLUMNS(mail_columns),
	"to {server}: {sent} sent, {queued} waiting", FINDINGS(mail_findings)},
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

/* --- all of it ---------------------------------------------------------------*/

static void
show_all(struct ctl *c, const struct part *p, const ProtobufCMessage *m)
{
	printf("\n%s\n", p->name);
	if (m)
		ctl_show(c, m, p->columns, p->n_columns, p->columns[0].field);
	else
		ctl_say(stdout, "  %s\n", c->error);
}

static void
show_tables(struct ctl *c, const Nx__SwitchStatusReply *s)
{
	if (ctl_flag(c, "all"))
		print_table(s->n_clients, (ProtobufCMessage **)s->clients,
		    client_columns, NX_ARRAY_SIZE(client_columns));
	if (ctl_flag(c, "all") && ctl_flag(c, "edges"))
		putchar('\n');
	if (ctl_flag(c, "edges"))
		print_table(s->n_edges, (ProtobufCMessage **)s->edges,
		    edge_columns, NX_ARRAY_SIZE(edge_columns));
	if (ctl_flag(c, "edges") && !ctl_flag(c, "all"))
		putchar('\n');
}

/* --- in short ----------------------------------------------------------------*/

/* @p's line; what wants looking at is added to @found, of which there is room for
 * as much as there can be. */
static void
show_short(
    struct ctl *c, const struct part *p, const ProtobufCMessage *m, FILE *found)
{
	char line[CTL_SUMMARY];
	size_t i;

	if (!m) {
		printf("%-8s ?\n", p->name);
		ctl_say(found, "  %-8s %s\n", p->name, c->error);
		return;
	}
	ctl_summarize(m, p->line, line);
	printf("%-8s %s\n", p->name, line);
	for (i = 0; i < p->n_findings; i++) {
		if (!ctl_is_found(m, &p->findings[i]))
			continue;
		ctl_summarize(m, p->findings[i].says, line);
		fprintf(found, "  %-8s %s\n", p->name, line);
	}
}

static void
print_findings(const char *found, bool all)
{
	if (*found)
		printf("\nto look at\n%s", found);
	else if (all)
		printf("\nall is well\n");
}

/* --- the command -------------------------------------------------------------*/

static void
ask_part(struct ctl *c, const struct part *p, cJSON *json, FILE *found)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const ProtobufCMessage *m = NULL;

	if (ctl_call(c, p->ask(), NULL, 0, CTL_QUICK_US, &reply) ==
	    NX__STATUS__OK)
		m = reply.body;
	if (json)
		cJSON_AddItemToObject(
		    json, p->name, m ? ctl_json(m) : cJSON_CreateNull());
	else if (ctl_flag(c, "all"))
		show_all(c, p, m);
	else
		show_short(c, p, m, found);
}

int
ctl_status(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	nx_cleanup_free char *findings = NULL;
	const Nx__SwitchStatusReply *s;
	cJSON *json = NULL;
	size_t i, len;
	FILE *found;
	bool all;
	int exit;

	exit = ctl_ask(c, nx_ask_switch_status(), &reply);
	if (exit != 0)
		return exit;
	found = open_memstream(&findings, &len);
	if (!found)
		return ctl_fail(c, NX__STATUS__FULL);
	s = nx_as_switch_status_reply(reply.body);
	if (c->json) {
		json = cJSON_CreateObject();
		cJSON_AddItemToObject(json, "switch", ctl_json(reply.body));
	} else {
		show_tables(c, s);
	}
	for (i = 0; i < NX_ARRAY_SIZE(parts); i++)
		if (is_connected(s, parts[i].role))
			ask_part(c, &parts[i], json, found);
	fclose(found);
	all = all_there(c, s);
	if (json)
		ctl_print_json(json);
	else if (!ctl_flag(c, "all"))
		print_findings(findings, all);
	fflush(stdout);
	return all ? 0 : nx_status_exit(NX__STATUS__UNAVAILABLE);
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
