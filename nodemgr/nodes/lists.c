/*
 * What clients read: pages of the nodes that are theirs, how it goes altogether,
 * and what a node has written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/nodes/node.h"
#include "proto/serve_nodemgr.h"

#define PAGE       50
#define PAGE_BYTES 48000U /* commands can be long; a frame cannot */

/* Where the page after the node @after begins. */
static struct node *
page_start(struct nodemgr *m, const char *after)
{
	struct node *n;

	if (!after[0])
		return m->nodes;
	for (n = m->nodes; n; n = n->next)
		if (!strcmp(n->id, after))
			return n->next;
	return NULL;
}

void
serve_node_list(
    struct nx_request *r, const Nx__NodeListRequest *q, struct nodemgr *m)
{
	size_t max = q->limit && q->limit < PAGE ? q->limit : PAGE, count = 0,
	       i;
	Nx__NodeListReply reply = NX__NODE_LIST_REPLY__INIT;
	static Nx__NodeInfo infos[PAGE];
	Nx__NodeInfo *pointers[PAGE];
	static char ips[PAGE][20];
	struct node *n = page_start(m, q->after), *last = NULL;
	size_t bytes = 0;

	for (; n; n = n->next) {
		if (!nx_principal_owns(&r->who, n->owner))
			continue;
		if (count == max) {
			reply.next = last->id;
			break;
		}
		node_info(n, &infos[count]);
		bytes += nx__node_info__get_packed_size(&infos[count]) + 8;
		if (bytes > PAGE_BYTES && last) {
			node_info_fini(&infos[count]);
			reply.next = last->id;
			break;
		}
		infos[count].ip = strncpy(ips[count], infos[count].ip, 19);
		pointers[count] = &infos[count];
		last = n;
		count++;
	}
	reply.nodes = pointers;
	reply.n_nodes = count;
	nx_answer_node_list(r, &reply);
	for (i = 0; i < count; i++)
		node_info_fini(&infos[i]);
}

void
serve_node_status(struct nx_request *r, struct nodemgr *m)
{
	static char enforced[] = "enforced", effort[] = "best-effort",
		    refused[] = "refused";
	Nx__NodeStatusReply reply = NX__NODE_STATUS_REPLY__INIT;
	const struct node *n;

	for (n = m->nodes; n; n = n->next) {
		reply.nodes++;
		reply.running += n->state == NODE_RUNNING;
	}
	reply.controllers = m->cgroups.controllers;
	reply.limits = m->cgroups.controllers ? enforced
	    : m->best_effort                  ? effort
					      : refused;
	reply.cgroup = m->cgroups.path;
	reply.lambdas = m->runs;
	nx_answer_node_status(r, &reply);
}

/* --- logs --------------------------------------------------------------------- */

/* A copy, because the log goes on and the caller may be slow. */
static int
copy_tail(int log, uint64_t tail)
{
	nx_cleanup_free char *text = NULL;
	struct stat st;
	uint64_t size, from;
	ssize_t n;

	if (fstat(log, &st) < 0)
		return -errno;
	size = (uint64_t)st.st_size;
	from = tail && tail < size ? size - tail : 0;
	text = malloc(size - from + 1);
	if (!text)
		return -ENOMEM;
	n = pread(log, text, size - from, (off_t)from);
	if (n < 0)
		return -errno;
	return nx_memfd_sealed("log", text, (size_t)n);
}

void
serve_node_logs(
    struct nx_request *r, const Nx__NodeLogsRequest *q, struct nodemgr *m)
{
	struct node *n = node_find(m, r, q->node);
	nx_cleanup_fd int log = -1;
	int copy;

	if (!n)
		return;
	log = node_log_open(n);
	copy = log < 0 ? log : copy_tail(log, q->tail);
	if (copy < 0)
		nx_refuse_errno(r, copy, "cannot read the log");
	else
		nx_answer_node_logs(r, &copy, 1);
}
