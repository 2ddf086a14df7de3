/*
 * The smaller requests that nodemgr answers. Roles, tickets and descriptors
 * have been checked before (common/method.h); what belongs to whom is checked by
 * node_find.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "nodemgr/calls/calls.h"
#include "nodemgr/nodes/exec.h"
#include "nodemgr/nodes/metrics.h"
#include "nodemgr/nodes/op.h"
#include "nodemgr/nodes/recover.h"
#include "nodemgr/nodes/store.h"
#include "proto/serve_nodemgr.h"

#define PAGE        50
#define PAGE_BYTES  48000U       /* commands can be long; a frame cannot */
#define STOP_MAX_MS (600 * 1000) /* it keeps everybody else waiting */

bool
nodemgr_limits_ok(struct nodemgr *m, struct nx_request *r)
{
	if (m->cgroups.controllers || m->best_effort)
		return true;
	nx_refuse(r, NX__STATUS__UNSUPPORTED,
	    "this host has no cgroup v2 controllers for memory, cpu and pids "
	    "in %s, so limits cannot be enforced; to do without, set limits = "
	    "best-effort in the section [nodemgr] of nexus.conf",
	    m->cgroups.path);
	return false;
}

/* --- nodes ------------------------------------------------------------------- */

static void
submit(struct nx_request *r, struct node *n, enum op_kind kind, bool force,
    bool keep, uint32_t timeout_ms)
{
	struct op *op = op_new(n, kind, r);

	if (!op) {
		nx_refuse(r, NX__STATUS__INTERNAL, "out of memory");
		return;
	}
	op->force = force;
	op->keep = keep;
	op->timeout_ms = timeout_ms;
	op_submit(op);
}

void
serve_node_get(
    struct nx_request *r, const Nx__NodeRequest *q, struct nodemgr *m)
{
	struct node *n = node_find(m, r, q->node);

	if (n)
		node_answer(r, n);
}

void
serve_node_start(
    struct nx_request *r, const Nx__NodeRequest *q, struct nodemgr *m)
{
	struct node *n = node_find(m, r, q->node);

	if (n && nodemgr_limits_ok(m, r))
		submit(r, n, OP_START, false, false, 0);
}

void
serve_node_delete(
    struct nx_request *r, const Nx__NodeDeleteRequest *q, struct nodemgr *m)
{
	struct node *n = node_find(m, r, q->node);
	struct op *op;

	if (!n)
		return;
	if (q->lose_files && !(r->who.admin && r->who.user_id == 0)) {
		nx_refuse(r, NX__STATUS__DENIED,
		    "only an admin may delete a node with other people's "
		    "files on it");
		return;
	}
	op = op_new(n, OP_DELETE, r);
	if (!op) {
		nx_refuse(r, NX__STATUS__INTERNAL, "out of memory");
		return;
	}
	op->force = q->force;
	op->lose_files = q->lose_files;
	op_submit(op);
}

/* Stops of all nodes, answered together. */
struct stop_all {
	struct nx_request *r;
	unsigned left, failed;
};

static void
stop_all_over(struct stop_all *all)
{
	Nx__NodeInfo none = NX__NODE_INFO__INIT;

	if (--all->left > 0)
		return;
	if (all->failed)
		nx_refuse(all->r, NX__STATUS__INTERNAL,
		    "%u nodes could not be stopped", all->failed);
	else
		nx_answer_node_stop(all->r, &none);
	free(all);
}

static void
one_stopped(struct op *op, void *arg)
{
	struct stop_all *all = arg;

	if (op->status != NX__STATUS__OK &&
	    op->status != NX__STATUS__CONFLICT &&
	    op->status != NX__STATUS__NOT_FOUND)
		all->failed++;
	stop_all_over(all);
}

static void
stop_all(struct nodemgr *m, struct nx_request *r, const Nx__NodeStopRequest *q)
{
	struct stop_all *all = calloc(1, sizeof(*all));
	struct node *n, *next;
	struct op *op;

	nx_assert(all);
	all->r = r;
	all->left = 1;
	for (n = m->nodes; n; n = next) {
		next = n->next;
		op = op_new(n, OP_STOP, NULL);
		nx_assert(op);
		op->keep = q->keep;
		op->timeout_ms = q->timeout_ms;
		op->done = one_stopped;
		op->arg = all;
		all->left++;
		op_submit(op);
	}
	stop_all_over(all);
}

void
serve_node_stop(
    struct nx_request *r, const Nx__NodeStopRequest *q, struct nodemgr *m)
{
	struct node *n;

	if (q->all) {
		if (r->who.admin && r->who.user_id == 0)
			stop_all(m, r, q);
		else
			nx_refuse(r, NX__STATUS__DENIED,
			    "only an admin may stop all nodes");
		return;
	}
	if (q->timeout_ms > STOP_MAX_MS) {
		nx_refuse(r, NX__STATUS__INVALID,
		    "the timeout is at most %d seconds", STOP_MAX_MS / 1000);
		return;
	}
	n = node_find(m, r, q->node);
	if (n)
		submit(r, n, OP_STOP, false, q->keep, q->timeout_ms);
}

/* --- lists -------------------------------------------------------------------- */

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

/* --- from authd ---------------------------------------------------------------- */

static void
key_told(const struct nx_reply *reply, void *arg)
{
	(void)arg;
	if (reply->status != NX__STATUS__OK)
		nx_warn("event=ticket-key-refused why=%s",
		    nx_log_safe(reply->error));
}

static void
tell_key(struct nodemgr *m)
{
	const struct nx_ticket_key *key = nx_tickets_key(m->tickets);
	const struct nx_call_opts opts = {0};
	Nx__TicketKey body = NX__TICKET_KEY__INIT;

	body.epoch = key->epoch;
	body.key.data = (uint8_t *)(uintptr_t)key->key;
	body.key.len = sizeof(key->key);
	(void)nx_call(
	    m->hub, nx_ask_auth_ticket_key(&body), &opts, key_told, NULL);
}

void
serve_auth_revoke(struct nx_request *r, const Nx__Revoke *q, struct nodemgr *m)
{
	if (q->session.len != 0 && q->session.len != NX_SESSION_LEN) {
		nx_refuse(r, NX__STATUS__INVALID, "not a session");
		return;
	}
	if (nx_tickets_revoke(m->tickets, q->user_id,
		q->session.len ? q->session.data : NULL))
		tell_key(m);
	nx_answer_auth_revoke(r);
}

/* Marks the nodes first: what a crash interrupts is finished afterwards. */
static int
mark_deleted(struct nx_db *db, void *arg)
{
	struct node *n = arg;

	n->force = true;
	n->desired = n->kept = false;
	return node_store_save(db, n);
}

static int
mark_nothing(struct nx_db *db, void *arg)
{
	(void)db;
	(void)arg;
	return 0;
}

void
serve_auth_user_deleted(
    struct nx_request *r, const Nx__UserDeleted *q, struct nodemgr *m)
{
	struct node *n, *next;
	struct op *op;
	/* first what waits to be written: its end may free nodes, and a row
	 * that is about to go must not come back */
	int error = nx_db_write_now(m->db, mark_nothing, NULL);

	for (n = m->nodes; n && error >= 0; n = n->next)
		if (q->user_id && n->owner == q->user_id)
			error = nx_db_write_now(m->db, mark_deleted, n);
	if (error < 0) {
		nx_refuse_errno(r, error, "cannot write the list of nodes");
		return;
	}
	for (n = m->nodes; n; n = next) {
		next = n->next;
		if (!q->user_id || n->owner != q->user_id)
			continue;
		op = op_new(n, OP_DELETE, NULL);
		nx_assert(op);
		op->force = op->final = true;
		op_submit(op);
	}
	nx_answer_auth_user_deleted(r);
}

/* --- peers --------------------------------------------------------------------- */

void
nodemgr_on_peer(struct nx_peer *peer, bool up, void *ctx)
{
	struct nodemgr *m = ctx;

	if (!up) {
		exec_peer_gone(m, peer);
		call_peer_gone(m, peer);
		return;
	}
	if (peer->role == NX_ROLE_AUTH)
		tell_key(m);
	else if (peer->role == NX_ROLE_STORAGE)
		recover_storage(m);
	else if (peer->role == NX_ROLE_NET)
		recover_net(m);
}
