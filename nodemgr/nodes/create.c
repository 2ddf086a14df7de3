/*
 * NODE_CREATE: a request becomes a node in memory with an address and a range
 * of ids, and an operation that makes it real.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/id.h"
#include "nodemgr/images/images.h"
#include "nodemgr/nodes/op.h"
#include "proto/serve_nodemgr.h"

#define MEMORY      (128ULL << 20)
#define MEMORY_MIN  (4ULL << 20)
#define STORAGE_MIN (16ULL << 20)
#define CPU_WEIGHT  512
#define CPU_MAX     10000
#define PIDS        512
#define PIDS_MIN    4
#define PIDS_MAX    4194304
#define COMMAND_MAX 16384 /* bytes; every answer about the node carries it */

static bool
sizes_ok(
    struct nodemgr *m, struct nx_request *r, const Nx__NodeCreateRequest *q)
{
	if (q->memory && (q->memory < MEMORY_MIN || q->memory > m->host_memory))
		nx_refuse(r, NX__STATUS__INVALID,
		    "memory must be between 4 MiB and the host's %s",
		    nx_size_format(m->host_memory));
	else if (q->storage < STORAGE_MIN)
		nx_refuse(
		    r, NX__STATUS__INVALID, "storage must be at least 16 MiB");
	else if (q->cpu_weight > CPU_MAX)
		nx_refuse(r, NX__STATUS__INVALID,
		    "the CPU weight must be between 1 and 10000");
	else if (q->pids_max &&
	    (q->pids_max < PIDS_MIN || q->pids_max > PIDS_MAX))
		nx_refuse(r, NX__STATUS__INVALID,
		    "the number of processes must be between 4 and 4194304");
	else
		return true;
	return false;
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
	n->memory = q->memory ? q->memory : MEMORY;
	n->storage = q->storage;
	n->cpu_weight = q->cpu_weight ? q->cpu_weight : CPU_WEIGHT;
	n->pids_max = q->pids_max ? q->pids_max : PIDS;
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
