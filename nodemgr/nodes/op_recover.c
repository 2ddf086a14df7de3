/*
 * After a restart, of nodemgr or of others: the kernel's state becomes what the
 * database says; see op.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "nodemgr/box/enter.h"
#include "nodemgr/nodes/op.h"
#include "proto/net.rpc.h"
#include "proto/storage.rpc.h"

#define STRAYS_MS 2000 /* for everything that a crash left */

static bool
known(const struct nodemgr *m, const char *name)
{
	const struct node *n;

	for (n = m->nodes; n; n = n->next)
		if (n->state == NODE_RUNNING && !strcmp(n->id, name))
			return true;
	return false;
}

/* Kills what is in the groups of @parent that belong to nobody, and removes
 * those that are empty; how many are not. */
static int
sweep(struct nodemgr *m, int parent)
{
	int copy = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	int left = 0;

	if (!dir) {
		nx_close(&copy);
		return 0;
	}
	while ((entry = readdir(dir))) {
		nx_cleanup_fd int group = -1;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
		    (parent == m->cgroups.nodes && known(m, entry->d_name)))
			continue;
		group = nx_cgroup_open(parent, entry->d_name);
		if (group >= 0)
			(void)nx_cgroup_kill(group);
		left += nx_cgroup_remove(parent, entry->d_name) < 0;
	}
	closedir(dir);
	return left;
}

/* What a crash left. The loop does not turn yet, so it may wait, though not for
 * long, however much there is. */
static void
remove_strays(struct nodemgr *m)
{
	int tries, left = 1;

	for (tries = 0; left > 0 && tries < STRAYS_MS / 5; tries++) {
		if (tries > 0)
			(void)usleep(5000);
		left =
		    sweep(m, m->cgroups.nodes) + sweep(m, m->cgroups.functions);
	}
	if (left > 0)
		nx_err("event=cgroups-not-empty count=%d", left);
}

static void
submit(struct node *n, enum op_kind kind, bool keep, bool force)
{
	struct op *op = op_new(n, kind, NULL);

	if (!op)
		return;
	op->keep = keep;
	op->force = force;
	op_submit(op);
}

/* Ended while nodemgr was away. Init says how, unless the platform or the host
 * took it down with everything else: then it starts again. */
static void
lost(struct node *n)
{
	struct nx_cgroup_stat stat = {0};
	nx_cleanup_fd int cgroup = nx_cgroup_open(n->m->cgroups.nodes, n->id);
	char word[16];
	int value;
	bool told = node_status_read(n, word, &value);

	if (cgroup >= 0)
		(void)nx_cgroup_read(cgroup, &stat);
	n->cgroup = nx_take_fd(&cgroup);
	submit(n, OP_END,
	    n->desired &&
		(strcmp(n->boot_id, n->m->boot_id) != 0 ||
		    (!told && !stat.oom_kills)),
	    false);
}

void
op_recover(struct nodemgr *m)
{
	struct node *n, *next;

	remove_strays(m);
	for (n = m->nodes; n; n = next) {
		next = n->next;
		if (n->state == NODE_CREATING) {
			/* nobody was told of it */
			n->state = NODE_DELETING;
			n->force = true;
		} else if (n->state == NODE_RUNNING && node_adopt(n) == 0) {
			lost(n);
		}
	}
}

static void
ignore(const struct nx_reply *reply, void *arg)
{
	const char *what = arg;

	if (reply->status != NX__STATUS__OK)
		nx_warn(
		    "event=%s-failed why=%s", what, nx_log_safe(reply->error));
}

/* What shall run and was stopped by the platform alone. */
static void
autostart(struct nodemgr *m)
{
	struct node *n, *next;

	if (!nx_hub_peer(m->hub, NX_ROLE_STORAGE) ||
	    !nx_hub_peer(m->hub, NX_ROLE_NET))
		return;
	for (n = m->nodes; n; n = next) {
		next = n->next;
		if (n->state == NODE_STOPPED && n->desired && n->kept && !n->op)
			submit(n, OP_START, false, false);
	}
}

static void
tell_active(struct node *n)
{
	static char what[] = "set-active";
	Nx__VolumeSetActiveRequest request =
	    NX__VOLUME_SET_ACTIVE_REQUEST__INIT;
	const struct nx_call_opts opts = {0};

	request.node = n->id;
	request.active = n->state == NODE_RUNNING;
	(void)nx_call(
	    n->m->hub, nx_ask_volume_set_active(&request), &opts, ignore, what);
}

void
op_resync_storage(struct nodemgr *m)
{
	struct node *n, *next;

	for (n = m->nodes; n; n = next) {
		next = n->next;
		if (n->op)
			continue;
		if (n->state == NODE_DELETING)
			submit(n, OP_DELETE, false, n->force);
		else
			tell_active(n);
	}
	autostart(m);
}

void
op_retry_deletions(struct nodemgr *m)
{
	struct node *n, *next;

	if (!nx_hub_peer(m->hub, NX_ROLE_STORAGE))
		return;
	for (n = m->nodes; n; n = next) {
		next = n->next;
		if (n->state == NODE_DELETING && !n->op)
			submit(n, OP_DELETE, false, n->force);
	}
}

/* --- netd is back ----------------------------------------------------------- */

/* A child on its way to fetch a netlink socket of a node's network. */
struct relink {
	struct nodemgr *m;
	char node[NX_ID_LEN + 1];
	struct nx_boxed helper;
	struct event *gate;
};

static void
relink_free(struct relink *l)
{
	if (l->gate)
		event_free(l->gate);
	nx_boxed_destroy(&l->helper);
	free(l);
}

static void
attach(const struct node *n, int fd)
{
	static char what[] = "net-attach";
	Nx__NetAttachRequest request = NX__NET_ATTACH_REQUEST__INIT;
	const struct nx_call_opts opts = {.fds = &fd, .n_fds = 1};

	request.node = (char *)(uintptr_t)n->id;
	request.name = (char *)(uintptr_t)n->name;
	request.address = n->address;
	request.prefix = n->m->prefix;
	request.owner = n->owner;
	(void)nx_call(
	    n->m->hub, nx_ask_net_attach(&request), &opts, ignore, what);
}

/* The node may be gone by now, or about to. */
static void
on_netlink(evutil_socket_t gate, short what, void *arg)
{
	struct relink *l = arg;
	struct nx_gate_msg msg;
	nx_cleanup_fd int fd = -1;
	struct node *n;
	int r = nx_gate_recv(gate, &msg, &fd);

	(void)what;
	if (r == 0)
		return;
	for (n = l->m->nodes; n && strcmp(n->id, l->node) != 0; n = n->next)
		;
	if (r < 0 || !nx_fd_is(fd, NX_FD_RTNETLINK))
		nx_warn("event=no-netlink node=%s", l->node);
	else if (n && n->state == NODE_RUNNING && !n->op)
		attach(n, fd);
	relink_free(l);
}

/* A netd that is new repairs the link if it is not what it should be. */
static void
link_again(struct node *n)
{
	struct relink *l = calloc(1, sizeof(*l));
	int r;

	nx_assert(l);
	l->m = n->m;
	l->helper = (struct nx_boxed){-1, -1, -1};
	snprintf(l->node, sizeof(l->node), "%s", n->id);
	r = nx_enter_netlink(n->pidfd, &l->helper);
	if (r < 0) {
		nx_warn("event=no-netlink node=%s errno=%d", n->id, -r);
		relink_free(l);
		return;
	}
	l->gate = event_new(
	    n->m->base, l->helper.gate, EV_READ | EV_PERSIST, on_netlink, l);
	nx_assert(l->gate && event_add(l->gate, NULL) == 0);
}

void
op_resync_net(struct nodemgr *m)
{
	struct node *n;

	for (n = m->nodes; n; n = n->next)
		if (n->state == NODE_RUNNING && !n->op && n->pidfd >= 0)
			link_again(n);
	autostart(m);
}
