/*
 * The rest of nodemgr tells the nodes what concerns them: a start, an end, a
 * neighbour that comes, a user who is no more.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "common/err.h"
#include "nodemgr/nodes/exec.h"
#include "nodemgr/nodes/metrics.h"
#include "nodemgr/nodes/nodes.h"
#include "nodemgr/nodes/op.h"
#include "nodemgr/nodes/recover.h"
#include "nodemgr/nodes/store.h"

void
nodes_open(struct nodemgr *m)
{
	char path[PATH_MAX];

	if (nx_subnet_parse(m->conf.common.subnet, &m->subnet) < 0)
		nx_fatal(0, "[nexus] subnet = %s is not " NX_SUBNET_FORM,
		    m->conf.common.subnet);
	snprintf(
	    path, sizeof(path), "%s/nodes/nodes.db", m->conf.common.state_dir);
	if (node_store_open(m, path) < 0)
		nx_fatal(0, "cannot open %s", path);
	if (node_store_load(m) < 0)
		nx_fatal(0, "cannot read %s", path);
	if (metrics_start(m) < 0)
		nx_fatal(-ENOMEM, "start");
}

void
nodes_close(struct nodemgr *m)
{
	exec_close(m);
	m->db = nx_db_close(m->db);
	while (m->nodes) {
		op_abandon(m->nodes);
		node_free(m->nodes);
	}
	if (m->sampler)
		event_free(m->sampler);
	m->sampler = NULL;
}

void
nodes_recover(struct nodemgr *m)
{
	recover_all(m);
}

void
nodes_peer_came(struct nodemgr *m, const struct nx_peer *peer)
{
	if (peer->role == NX_ROLE_STORAGE)
		recover_storage(m);
	else if (peer->role == NX_ROLE_NET)
		recover_net(m);
}

void
nodes_peer_gone(struct nodemgr *m, const struct nx_peer *peer)
{
	exec_peer_gone(m, peer);
}

/* --- deleted users ------------------------------------------------------------ */

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

int
nodes_delete_of(struct nodemgr *m, uint64_t user)
{
	struct node *n, *next;
	struct op *op;
	/* first what waits to be written: its end may free nodes, and a row
	 * that is about to go must not come back */
	int error = nx_db_write_now(m->db, mark_nothing, NULL);

	for (n = m->nodes; n && error >= 0; n = n->next)
		if (n->owner == user)
			error = nx_db_write_now(m->db, mark_deleted, n);
	if (error < 0)
		return error;
	for (n = m->nodes; n; n = next) {
		next = n->next;
		if (n->owner != user)
			continue;
		op = op_new(n, OP_DELETE, NULL);
		nx_assert(op);
		op->force = op->final = true;
		op_submit(op);
	}
	return 0;
}
