/*
 * Dropping, and the proof of it. The order is that of reference designs
 * (minijail, OpenSSH, systemd): what needs a capability first, then the
 * capabilities, then what takes away the way back.
 */
#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/sandbox_internal.h"

#define CAP_BIT(c) (1ULL << (c))

#ifndef CAP_CHECKPOINT_RESTORE
#define CAP_CHECKPOINT_RESTORE 40
#endif
#define LAST_CAP 63

/* Everything that could ever raise a capability again, locked. */
#define SECUREBITS                                                       \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | \
	    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |    \
	    SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

static void
limit(int resource, rlim_t value, const char *what)
{
	struct rlimit rl;

	if (getrlimit((__rlimit_resource_t)resource, &rl) < 0)
		nx_fatal(-errno, "getrlimit %s", what);
	if (rl.rlim_max != RLIM_INFINITY && rl.rlim_max < value)
		value = rl.rlim_max; /* raising needs CAP_SYS_RESOURCE */
	rl.rlim_cur = rl.rlim_max = value;
	if (setrlimit((__rlimit_resource_t)resource, &rl) < 0)
		nx_fatal(-errno, "setrlimit %s", what);
}

static void
enter_root(const char *root)
{
	struct stat st;

	if (stat(root, &st) < 0)
		nx_fatal(-errno, "empty root directory %s", root);
	if (chroot(root) < 0 || chdir("/") < 0)
		nx_fatal(-errno, "chroot %s", root);
}

static void
empty_bounding_set(void)
{
	int cap;

	for (cap = 0; cap <= LAST_CAP; cap++) {
		int present = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (present < 0)
			break; /* beyond the kernel's last */
		if (present && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			nx_fatal(-errno,
			    "cannot drop capability %d from the bounding "
			    "set (is CAP_SETPCAP missing?)",
			    cap);
	}
}

/* Permitted = effective = @caps, inheritable = ambient = none. */
static void
set_caps(uint64_t caps)
{
	int cap;

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		nx_fatal(-errno, "clear ambient capabilities");
	capng_clear(CAPNG_SELECT_CAPS);
	for (cap = 0; cap <= LAST_CAP; cap++)
		if (caps & CAP_BIT(cap))
			(void)capng_update(CAPNG_ADD,
			    CAPNG_EFFECTIVE | CAPNG_PERMITTED, (unsigned)cap);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0)
		nx_fatal(-errno, "set capabilities");
}

static void
prove_caps(uint64_t caps)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2], more[2];
	uint64_t permitted, effective, inheritable;
	int cap;

	if (syscall(SYS_capget, &head, data) < 0)
		nx_fatal(-errno, "capget");
	permitted = (uint64_t)data[1].permitted << 32 | data[0].permitted;
	effective = (uint64_t)data[1].effective << 32 | data[0].effective;
	inheritable = (uint64_t)data[1].inheritable << 32 | data[0].inheritable;
	if (permitted != caps || effective != caps || inheritable != 0)
		nx_fatal(0, "capabilities are not what they must be");
	for (cap = 0; cap <= LAST_CAP; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			nx_fatal(0, "bounding set still has %d", cap);
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) ==
		    1)
			nx_fatal(0, "ambient set still has %d", cap);
	}
	/* The way back must be closed: asking for one more has to fail. */
	for (cap = 0; cap < 40; cap++) {
		if (caps & CAP_BIT(cap))
			continue;
		more[0] = data[0];
		more[1] = data[1];
		more[cap / 32].permitted |= 1U << (cap % 32);
		more[cap / 32].effective |= 1U << (cap % 32);
		if (syscall(SYS_capset, &head, more) == 0)
			nx_fatal(0, "capability %d could be regained", cap);
	}
}

static void
prove_ids(const struct nx_sandbox *s)
{
	uid_t r, e, u;
	gid_t rg, eg, sg;

	if (getresuid(&r, &e, &u) < 0 || getresgid(&rg, &eg, &sg) < 0)
		nx_fatal(-errno, "getresuid");
	if (r == 0 || e == 0 || u == 0 || rg == 0 || eg == 0 || sg == 0)
		nx_fatal(0,
		    "%s must not run as root; systemd or nexus-up start it "
		    "under its own user",
		    s->name);
	/* Whoever keeps SETUID can become root of the host by design; all
	 * others must not. */
	if (!(s->caps & CAP_BIT(CAP_SETUID)) && setresuid(0, 0, 0) == 0)
		nx_fatal(0, "uid 0 could be regained");
	if (!(s->caps & CAP_BIT(CAP_SETGID)) && setresgid(0, 0, 0) == 0)
		nx_fatal(0, "gid 0 could be regained");
}

void
nx_sandbox_drop(const struct nx_sandbox *s)
{
	(void)umask(077);
	limit(RLIMIT_NOFILE, s->nofile ? s->nofile : 1024, "NOFILE");
	limit(RLIMIT_CORE, 0, "CORE");
	if (s->root)
		enter_root(s->root);
	empty_bounding_set();
	if (prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0) < 0)
		nx_fatal(-errno, "lock securebits");
	set_caps(s->caps);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		nx_fatal(-errno, "no_new_privs");
	if (prctl(PR_SET_DUMPABLE, s->keep_dumpable ? 1 : 0, 0, 0, 0) < 0)
		nx_fatal(-errno, "dumpable");
	prove_ids(s);
	prove_caps(s->caps);
	nx_assert(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

void
nx_sandbox_paths(const struct nx_sandbox *s)
{
	int r = s->no_landlock ? 0 : nx_landlock_restrict(s);

	if (r < 0)
		nx_fatal(r, "Landlock");
}

void
nx_sandbox_filter(const struct nx_sandbox *s)
{
	int r;

	nx_sandbox_paths(s);
	r = nx_seccomp_load(s);
	if (r < 0)
		nx_fatal(r, "seccomp");
}

int
nx_caps_clear(void)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_capset, &head, none) < 0 ? -errno : 0;
}
