/*
 * Taking on the uid of a box's owner; see owner.h. The C library would change
 * the ids of all threads, so the calls are made here; and each of them makes the
 * process undumpable, which would hide the maps of its children from it.
 */
#include <errno.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/err.h"
#include "nodemgr/box/owner.h"

/* setfsuid(2) tells its failure by the next call only. */
static int
set_ids(uid_t effective, uid_t files)
{
	int r = 0;

	if (syscall(SYS_setresuid, -1, effective, -1) < 0)
		return -errno;
	(void)syscall(SYS_setfsuid, files);
	if ((uid_t)syscall(SYS_setfsuid, -1) != files)
		r = -EPERM;
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	return r;
}

int
nx_owner_take(uint32_t owner)
{
	int r;

	nx_assert(owner != 0 && geteuid() == getuid());
	r = set_ids(owner, getuid());
	if (r < 0 && geteuid() != getuid())
		nx_owner_return();
	return r;
}

int
nx_owner_files(uint32_t owner)
{
	nx_assert(geteuid() == owner);
	return set_ids(owner, owner);
}

void
nx_owner_return(void)
{
	/* nodemgr cannot go on as somebody else; its files are its own again
	 * with it */
	nx_assert(syscall(SYS_setresuid, -1, getuid(), -1) == 0);
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

int
nx_owner_signal(uint32_t owner, int pidfd, int sig)
{
	int r = nx_owner_take(owner);

	if (r < 0)
		return r;
	r = pidfd_send_signal(pidfd, sig, NULL, 0) < 0 ? -errno : 0;
	nx_owner_return();
	return r;
}
