/*
 * Each daemon's sandbox, entered for real in a child, and then a call that is
 * on no list of that daemon: the kernel has to end it with SIGSYS. Where others'
 * programs inherit the filter the call has to fail instead.
 *
 * Needs root, to stand where the supervisor stands before the drop.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "authd/maild/sandbox.h"
#include "authd/sandbox.h"
#include "common/err.h"
#include "common/log.h"
#include "common/workers.h"
#include "gatewayd/sandbox.h"
#include "netd/sandbox.h"
#include "nexusd/sandbox.h"
#include "nodemgr/sandbox.h"
#include "storaged/sandbox.h"

#define SOMEBODY 65534 /* not root, and nobody's daemon */
#define REFUSED  77

static const struct nx_sandbox *const sandboxes[] = {&nexusd_sandbox,
    &nodemgr_sandbox, &storaged_sandbox, &netd_sandbox, &authd_sandbox,
    &maild_sandbox, &maild_sandbox_smtp, &gatewayd_sandbox};

/* What none of them has any business with. Arguments are such that the call
 * would do nothing if it were let through. What a node's own programs may do
 * (a debugger, a server) nodemgr's filter has to let through: they inherit it. */
static const struct {
	const char *name;
	long number, a, b, c;
	bool in_nodes;
} forbidden[] = {
    {"ptrace", SYS_ptrace, 0x4206, 0, 0, true},
    {"bpf", SYS_bpf, -1, 0, 0, false},
    {"init_module", SYS_init_module, 0, 0, 0, false},
    {"kexec_load", SYS_kexec_load, 0, -1, 0, false},
    {"keyctl", SYS_keyctl, -1, 0, 0, false},
    {"io_uring_setup", SYS_io_uring_setup, 0, 0, 0, false},
    {"userfaultfd", SYS_userfaultfd, -1, 0, 0, false},
    {"perf_event_open", SYS_perf_event_open, 0, 0, 0, false},
    {"process_vm_readv", SYS_process_vm_readv, 0, 0, 0, true},
    {"reboot", SYS_reboot, 0, 0, 0, false},
    {"swapon", SYS_swapon, 0, 0, 0, false},
    {"clock_settime", SYS_clock_settime, -1, 0, 0, false},
    {"socket AF_INET", SYS_socket, AF_INET, SOCK_STREAM, 0, true},
    {"socket AF_PACKET", SYS_socket, AF_PACKET, SOCK_RAW, 0, true},
};

static char empty[] = "/tmp/nexus-empty.XXXXXX";

/* As the supervisor leaves a daemon: an ordinary uid, with what the sandbox
 * says it starts with. */
static void
become(const struct nx_sandbox *s)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	uint64_t caps = s->caps | s->start_caps | 1ULL << CAP_SETPCAP;
	int i;

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(SOMEBODY, SOMEBODY, SOMEBODY) < 0 ||
	    setresuid(SOMEBODY, SOMEBODY, SOMEBODY) < 0)
		nx_fatal(-errno, "become");
	for (i = 0; i < 64; i++) {
		if (!(caps & (1ULL << i)))
			continue;
		data[i / 32].permitted |= 1U << (i % 32);
		data[i / 32].effective |= 1U << (i % 32);
	}
	if (syscall(SYS_capset, &head, data) < 0)
		nx_fatal(-errno, "capset");
}

/* In a child: the whole way into the sandbox, then the call. Exit 0: it was
 * let through; REFUSED: the filter said no; else something else did. */
static void
child(const struct nx_sandbox *s, long number, long a, long b, long c)
{
	struct nx_sandbox copy = *s;

	if (copy.root)
		copy.root = empty;
	become(&copy);
	nx_sandbox_drop(&copy);
	nx_sandbox_filter(&copy);
	if (number < 0 || syscall(number, a, b, c, 0, 0) >= 0)
		_exit(0);
	_exit(errno == ENOSYS || errno == EPERM ? REFUSED : 1);
}

static int
status_of(const struct nx_sandbox *s, long number, long a, long b, long c)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		child(s, number, a, b, c);
	assert_int_equal(pid, waitpid(pid, &status, 0));
	return status;
}

static void
need_root(void)
{
	if (geteuid() != 0) {
		print_message("# needs root to enter the sandboxes\n");
		skip();
	}
}

/* The test of the test: without the call, each comes through alive. */
static void
every_sandbox_can_be_entered(void **state)
{
	size_t i;
	int status;

	(void)state;
	need_root();
	for (i = 0; i < NX_ARRAY_SIZE(sandboxes); i++) {
		status = status_of(sandboxes[i], -1, 0, 0, 0);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			fail_msg("%s: status %#x", sandboxes[i]->name, status);
	}
}

static void
a_forbidden_call_is_the_last(void **state)
{
	size_t i, k;
	int status;
	bool held;

	(void)state;
	need_root();
	for (i = 0; i < NX_ARRAY_SIZE(sandboxes); i++)
		for (k = 0; k < NX_ARRAY_SIZE(forbidden); k++) {
			if ((forbidden[k].in_nodes &&
				sandboxes[i]->unknown_enosys) ||
			    (forbidden[k].a == AF_INET &&
				(sandboxes[i]->sys_sets & NX_SYS_INET)))
				continue;
			status = status_of(sandboxes[i], forbidden[k].number,
			    forbidden[k].a, forbidden[k].b, forbidden[k].c);
			held =
			    WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
			held |= sandboxes[i]->unknown_enosys &&
			    WIFEXITED(status) && WEXITSTATUS(status) == REFUSED;
			if (!held)
				fail_msg("%s: %s: status %#x",
				    sandboxes[i]->name, forbidden[k].name,
				    status);
		}
}

/* Whoever starts no programs cannot; whoever opens no files cannot. */
static void
what_is_not_asked_for_is_not_there(void **state)
{
	static const struct {
		enum nx_sys_set set;
		const char *what;
		long number, a;
	} calls[] = {
	    {NX_SYS_SPAWN, "execve", SYS_execve, 0},
	    {NX_SYS_FILES, "rename", SYS_rename, 0},
	    {NX_SYS_LISTEN, "accept4", SYS_accept4, -1},
	    {NX_SYS_SEND, "sendfile", SYS_sendfile, -1},
	};
	size_t i, k, r;
	int status;

	(void)state;
	need_root();
	for (i = 0; i < NX_ARRAY_SIZE(sandboxes); i++)
		for (k = 0; k < NX_ARRAY_SIZE(calls); k++) {
			const struct nx_sandbox *s = sandboxes[i];
			bool allowed = (s->sys_sets & calls[k].set) != 0;

			for (r = 0; r < s->n_sys; r++)
				allowed |=
				    strcmp(s->sys[r].name, calls[k].what) == 0;
			if (allowed || s->unknown_enosys)
				continue;
			status =
			    status_of(s, calls[k].number, calls[k].a, 0, 0);
			if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
				fail_msg("%s: %s: status %#x", s->name,
				    calls[k].what, status);
		}
}

static void
open_a_file(void *arg)
{
	*(int *)arg = open("/etc/passwd", O_RDONLY) < 0 ? errno : 0;
}

/* The job is over for the loop; the thread may still be leaving it, of which the
 * loop does not hear. */
static bool heard;

static void
hear(void *arg)
{
	(void)arg;
	heard = true;
}

/* Landlock reaches the thread that asks for it; the workers are there before
 * the filter. */
static void
threads_have_no_more_paths(void **state)
{
	static const struct nx_sandbox plain = {
	    .name = "plain", .sys_sets = NX_SYS_BASE | NX_SYS_FILES};
	struct event_base *base;
	struct nx_workers *w;
	int status, result = -1;
	pid_t pid;

	(void)state;
	if (nx_landlock_abi() == 0)
		skip();
	pid = fork();
	if (pid == 0) {
		base = event_base_new();
		become(&plain);
		nx_sandbox_drop(&plain);
		nx_sandbox_paths(&plain);
		if (nx_workers_new(base, 1, 0, &w) < 0)
			_exit(1);
		nx_sandbox_filter(&plain);
		if (nx_workers_submit(w, open_a_file, hear, &result) < 0)
			_exit(1);
		while (!heard)
			event_base_loop(base, EVLOOP_ONCE);
		_exit(result == EACCES ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Of the daemons that face users, none keeps any capability. */
static void
capabilities_are_the_designed_ones(void **state)
{
	(void)state;
	assert_int_equal(0, gatewayd_sandbox.caps);
	assert_int_equal(0, nexusd_sandbox.caps);
	assert_int_equal(0, authd_sandbox.caps);
	assert_int_equal(0, maild_sandbox.caps);
	assert_int_equal(0, maild_sandbox_smtp.caps);
	assert_int_equal(1ULL << CAP_SYS_ADMIN, storaged_sandbox.caps);
	assert_int_equal(1ULL << CAP_NET_ADMIN, netd_sandbox.caps);
	assert_int_equal(
	    1ULL << CAP_SYS_ADMIN | 1ULL << CAP_SETUID | 1ULL << CAP_SETGID,
	    nodemgr_sandbox.caps);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(capabilities_are_the_designed_ones),
	    cmocka_unit_test(every_sandbox_can_be_entered),
	    cmocka_unit_test(a_forbidden_call_is_the_last),
	    cmocka_unit_test(what_is_not_asked_for_is_not_there),
	    cmocka_unit_test(threads_have_no_more_paths),
	};
	int failed;

	nx_log_open("test", false);
	assert_non_null(mkdtemp(empty));
	assert_int_equal(0, chmod(empty, 0755));
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(empty);
	return failed;
}
