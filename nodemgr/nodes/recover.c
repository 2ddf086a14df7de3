/*
 * After a restart, of nodemgr or of others: the kernel's state becomes what the
 * database says. Plans that were under way go on (op.h); nodes that run are
 * found again; what shall run is started.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "nodemgr/nodes/op.h"
#include "nodemgr/nodes/recover.h"
#include "proto/volume.rpc.h"

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

/* Ended while nodemgr was away. Init says how, unless the platform or the host
 * took it down with everything else: then it starts again. */
static bool
lost_by_platform(const struct node *n)
{
	struct nx_cgroup_stat stat = {0};
	char word[16];
	int value;

	if (!n->desired)
		return false;
	if (strcmp(n->boot_id, n->m->boot_id) != 0)
		return true;
	if (n->warden.cgroup >= 0)
		(void)nx_cgroup_read(n->warden.cgroup, &stat);
	return !node_status_read(n, word, &value) && !stat.oom_kills;
}

/* Rows of before there were plans in them, and those marked for deletion that
 * was not begun (a deleted user's). */
static void
guess_plan(struct node *n)
{
	if (n->plan[0])
		return;
	if (n->state == NODE_CREATING)
		snprintf(n->plan, sizeof(n->plan), "create");
	else if (n->state == NODE_DELETING || n->force)
		snprintf(n->plan, sizeof(n->plan), "delete");
}

static void
recover(struct node *n)
{
	bool lives = n->state == NODE_RUNNING && node_adopt(n);

	guess_plan(n);
	if (n->plan[0])
		op_resume(n);
	else if (n->state == NODE_RUNNING && !lives)
		op_begin(n, OP_END, lost_by_platform(n), false);
}

void
recover_all(struct nodemgr *m)
{
	struct node *n, *next;

	remove_strays(m);
	for (n = m->nodes; n; n = next) {
		next = n->next;
		recover(n);
	}
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
			op_begin(n, OP_START, false, false);
	}
}

static void
told(const struct nx_reply *reply, void *arg)
{
	(void)arg;
	if (reply->status != NX__STATUS__OK)
		nx_warn("event=set-active-failed why=%s",
		    nx_log_safe(reply->error));
}

static void
tell_active(struct node *n)
{
	Nx__VolumeSetActiveRequest request =
	    NX__VOLUME_SET_ACTIVE_REQUEST__INIT;
	const struct nx_call_opts opts = {0};

	request.node = n->id;
	request.active = n->state == NODE_RUNNING;
	(void)nx_call(
	    n->m->hub, nx_ask_volume_set_active(&request), &opts, told, NULL);
}

void
recover_storage(struct nodemgr *m)
{
	struct node *n;

	op_kick(m);
	/* one that is just being started or stopped says so itself, later */
	for (n = m->nodes; n; n = n->next)
		if (n->state == NODE_RUNNING || n->state == NODE_STOPPED)
			tell_active(n);
	autostart(m);
}

void
recover_net(struct nodemgr *m)
{
	struct node *n, *next;

	for (n = m->nodes; n; n = next) {
		next = n->next;
		if (n->state == NODE_RUNNING && !n->op)
			op_begin(n, OP_RELINK, false, false);
	}
	autostart(m);
}
