/*
 * Nodes in memory; see node.h.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/box/box.h"
#include "nodemgr/nodes/node.h"
#include "nodemgr/nodes/op.h"
#include "proto/node.rpc.h"

struct node *
node_new(struct nodemgr *m)
{
	struct node *n = calloc(1, sizeof(*n)), **end;

	if (!n)
		return NULL;
	n->m = m;
	n->status = -1;
	nx_warden_init(&n->warden, m->base, &node_warden_ops, n);
	for (end = &m->nodes; *end; end = &(*end)->next)
		;
	*end = n;
	return n;
}

void
node_free(struct node *n)
{
	struct node **link;

	if (!n)
		return;
	nx_assert(!n->op && !n->queue);
	for (link = &n->m->nodes; *link; link = &(*link)->next)
		if (*link == n) {
			*link = n->next;
			break;
		}
	if (n->state == NODE_RUNNING)
		nx_warden_leave(&n->warden); /* for the next nodemgr */
	else
		nx_warden_destroy(&n->warden);
	free(n->command);
	free(n);
}

bool
node_name_taken(struct nodemgr *m, uint64_t owner, const char *name)
{
	struct node *n;

	for (n = m->nodes; n; n = n->next)
		if (n->owner == owner && !strcmp(n->name, name))
			return true;
	return false;
}

/* Names first: one may look like the beginning of an id. */
static struct node *
match(struct nodemgr *m, const struct nx_principal *who, const char *text,
    bool names, unsigned *ret_count)
{
	size_t len = strlen(text);
	struct node *n, *found = NULL;

	*ret_count = 0;
	for (n = m->nodes; n; n = n->next) {
		if (!nx_principal_owns(who, n->owner))
			continue;
		if (names ? strcmp(n->name, text) : strncmp(n->id, text, len))
			continue;
		found = n;
		(*ret_count)++;
	}
	return found;
}

struct node *
node_find(struct nodemgr *m, struct nx_request *r, const char *text)
{
	struct node *n;
	unsigned count;

	n = match(m, &r->who, text, true, &count);
	if (!n && nx_id_prefix_valid(text))
		n = match(m, &r->who, text, false, &count);
	if (count == 1)
		return n;
	if (count > 1)
		nx_refuse(r, NX__STATUS__INVALID,
		    "several nodes are called that: use more of the id");
	else
		nx_refuse(r, NX__STATUS__NOT_FOUND, "there is no such node");
	return NULL;
}

/*
 * Linear in the nodes for each try; the nodes of one host are hundreds, and
 * this runs once per creation.
 */
static bool
address_used(const struct nodemgr *m, uint32_t address)
{
	const struct node *n;

	for (n = m->nodes; n; n = n->next)
		if (n->address == address)
			return true;
	return false;
}

uint32_t
node_free_address(const struct nodemgr *m)
{
	uint32_t last = nx_subnet_broadcast(&m->subnet), a;

	for (a = nx_subnet_network(&m->subnet); a < last; a++)
		if (nx_subnet_holds(&m->subnet, a) && !address_used(m, a))
			return a;
	return 0;
}

static bool
ids_used(const struct nodemgr *m, uint32_t base)
{
	const struct node *n;

	for (n = m->nodes; n; n = n->next)
		if (n->uid_base == base)
			return true;
	return false;
}

uint32_t
node_free_ids(const struct nodemgr *m)
{
	uint64_t base = m->conf.id_base;

	for (; base + NX_ID_RANGE <= UINT32_MAX; base += NX_ID_RANGE)
		if (!ids_used(m, (uint32_t)base))
			return (uint32_t)base;
	return 0;
}

int
node_command_set(struct node *n, char **words, size_t n_words)
{
	size_t i, len = 0;
	char *p;

	for (i = 0; i < n_words; i++)
		len += strlen(words[i]) + 1;
	n->command = p = malloc(len + 1);
	if (!p)
		return -ENOMEM;
	for (i = 0; i < n_words; i++)
		p = stpcpy(p, words[i]) + 1;
	n->command_len = len;
	return 0;
}

char **
node_command_get(const struct node *n, size_t reserve)
{
	size_t words = 0, i;
	char **argv, *p;

	for (i = 0; i < n->command_len; i++)
		words += n->command[i] == '\0';
	argv = calloc(reserve + words + 1, sizeof(*argv));
	if (!argv)
		return NULL;
	for (i = 0, p = n->command; i < words; i++, p += strlen(p) + 1)
		argv[reserve + i] = p;
	return argv;
}

uint64_t
node_oom_kills(const struct node *n)
{
	struct nx_cgroup_stat stat;

	if (n->warden.cgroup < 0 || nx_cgroup_read(n->warden.cgroup, &stat) < 0)
		return n->oom_kills;
	return n->oom_kills + stat.oom_kills;
}

/* What is being deleted says so from the first step on, though it runs until
 * nothing is in the way. */
static const char *
status_word(const struct node *n)
{
	if (n->op && n->op->plan == op_plans[OP_DELETE])
		return "Deleting";
	switch (n->state) {
	case NODE_CREATING: return "Creating";
	case NODE_RUNNING: return "Running";
	case NODE_STOPPED: return n->failed ? "Failed" : "Stopped";
	case NODE_DELETING: return "Deleting";
	}
	return "";
}

#define TEXT(s) ((char *)(uintptr_t)(s)) /* protobuf-c's strings: not const */

void
node_info(const struct node *n, Nx__NodeInfo *ret_info)
{
	static char ip[8][INET_ADDRSTRLEN];
	static unsigned slot;
	struct in_addr addr = {.s_addr = htonl(n->address)};
	char *buf = ip[slot++ % 8];
	size_t words = 0;

	nx__node_info__init(ret_info);
	ret_info->id = TEXT(n->id);
	ret_info->name = TEXT(n->name);
	ret_info->ip = TEXT(inet_ntop(AF_INET, &addr, buf, INET_ADDRSTRLEN));
	ret_info->status = TEXT(status_word(n));
	ret_info->memory = n->memory;
	ret_info->cpu_weight = n->cpu_weight;
	ret_info->pids_max = n->pids_max;
	ret_info->storage = n->storage;
	ret_info->image = TEXT(n->image);
	ret_info->owner = n->owner;
	ret_info->created_at = n->created_at;
	ret_info->started_at = n->started_at;
	ret_info->pid = n->state == NODE_RUNNING ? (uint32_t)n->pid : 0;
	ret_info->exit_reason = TEXT(n->exit_reason);
	ret_info->limits_enforced = n->limits_enforced;
	ret_info->oom_kills = node_oom_kills(n);
	ret_info->uid_base = n->uid_base;
	ret_info->command = node_command_get(n, 0);
	while (ret_info->command && ret_info->command[words])
		words++;
	ret_info->n_command = words;
}

void
node_info_fini(Nx__NodeInfo *info)
{
	free(info->command);
	info->command = NULL;
	info->n_command = 0;
}

void
node_answer(struct nx_request *r, const struct node *n)
{
	Nx__NodeInfo info;

	node_info(n, &info);
	nx_answer_node_get(r, &info);
	node_info_fini(&info);
}
