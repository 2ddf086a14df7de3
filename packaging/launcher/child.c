/*
 * What happens between fork and exec of a daemon: everything root has to do
 * for it, and then becoming it.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/err.h"
#include "common/fd.h"
#include "packaging/launcher/cgroup.h"
#include "packaging/launcher/child.h"
#include "packaging/launcher/config.h"

#define FIRST_FD 3 /* of those passed (SD_LISTEN_FDS_START) */
/* Above everything that is passed: a parking place while they are sorted. */
#define HIGH_FD 300

void
up_ids_find(
    const struct up *up, const struct up_program *p, struct up_ids *ret_ids)
{
	const char *user = nx_role_user(p->role);
	const struct passwd *pw = getpwnam(user);
	const struct group *gr;
	char path[PATH_MAX + 32];

	if (!pw)
		up_die("there is no system user %s; packaging/up.sh makes "
		       "them, start it by \"make up\".",
		    user);
	*ret_ids = (struct up_ids){
	    .uid = pw->pw_uid, .gid = pw->pw_gid, .group = (gid_t)-1};
	if (p->group && (gr = getgrnam(p->group)))
		ret_ids->group = gr->gr_gid;

	snprintf(path, sizeof(path), "%s/%s", up->opt.bin, p->name);
	if (access(path, X_OK) < 0)
		up_die("cannot find %s: %s; \"make\" builds it.", path,
		    strerror(errno));
}

/* In the child: says what went wrong on the daemon's own log and ends. */
static _Noreturn void
child_die(const char *what)
{
	dprintf(2, "<3>nexus-up: cannot %s: %s\n", what, strerror(errno));
	_exit(127);
}

static void
pass_fds(const struct up_pass *pass, int output)
{
	int parked[HIGH_FD];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 ||
	    dup2(output, 2) < 0)
		child_die("set up stdio");
	/* First out of the way of each other, then into place. */
	for (size_t i = 0; i < pass->n; i++) {
		parked[i] = fcntl(pass->fds[i], F_DUPFD_CLOEXEC, HIGH_FD);
		if (parked[i] < 0)
			child_die("pass descriptors");
	}
	for (size_t i = 0; i < pass->n; i++)
		if (dup2(parked[i], FIRST_FD + (int)i) < 0)
			child_die("pass descriptors");
	if (nx_fd_cloexec_from(FIRST_FD + (int)pass->n) < 0)
		child_die("close descriptors");
}

static void
environment(const struct up_program *p, const struct up_pass *pass)
{
	static const char *const keep[] = {
	    "TZ", "ASAN_OPTIONS", "UBSAN_OPTIONS"};
	const char *kept[NX_ARRAY_SIZE(keep)];
	char buf[64];

	for (size_t i = 0; i < NX_ARRAY_SIZE(keep); i++)
		kept[i] = getenv(keep[i]);
	clearenv();
	for (size_t i = 0; i < NX_ARRAY_SIZE(keep); i++)
		if (kept[i])
			setenv(keep[i], kept[i], 1);
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("LANG", "C.UTF-8", 1);
	snprintf(buf, sizeof(buf), UP_ROOT "/notify/%s", p->name);
	setenv("NOTIFY_SOCKET", buf, 1);
	snprintf(buf, sizeof(buf), "%llu", UP_WATCHDOG_MS * 1000ULL);
	setenv("WATCHDOG_USEC", buf, 1);
	if (pass->n == 0)
		return;
	snprintf(buf, sizeof(buf), "%d", (int)getpid());
	setenv("LISTEN_PID", buf, 1);
	snprintf(buf, sizeof(buf), "%zu", pass->n);
	setenv("LISTEN_FDS", buf, 1);
	setenv("LISTEN_FDNAMES", pass->names, 1);
}

static int
set_caps(uint64_t caps)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	for (size_t i = 0; i < NX_ARRAY_SIZE(data); i++) {
		uint32_t word = (uint32_t)(caps >> (32 * i));

		data[i] = (struct __user_cap_data_struct){
		    .effective = word, .permitted = word, .inheritable = word};
	}
	return (int)syscall(SYS_capset, &head, data);
}

/*
 * From root to @ids with @caps and nothing else, ambient so that they outlive
 * exec. The order is the kernel's: the bounding set and the groups need root,
 * the parent-death signal is forgotten when the uid changes.
 */
static void
become(const struct up_ids *ids, uint64_t caps)
{
	int r;

	for (unsigned cap = 0; cap < 64; cap++) {
		if (caps >> cap & 1)
			continue;
		r = prctl(PR_CAPBSET_DROP, (unsigned long)cap, 0, 0, 0);
		if (r < 0 && errno != EINVAL) /* EINVAL: not in this kernel */
			child_die("drop capabilities");
	}
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
	    setgroups(ids->group != (gid_t)-1, &ids->group) < 0 ||
	    setresgid(ids->gid, ids->gid, ids->gid) < 0 ||
	    setresuid(ids->uid, ids->uid, ids->uid) < 0)
		child_die("change to the program's user");
	if (set_caps(caps) < 0)
		child_die("get the program's capabilities");
	for (unsigned cap = 0; cap < 64; cap++)
		if ((caps >> cap & 1) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE,
			(unsigned long)cap, 0, 0) < 0)
			child_die("keep the program's capabilities");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		child_die("tie its life to nexus-up's");
}

static void
signals_default(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void
child(const struct up *up, const struct up_program *p, const struct up_ids *ids,
    const struct up_pass *pass, int output, pid_t parent)
{
	static char conf_opt[] = "-c", conf[] = UP_ROOT "/etc/nexus.conf";
	struct rlimit no_core = {0, 0};
	char path[64], name[32];
	char *argv[] = {name, conf_opt, conf, NULL};

	snprintf(name, sizeof(name), "%s", p->name);
	snprintf(path, sizeof(path), UP_ROOT "/bin/%s", p->name);
	signals_default();
	pass_fds(pass, output);
	(void)setsid(); /* Ctrl-C is for nexus-up */
	umask(077);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	errno = -up_cgroup_enter(up, p->delegated);
	if (errno)
		child_die("enter its cgroup");
	if (!p->host_net && !(p->mail_net && up_config_mail_sends()) &&
	    unshare(CLONE_NEWNET) < 0)
		child_die("make a network namespace");
	environment(p, pass);
	become(ids, up_program_caps(p));
	/* Died between fork and here? The signal would not come any more. */
	if (getppid() != parent)
		_exit(127);
	execv(path, argv);
	child_die("execute the program");
}

pid_t
up_child_start(const struct up *up, const struct up_program *p,
    const struct up_ids *ids, const struct up_pass *pass, int output)
{
	pid_t parent = getpid(), pid;

	if (pass->n > HIGH_FD - FIRST_FD)
		return -E2BIG;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		child(up, p, ids, pass, output, parent);
	return pid;
}
