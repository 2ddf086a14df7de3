/*
 * Landlock: only the paths a daemon names stay reachable. The kernel's ABI is
 * probed; what it does not know yet is left out, and the level is logged.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/sandbox_internal.h"

/* Newer than Debian 12's headers. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE                                                              \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |   \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | \
	    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define OF_FILES                                                        \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define EVERYTHING                                                        \
	(READ | WRITE | LANDLOCK_ACCESS_FS_EXECUTE |                      \
	    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK | \
	    LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK)

int
nx_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

static uint64_t
handled_by(int abi)
{
	uint64_t handled = EVERYTHING;

	if (abi >= 2)
		handled |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		handled |= LANDLOCK_ACCESS_FS_TRUNCATE;
	return handled;
}

static int
allow(int ruleset, const struct nx_path_rule *rule, uint64_t handled)
{
	struct landlock_path_beneath_attr attr = {.allowed_access = READ};
	nx_cleanup_fd int fd = open(rule->path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (rule->write)
		attr.allowed_access |= WRITE | LANDLOCK_ACCESS_FS_REFER |
		    LANDLOCK_ACCESS_FS_TRUNCATE;
	if (rule->execute)
		attr.allowed_access |= LANDLOCK_ACCESS_FS_EXECUTE;
	if (!S_ISDIR(st.st_mode))
		attr.allowed_access &= OF_FILES;
	attr.allowed_access &= handled;
	attr.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
		&attr, 0) < 0)
		return -errno;
	return 0;
}

int
nx_landlock_restrict(const struct nx_sandbox *s)
{
	struct landlock_ruleset_attr attr = {0};
	int abi = nx_landlock_abi();
	nx_cleanup_fd int ruleset = -1;
	size_t i;

	if (abi == 0) {
		nx_info("event=no-landlock");
		return 0;
	}
	attr.handled_access_fs = handled_by(abi);
	ruleset =
	    (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return -errno;
	for (i = 0; i < s->n_paths; i++) {
		int r = allow(ruleset, &s->paths[i], attr.handled_access_fs);

		if (r < 0)
			return r;
	}
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return -errno;
	nx_debug("event=landlock abi=%d", abi);
	return 0;
}
