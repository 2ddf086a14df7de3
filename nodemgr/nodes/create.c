/*
 * NODE_CREATE: a request becomes a node in memory with an address and a range
 * of ids, and an operation that makes it real.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/id.h"
#include "common/node_limits.h"
#include "nodemgr/images/images.h"
#include "nodemgr/nodes/op.h"
#include "proto/serve_nodemgr.h"

#define COMMAND_MAX 16384 /* bytes; every answer about the node carries it */

static bool
sizes_ok(
    struct nodemgr *m, struct nx_request *r, const Nx__NodeCreateRequest *q)
{
	const struct {
		enum nx_node_limit limit;
		uint64_t value, host;
	} asked[] = {
	    {NX_NODE_MEMORY, q->memory, m->host_memory},
	    {NX_NODE_STORAGE, q->storage, 0}, /* storaged knows its disk */
	    {NX_NODE_CPU, q->cpu_weight, 0},
	    {NX_NODE_PIDS, q->pids_max, 0},
	};
	char why[NX_NODE_LIMIT_WHY];

	for (size_t i = 0; i < NX_ARRAY_SIZE(asked); i++)
		if (!nx_node_limit_ok(
			asked[i].limit, asked[i].value, asked[i].host, why)) {
			nx_refuse(r, NX__STATUS__INVALID, "%s", why);
			return false;
		}
	return true;
}

static size_t
command_length(const Nx__NodeCreateRequest *q)
{
	size_t i, len = 0;

	for (i = 0; i < q->n_command; i++)
		len += strlen(q->command[i]) + 1;
	return len;
}

static bool
words_ok(struct nx_request *r, const Nx__NodeCreateRequest *q)
{
	if (command_length(q) > COMMAND_MAX)
		nx_refuse(r, NX__STATUS__INVALID,
		    "the command is longer than 16 KiB: put it into a file");
	else if (q->n_command > 0 && !q->command[0][0])
		nx_refuse(r, NX__STATUS__INVALID,
		    "the command's first word is empty");
	else if (!nx_name_valid(q->name))
		nx_refuse(r, NX__STATUS__INVALID,
		    "a name has 1 to 63 characters of a-z, 0-9 and -, and does "
		    "not begin with -");
	else
		return true;
	return false;
}

/* Anyone may register: one user must not take all addresses and the disk. */
static bool
share_ok(
    struct nodemgr *m, struct nx_request *r, const Nx__NodeCreateRequest *q)
{
	uint64_t nodes = 0, bytes = 0;
	const struct node *n;

	if (r->who.user_id == 0)
		return true;
	for (n = m->nodes; n; n = n->next)
		if (n->owner == r->who.user_id) {
			nodes++;
			bytes += n->storage;
		}
	if (m->conf.user_nodes && nodes >= m->conf.user_nodes)
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "you have %" PRIu64 " nodes, as many as one user may: "
		    "delete one first",
		    nodes);
	else if (m->conf.user_storage &&
	    (q->storage > m->conf.user_storage ||
		bytes > m->conf.user_storage - q->storage))
		nx_refuse(r, NX__STATUS__CONFLICT,
		    "your nodes may have %s of storage together and have %s: "
		    "choose less, or delete one first",
		    nx_size_format(m->conf.user_storage),
		    nx_size_format(bytes));
	else
		return true;
	return false;
}

static bool
request_ok(
    struct nodemgr *m, struct nx_request *r, const Nx__NodeCreateRequest *q)
{
	if (!words_ok(r, q) || !sizes_ok(m, r, q))
		return false;
	if (q->image[0] && nx_image_check(m->images, q->image) < 0)
		nx_refuse(
		    r, NX__STATUS__NOT_FOUND, "there is no image of that name");
	else if (node_name_taken(m, r->who.user_id, q->name))
		nx_refuse(r, NX__STATUS__EXISTS,
		    "there is already a node named %s", q->name);
	else if (!nx_hub_peer(m->hub, NX_ROLE_STORAGE))
		/* Begun, it would fail at once and be undone only when storaged
		 * is back: until then it would count as one of theirs. */
		nx_refuse(r, NX__STATUS__UNAVAILABLE,
		    "the storage service is not available, try again");
	else
		return share_ok(m, r, q) && nodemgr_limits_ok(m, r);
	return false;
}

static int
fill(struct node *n, uint64_t owner, const Nx__NodeCreateRequest *q)
{
	nx_id_new(n->id);
	snprintf(n->name, sizeof(n->name), "%s", q->name);
	snprintf(n->image, sizeof(n->image), "%s",
	    q->image[0] ? q->image : NX_IMAGE_HOST);
	n->owner = owner;
	n->memory = nx_node_limit_value(NX_NODE_MEMORY, q->memory);
	n->storage = q->storage;
	n->cpu_weight =
	    (uint32_t)nx_node_limit_value(NX_NODE_CPU, q->cpu_weight);
	n->pids_max = (uint32_t)nx_node_limit_value(NX_NODE_PIDS, q->pids_max);
	n->created_at = nx_wall_us() / 1000000;
	n->state = NODE_CREATING;
	n->fresh = true;
	n->limits_enforced = n->m->cgroups.controllers;
	return node_command_set(n, q->command, q->n_command);
}

void
serve_node_create(
    struct nx_request *r, const Nx__NodeCreateRequest *q, struct nodemgr *m)
{
	uint32_t address, ids;
	struct node *n;
	struct op *op;

	if (!request_ok(m, r, q))
		return;
	address = node_free_address(m);
	ids = node_free_ids(m);
	if (!address || !ids) {
		nx_refuse(r, NX__STATUS__FULL,
		    address ? "no range of user ids is left for another node"
			    : "the network %s has no address left: delete a "
			      "node, or configure a wider subnet",
		    m->conf.common.subnet);
		return;
	}
	n = node_new(m);
	op = n && fill(n, r->who.user_id, q) == 0 ? op_new(n, OP_CREATE, r)
						  : NULL;
	if (!op) {
		node_free(n);
		nx_refuse(r, NX__STATUS__INTERNAL, "out of memory");
		return;
	}
	n->address = address;
	n->uid_base = ids;
	op_submit(op);
}
