/*
 * /api/fs/policy: how often what comes into a folder is to be there, as whole
 * copies or with parity.
 */
#include <stddef.h>

#include "common/err.h"
#include "gatewayd/routes/route.h"
#include "proto/storage.rpc.h"

static void
on_policy(struct req *r, const struct nx_reply *reply)
{
	const Nx__FsPolicyReply *m = nx_as_fs_policy_reply(reply->body);
	struct buf b = {0};

	json_open(&b, NULL, '{');
	json_string(&b, "policy", m->policy);
	if (m->erasure[0])
		json_string(&b, "erasure", m->erasure);
	if (m->replicas)
		json_uint(&b, "replicas", m->replicas);
	if (m->from[0])
		json_string(&b, "from", m->from);
	json_close(&b, '}');
	reply_json(r, 200, &b);
}

static void
policy_get(struct req *r)
{
	Nx__FsPathRequest m = NX__FS_PATH_REQUEST__INIT;
	const char *path = req_query(r, "path");

	if (!path)
		return;
	m.path = (char *)(uintptr_t)path;
	req_call(r, nx_ask_fs_policy(&m), NULL, on_policy);
}

struct policy_wanted {
	char *path, *erasure;
	uint64_t replicas;
	bool inherit;
};
static const struct json_field policy_fields[] = {
    {"path", JSON_STRING, true, offsetof(struct policy_wanted, path), 0, 0},
    {"erasure", JSON_STRING, false, offsetof(struct policy_wanted, erasure), 0,
	0},
    {"replicas", JSON_UINT, false, offsetof(struct policy_wanted, replicas), 1,
	4},
    {"inherit", JSON_BOOL, false, offsetof(struct policy_wanted, inherit), 0,
	0},
};

static void
policy_put(struct req *r)
{
	Nx__FsSetPolicyRequest m = NX__FS_SET_POLICY_REQUEST__INIT;
	struct policy_wanted w = {0};

	if (!req_take(r, policy_fields, NX_ARRAY_SIZE(policy_fields), &w))
		return;
	m.path = w.path;
	if (w.erasure)
		m.erasure = w.erasure;
	m.replicas = (uint32_t)w.replicas;
	m.inherit = w.inherit;
	req_call(r, nx_ask_fs_set_policy(&m), NULL, on_policy);
}

static const struct route rows[] = {
    {HTTP_M_GET, "/api/fs/policy", ROUTE_NO_BODY, ROUTE_SMALL, ROUTE_TOKEN,
	policy_get, "path"},
    {HTTP_M_PUT, "/api/fs/policy", ROUTE_JSON, ROUTE_SMALL, ROUTE_TOKEN,
	policy_put, NULL},
};
const struct route_table policy_routes = {rows, NX_ARRAY_SIZE(rows)};
