/*
 * After a restart, of nodemgr or of others: the kernel's state becomes what the
 * database says; see op.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "nodemgr/box/enter.h"
#include "nodemgr/nodes/op.h"
#include "proto/net.pb-c.h"
#include "proto/storage.pb-c.h"

/* Kills and removes what a crash left; before anything else runs, so it may
 * wait. */
static void
remove_cgroup(int parent, const char *name)
{
	int tries;

	for (tries = 0; tries < 400; tries++) {
		nx_cleanup_fd int fd = nx_cgroup_open(parent, name);

		if (fd < 0)
			return;
		(void)nx_cgroup_kill(fd);
		if (nx_cgroup_remove(parent, name) == 0)
			return;
		usleep(5000);
	}
	nx_err("event=cgroup-not-empty cgroup=%s", nx_log_safe(name));
}

static bool
known(const struct nodemgr *m, const char *name)
{
	const struct node *n;

	for (n = m->nodes; n; n = n->next)
		if (n->state == NODE_RUNNING && !strcmp(n->id, name))
			return true;
	return false;
}

static void
remove_strays(struct nodemgr *m, int parent, bool nodes)
{
	int copy = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!dir) {
		nx_close(&copy);
		return;
	}
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
		    !(nodes && known(m, entry->d_name)))
			remove_cgroup(parent, entry->d_name);
	closedir(dir);
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

	remove_strays(m, m->cgroups.nodes, true);
	remove_strays(m, m->cgroups.functions, false);
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
	(void)nx_call(n->m->hub, NX_ROLE_STORAGE, NX__METHOD__VOLUME_SET_ACTIVE,
	    &request.base, &opts, ignore, what);
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

/* A netd that is new repairs the link if it is not what it should be. */
static void
link_again(struct node *n)
{
	static char what[] = "net-attach";
	nx_cleanup_fd int fd = nx_enter_netlink(n->pidfd);
	Nx__NetAttachRequest request = NX__NET_ATTACH_REQUEST__INIT;
	const struct nx_call_opts opts = {.fds = &fd, .n_fds = 1};

	if (fd < 0) {
		nx_warn("event=no-netlink node=%s errno=%d", n->id, -fd);
		return;
	}
	request.node = n->id;
	request.name = n->name;
	request.address = n->address;
	request.prefix = n->m->prefix;
	request.owner = n->owner;
	(void)nx_call(n->m->hub, NX_ROLE_NET, NX__METHOD__NET_ATTACH,
	    &request.base, &opts, ignore, what);
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
