/* Nodes: what nodemgr does for people. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/id.h"
#include "common/node_limits.h"
#include "nexusctl/clean.h"
#include "nexusctl/ctl.h"
#include "nexusctl/transfer.h"
#include "proto/node.rpc.h"

static const struct ctl_column columns[] = {
    {"Id", "id", CTL_TEXT},
    {"Name", "name", CTL_TEXT},
    {"Status", "status", CTL_TEXT},
    {"Reason", "exit_reason", CTL_TEXT},
    {"Address", "ip", CTL_TEXT},
    {"Memory", "memory", CTL_SIZE},
    {"CPU weight", "cpu_weight", CTL_TEXT},
    {"Processes at most", "pids_max", CTL_TEXT},
    {"Limits enforced", "limits_enforced", CTL_YES},
    {"Out of memory", "oom_kills", CTL_TEXT},
    {"Storage", "storage", CTL_SIZE},
    {"Image", "image", CTL_TEXT},
    {"Owner", "owner", CTL_TEXT},
    {"Created", "created_at", CTL_TIME},
    {"Started", "started_at", CTL_TIME},
    {"Process", "pid", CTL_TEXT},
    {"First uid", "uid_base", CTL_TEXT},
};

static const struct ctl_column stats_columns[] = {
    {"NODE", "node_id", CTL_SHORT},
    {"CPU %", "cpu_percent", CTL_TEXT},
    {"MEMORY", "memory_usage", CTL_SIZE},
    {"PEAK", "memory_peak", CTL_SIZE},
    {"LIMIT", "memory_limit", CTL_SIZE},
    {"PIDS", "pids", CTL_TEXT},
    {"OOM", "oom_kills", CTL_TEXT},
    {"SAMPLED", "sampled_at", CTL_TIME},
};

/* What this host has, nodemgr knows. 0, or the exit code. */
static int
check_limits(struct ctl *c)
{
	static const char *const options[NX_NODE_LIMITS] = {
	    [NX_NODE_MEMORY] = "mem",
	    [NX_NODE_STORAGE] = "storage",
	    [NX_NODE_CPU] = "cpu",
	    [NX_NODE_PIDS] = "pids",
	};
	char why[NX_NODE_LIMIT_WHY];

	for (unsigned i = 0; i < NX_NODE_LIMITS; i++)
		if (!nx_node_limit_ok((enum nx_node_limit)i,
			ctl_option_number(c, options[i]), 0, why))
			return ctl_failf(c, NX__STATUS__INVALID, "%s", why);
	return 0;
}

int
ctl_node_create(struct ctl *c)
{
	Nx__NodeCreateRequest request = NX__NODE_CREATE_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const Nx__NodeInfo *node;
	Nx__Status status;
	int r;

	if (!ctl_option(c->args, "storage")->set)
		return ctl_failf(c, NX__STATUS__INVALID,
		    "--storage is missing: how large shall the node's volume "
		    "be? For example --storage 1G");
	r = check_limits(c);
	if (r != 0)
		return r;
	request.name = ctl_text(c, "NAME");
	request.memory = ctl_option_number(c, "mem");
	request.cpu_weight = (uint32_t)ctl_option_number(c, "cpu");
	request.storage = ctl_option_number(c, "storage");
	request.image = ctl_option_text(c, "image");
	request.pids_max = (uint32_t)ctl_option_number(c, "pids");
	request.command = c->args->rest;
	request.n_command = c->args->n_rest;
	status = ctl_call(
	    c, nx_ask_node_create(&request), NULL, 0, CTL_PATIENT_US, &reply);
	if (status != NX__STATUS__OK)
		return ctl_fail(c, status);
	node = nx_as_node_info(reply.body);
	if (!node->limits_enforced)
		fprintf(stderr,
		    "nexusctl: this host cannot enforce the node's limits of "
		    "memory and CPU, only that of processes; nexusctl doctor "
		    "says why\n");
	return ctl_done(c, reply.body, "id", "%s is %s at %s, id %.8s",
	    node->name, node->status, node->ip, node->id);
}

int
ctl_node_ls(struct ctl *c)
{
	Nx__NodeListRequest request = NX__NODE_LIST_REQUEST__INIT;

	return ctl_list(c, &ctl_list_nodes, &request.base);
}

static int
about(struct ctl *c, struct nx_ask (*ask)(const Nx__NodeRequest *), char *name,
    struct ctl_reply *reply)
{
	Nx__NodeRequest request = NX__NODE_REQUEST__INIT;
	Nx__Status status;

	request.node = name;
	status = ctl_call(c, ask(&request), NULL, 0, CTL_PATIENT_US, reply);
	return status == NX__STATUS__OK ? 0 : ctl_fail(c, status);
}

int
ctl_node_inspect(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit = about(c, nx_ask_node_get, ctl_text(c, "NODE"), &reply);

	return exit
	    ? exit
	    : ctl_show(c, reply.body, columns, NX_ARRAY_SIZE(columns), "id");
}

int
ctl_node_start(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit = about(c, nx_ask_node_start, ctl_text(c, "NODE"), &reply);
	const Nx__NodeInfo *node = nx_as_node_info(reply.body);

	return exit ? exit
		    : ctl_done(c, reply.body, "id", "%s is %s at %s",
			  node->name, node->status, node->ip);
}

int
ctl_node_stop(struct ctl *c)
{
	Nx__NodeStopRequest request = NX__NODE_STOP_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const Nx__NodeInfo *node;
	Nx__Status status;

	request.node = ctl_text(c, "NODE");
	request.all = ctl_flag(c, "all");
	request.keep = ctl_flag(c, "keep");
	request.timeout_ms = (uint32_t)ctl_option_number(c, "timeout") * 1000;
	if (request.all == (*request.node != '\0'))
		return ctl_failf(
		    c, NX__STATUS__INVALID, "name one node, or say --all");
	status = ctl_call(
	    c, nx_ask_node_stop(&request), NULL, 0, CTL_PATIENT_US, &reply);
	if (status != NX__STATUS__OK)
		return ctl_fail(c, status);
	node = nx_as_node_info(reply.body);
	if (request.all)
		return ctl_done(c, reply.body, "id", "all nodes are stopped");
	return ctl_done(
	    c, reply.body, "id", "%s is %s", node->name, node->status);
}

/* What went with it, to those who said that it may. */
static void
say_lost(const Nx__NodeDeleteReply *done)
{
	size_t i;

	if (done->files_lost == 0)
		return;
	fprintf(stderr,
	    "nexusctl: %" PRIu64 " file%s had the only good copy there and "
	    "%s lost:\n",
	    done->files_lost, done->files_lost == 1 ? "" : "s",
	    done->files_lost == 1 ? "is" : "are");
	for (i = 0; i < done->n_lost; i++)
		ctl_say(stderr, "  %.8s  user %" PRIu64 "  %s\n",
		    done->lost[i]->id, done->lost[i]->owner,
		    done->lost[i]->name);
	if (done->files_lost > done->n_lost)
		fprintf(stderr, "  and %" PRIu64 " more\n",
		    done->files_lost - done->n_lost);
}

int
ctl_node_delete(struct ctl *c)
{
	Nx__NodeDeleteRequest request = NX__NODE_DELETE_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const Nx__NodeDeleteReply *done;
	Nx__Status status;

	request.node = ctl_text(c, "NODE");
	request.force = ctl_flag(c, "force");
	request.lose_files = ctl_flag(c, "lose-files");
	status = ctl_call(
	    c, nx_ask_node_delete(&request), NULL, 0, CTL_PATIENT_US, &reply);
	if (status != NX__STATUS__OK)
		return ctl_fail(c, status);
	done = nx_as_node_delete_reply(reply.body);
	say_lost(done);
	return ctl_done(c, reply.body, "id",
	    "%s is deleted, %" PRIu64 " chunks were moved elsewhere",
	    request.node, done->chunks_moved);
}

/* The nodes' ids, for the statistics of all of them. */
static int
stats_of_all(struct ctl *c)
{
	Nx__NodeListRequest request = NX__NODE_LIST_REQUEST__INIT;
	cJSON *nodes = NULL, *node, *stats = cJSON_CreateArray();
	struct ctl_reply replies[64] = {0};
	const ProtobufCMessage *rows[64];
	size_t i, n = 0;
	Nx__Status status;

	status = ctl_list_json(c, &ctl_list_nodes, &request.base, &nodes);
	cJSON_ArrayForEach(node, nodes) {
		Nx__NodeRequest one = NX__NODE_REQUEST__INIT;

		if (status != NX__STATUS__OK || n == NX_ARRAY_SIZE(rows))
			break;
		one.node =
		    cJSON_GetStringValue(cJSON_GetObjectItem(node, "id"));
		/* One that has just gone is no reason to show none. */
		if (ctl_call(c, nx_ask_node_metrics(&one), NULL, 0,
			CTL_QUICK_US, &replies[n]) != NX__STATUS__OK)
			continue;
		rows[n] = replies[n].body;
		cJSON_AddItemToArray(stats, ctl_json(rows[n++]));
	}
	cJSON_Delete(nodes);
	if (status != NX__STATUS__OK)
		cJSON_Delete(stats);
	else if (c->json)
		ctl_print_json(stats);
	else {
		ctl_table(rows, n, stats_columns, NX_ARRAY_SIZE(stats_columns));
		cJSON_Delete(stats);
	}
	for (i = 0; i < n; i++)
		ctl_reply_fini(&replies[i]);
	return status == NX__STATUS__OK ? 0 : ctl_fail(c, status);
}

int
ctl_node_stats(struct ctl *c)
{
	ctl_cleanup_reply struct ctl_reply reply = {0};
	const ProtobufCMessage *row;
	int exit;

	if (!ctl_hole(c->args, "NODE")->set)
		return stats_of_all(c);
	exit = about(c, nx_ask_node_metrics, ctl_text(c, "NODE"), &reply);
	if (exit != 0)
		return exit;
	if (c->json || c->quiet)
		return ctl_show(c, reply.body, NULL, 0, "node_id");
	row = reply.body;
	ctl_table(&row, 1, stats_columns, NX_ARRAY_SIZE(stats_columns));
	return 0;
}

static int
print_clean(int fd, size_t size, FILE *out)
{
	void *text;

	if (size == 0)
		return 0;
	text = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		return -errno;
	ctl_clean(out, text, size, true);
	(void)munmap(text, size);
	return fflush(out) == 0 ? 0 : -errno;
}

int
ctl_print_memfd(struct ctl *c, int fd, FILE *out, bool raw)
{
	struct ctl_progress none = {0};
	size_t size;
	int error;

	fflush(stdout);
	error = nx_memfd_check(fd, SIZE_MAX, &size);
	if (error == 0)
		error = !raw && isatty(fileno(out))
		    ? print_clean(fd, size, out)
		    : ctl_copy(fd, 0, size, fileno(out), &none);
	if (error == 0 || error == -EPIPE)
		return 0;
	return ctl_failf(
	    c, nx_status_of_errno(error), "output: %s", strerror(-error));
}

int
ctl_node_logs(struct ctl *c)
{
	Nx__NodeLogsRequest request = NX__NODE_LOGS_REQUEST__INIT;
	ctl_cleanup_reply struct ctl_reply reply = {0};
	int exit;

	request.node = ctl_text(c, "NODE");
	request.tail = (uint32_t)ctl_option_number(c, "tail");
	exit = ctl_ask(c, nx_ask_node_logs(&request), &reply);
	if (exit == 0 && reply.n_fds == 1)
		exit = ctl_print_memfd(
		    c, reply.fds[0], stdout, ctl_flag(c, "raw"));
	return exit;
}
