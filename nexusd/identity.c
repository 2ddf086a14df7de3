/* Who is at the other end: the uid the kernel recorded at connect(2). */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/err.h"
#include "common/fd.h"
#include "nexusd/switchboard.h"

#define ADMIN_GROUP  "nexus-admin"
#define GROUPS_LIMIT 1024

int
switchboard_init(
    struct switchboard *b, struct event_base *base, const char **ret_user)
{
	const struct group *gr = getgrnam(ADMIN_GROUP);
	int role;

	memset(b, 0, sizeof(*b));
	b->base = base;
	TAILQ_INIT(&b->clients);
	b->admin_group = gr ? gr->gr_gid : (gid_t)-1;
	for (role = 0; role < NX_ROLE_MAX; role++) {
		const char *user = nx_role_user((enum nx_role)role);
		const struct passwd *pw = user ? getpwnam(user) : NULL;

		b->uids[role] = pw ? pw->pw_uid : (uid_t)-1;
		if (user && !pw) {
			*ret_user = user;
			return -ENOENT;
		}
	}
	return 0;
}

static bool
in_admin_group(const struct switchboard *b, int fd, gid_t gid)
{
	nx_cleanup_free gid_t *groups = calloc(GROUPS_LIMIT, sizeof(*groups));
	socklen_t len = GROUPS_LIMIT * sizeof(*groups);
	size_t i;

	if (b->admin_group == (gid_t)-1)
		return false;
	if (gid == b->admin_group)
		return true;
	if (!groups ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (i = 0; i < len / sizeof(*groups); i++)
		if (groups[i] == b->admin_group)
			return true;
	return false;
}

enum nx_role
switchboard_identify(
    const struct switchboard *b, int fd, pid_t *ret_pid, uid_t *ret_uid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int role;

	/* An id of nobody's must not be anybody's. */
	nx_assert(b->uids[NX_ROLE_NONE] == (uid_t)-1);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return NX_ROLE_NONE;
	*ret_pid = cred.pid;
	*ret_uid = cred.uid;
	for (role = NX_ROLE_GATEWAY; role < NX_ROLE_MAX; role++)
		if (b->uids[role] != (uid_t)-1 && b->uids[role] == cred.uid)
			return (enum nx_role)role;
	if (cred.uid == 0 || in_admin_group(b, fd, cred.gid))
		return NX_ROLE_ADMIN;
	return NX_ROLE_NONE;
}
