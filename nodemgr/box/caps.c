/* Dropping capabilities, and becoming somebody without losing them first. */
#include <errno.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nodemgr/box/caps.h"

static int
set_caps(uint64_t mask)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
	    {.effective = (uint32_t)mask, .permitted = (uint32_t)mask},
	    {.effective = (uint32_t)(mask >> 32),
		.permitted = (uint32_t)(mask >> 32)},
	};

	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

static uint64_t
get_permitted(void)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &head, data) < 0)
		return 0;
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

int
nx_caps_keep(uint64_t keep)
{
	unsigned cap;

	for (cap = 0; cap < 64; cap++) {
		if (keep & (1ULL << cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			if (errno == EINVAL)
				break; /* beyond the kernel's last one */
			return -errno;
		}
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	return set_caps(keep);
}

int
nx_ids_become(uint32_t uid, uint32_t gid)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return -errno;
	if (setresgid(gid, gid, gid) < 0 || setgroups(0, NULL) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return -errno;
	/* leaving uid 0 or not, the effective set may be empty now */
	return set_caps(get_permitted());
}
