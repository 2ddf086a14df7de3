/*
 * /api/nodes: container nodes, through nodemgr.
 */
#include <stddef.h>
#include <stdio.h>

#include "common/err.h"
#include "common/id.h"
#include "common/node_limits.h"
#include "gatewayd/routes/page.h"
#include "gatewayd/routes/route.h"
#include "proto/node.rpc.h"

#define MIB (1024ULL * 1024)

/* An image, a volume, a network: slow hosts take their time. */
static const struct req_call_opts slow = {.timeout_s = 120};

static void
json_node(struct buf *b, const char *name, const Nx__NodeInfo *n)
{
	size_t i;

	json_open(b, name, '{');
	json_string(b, "id", n->id);
	json_string(b, "name", n->name);
	json_string(b, "ip", n->ip);
	json_string(b, "status", n->status);
	json_uint(b, "memory_mb", n->memory / MIB);
	json_uint(b, "memory", n->memory);
	json_uint(b, "cpu_shares", n->cpu_weight);
	json_uint(b, "pids_max", n->pids_max);
	json_uint(b, "storage", n->storage);
	json_string(b, "image", n->image);
	json_uint(b, "created_at", n->created_at);
	json_uint(b, "started_at", n->started_at);
	json_string(b, "exit_reason", n->exit_reason);
	json_bool(b, "limits_enforced", n->limits_enforced);
	json_uint(b, "oom_kills", n->oom_kills);
	json_open(b, "command", '[');
	for (i = 0; i < n->n_command; i++)
		json_string(b, NULL, n->command[i]);
	json_close(b, ']');
	json_close(b, '}');
}

static void
reply_node(struct req *r, int status, const struct nx_reply *reply)
{
	struct buf b = {0};

	json_node(&b, NULL, nx_as_node_info(reply->body));
	reply_json(r, status, &b);
}

static void
on_node(struct req *r, const struct nx_reply *reply)
{
	reply_node(r, 200, reply);
}

static void
on_created(struct req *r, const struct nx_reply *reply)
{
	reply_node(r, 201, reply);
}

struct wanted {
	char *name, *storage_size, *image;
	uint64_t memory_mb, cpu_shares, pids_max;
	struct json_strings command;
};
#define FIELD(n, type, required, min, max)                                  \
	{                                                                   \
#n, JSON_##type, required, offsetof(struct wanted, n), min, \
		    max                                                     \
	}
static const struct json_field create_fields[] = {
    FIELD(name, STRING, true, 0, 0),
    FIELD(storage_size, STRING, true, 0, 0),
    FIELD(image, STRING, false, 0, 0),
    FIELD(memory_mb, UINT, false, 0, 1 << 30),
    FIELD(cpu_shares, UINT, false, 0, NX_NODE_CPU_MAX),
    FIELD(pids_max, UINT, false, 0, NX_NODE_PIDS_MAX),
    FIELD(command, STRINGS, false, 0, 0),
};

static void
node_create(struct req *r)
{
	Nx__NodeCreateRequest m = NX__NODE_CREATE_REQUEST__INIT;
	struct wanted w = {0};

	if (!req_take(r, create_fields, NX_ARRAY_SIZE(create_fields), &w))
		return;
	if (!nx_name_valid(w.name)) {
		req_fail(r, 400, "invalid",
		    "The member name must be 1 to 63 of a-z, 0-9 and '-', and "
		    "not begin with '-'.");
		return;
	}
	if (nx_size_parse(w.storage_size, &m.storage) < 0) {
		req_fail(r, 400, "invalid",
		    "The member storage_size must be a size such as \"500M\" "
		    "or \"1G\".");
		return;
	}
	m.name = w.name;
	m.memory = w.memory_mb * MIB;
	m.cpu_weight = (uint32_t)w.cpu_shares;
	m.pids_max = (uint32_t)w.pids_max;
	if (w.image)
		m.image = w.image;
	m.command = w.command.item;
	m.n_command = w.command.n;
	req_call(r, nx_ask_node_create(&m), &slow, on_created);
}

static void
on_nodes(struct req *r, const struct nx_reply *reply)
{
	const Nx__NodeListReply *m = nx_as_node_list_reply(reply->body);
	size_t i;

	for (i = 0; i < m->n_nodes; i++)
		json_node(page_buf(r), NULL, m->nodes[i]);
	page_done(r, m->next);
}

static void
ask_nodes(struct req *r, const char *cursor)
{
	Nx__NodeListRequest m = NX__NODE_LIST_REQUEST__INIT;
	struct req_call_opts opts = {.again = page_again};

	m.after = (char *)(uintptr_t)cursor;
	req_call(r, nx_ask_node_list(&m), &opts, on_nodes);
}

static void
node_list(struct req *r)
{
	page_begin(r, ask_nodes);
}

static void
ask_node(struct req *r, struct nx_ask (*ask)(const Nx__NodeRequest *),
    const struct req_call_opts *opts, req_reply_fn *fn)
{
	Nx__NodeRequest m = NX__NODE_REQUEST__INIT;

	m.node = (char *)(uintptr_t)r->param;
	req_call(r, ask(&m), opts, fn);
}

static void
node_get(struct req *r)
{
	ask_node(r, nx_ask_node_get, NULL, on_node);
}

static void
node_start(struct req *r)
{
	ask_node(r, nx_ask_node_start, &slow, on_node);
}

static void
node_stop(struct req *r)
{
	Nx__NodeStopRequest m = NX__NODE_STOP_REQUEST__INIT;

	m.node = (char *)(uintptr_t)r->param;
	req_call(r, nx_ask_node_stop(&m), &slow, on_node);
}

static void
on_deleted(struct req *r, const struct nx_reply *reply)
{
	const Nx__NodeDeleteReply *m = nx_as_node_delete_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_string(&b, "message", "Node deleted.");
	json_string(&b, "id", m->id);
	json_uint(&b, "chunks_moved", m->chunks_moved);
	json_uint(&b, "files_lost", m->files_lost);
	json_open(&b, "lost", '[');
	for (size_t i = 0; i < m->n_lost; i++) {
		json_open(&b, NULL, '{');
		json_string(&b, "id", m->lost[i]->id);
		json_string(&b, "name", m->lost[i]->name);
		json_close(&b, '}');
	}
	json_close(&b, ']');
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

/* "?force=true": even if it runs; the caller's own files that an earlier
 * refusal named may be lost with it, nobody else's. */
static void
node_delete(struct req *r)
{
	Nx__NodeDeleteRequest m = NX__NODE_DELETE_REQUEST__INIT;
	/* Moving the chunks of a big volume elsewhere takes minutes. */
	struct req_call_opts opts = {.timeout_s = 900};
	bool force;

	if (!req_flag(r, "force", &force))
		return;
	m.force = force;
	m.node = (char *)(uintptr_t)r->param;
	req_call(r, nx_ask_node_delete(&m), &opts, on_deleted);
}

static void
on_metrics(struct req *r, const struct nx_reply *reply)
{
	const Nx__NodeMetricsReply *m = nx_as_node_metrics_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_string(&b, "node_id", m->node_id);
	json_uint(&b, "memory_usage", m->memory_usage);
	json_uint(&b, "memory_limit", m->memory_limit);
	json_double(&b, "cpu_percent", m->cpu_percent);
	json_uint(&b, "memory_peak", m->memory_peak);
	json_uint(&b, "cpu_usage_us", m->cpu_usage_us);
	json_uint(&b, "pids", m->pids);
	json_uint(&b, "oom_kills", m->oom_kills);
	json_uint(&b, "sampled_at", m->sampled_at);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
node_metrics(struct req *r)
{
	ask_node(r, nx_ask_node_metrics, NULL, on_metrics);
}

static const struct route rows[] = {
    {HTTP_M_POST, "/api/nodes", ROUTE_JSON, ROUTE_SMALL, ROUTE_TOKEN,
	node_create, NULL},
    {HTTP_M_GET, "/api/nodes", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	node_list, NULL},
    {HTTP_M_GET, "/api/nodes/:id", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	node_get, NULL},
    {HTTP_M_DELETE, "/api/nodes/:id", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	node_delete, "force"},
    {HTTP_M_POST, "/api/nodes/:id/start", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, node_start, NULL},
    {HTTP_M_POST, "/api/nodes/:id/stop", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, node_stop, NULL},
    {HTTP_M_GET, "/api/nodes/:id/metrics", ROUTE_NO_BODY, ROUTE_SMALL,
	ROUTE_TOKEN, node_metrics, NULL},
};
const struct route_table node_routes = {rows, NX_ARRAY_SIZE(rows)};
