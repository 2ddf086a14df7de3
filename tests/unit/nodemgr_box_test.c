/*
 * The container engine: a whole node with three capabilities, and what is left
 * when any step of it fails.
 */
#include <sys/resource.h>

#include "tests/unit/nodemgr_lab.h"

/* Runs @command in a fresh node; its exit code. */
static int
run(const char *command)
{
	struct lab_box b;
	int r, status;

	lab_node(&b, command);
	r = lab_start(&b);
	if (r < 0)
		print_error("%s: %s\n", b.fault.step, strerror(-r));
	assert_int_equal(r, 0);
	status = lab_wait(&b, 20000);
	lab_end(&b);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
test_runs(void **state)
{
	(void)state;
	assert_int_equal(run("id -u; hostname; cat /etc/hosts; exit 7"), 7);
	if (strcmp(lab_log(), "0\nlab\n127.0.0.1 localhost\n") != 0)
		print_error("log: %s\n", lab_log());
	assert_string_equal(lab_log(), "0\nlab\n127.0.0.1 localhost\n");
}

static void
test_status(void **state)
{
	struct lab_box b;
	char text[32] = "";

	(void)state;
	lab_node(&b, "kill -9 $$");
	assert_int_equal(lab_start(&b), 0);
	assert_true(lab_wait(&b, 10000) >= 0);
	assert_true(read(b.status[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "signal 9\n");
	lab_end(&b);
}

/* What a node's root may do with its own files. */
static void
test_files(void **state)
{
	(void)state;
	assert_int_equal(
	    run("set -e; cd /root; echo a > f; chown 1000:1000 f; chmod 4755 f;"
		"mkdir d; chmod 700 d; chown 33:33 d; echo x > d/x;"
		"echo more >> /etc/passwd; mv /etc/ssl /etc/ssl2;"
		"rm /etc/group; [ ! -e /etc/group ]; ln f g; mkfifo p;"
		"ln -s /etc/passwd l; cat l | grep -q more;"
		"echo data > /data/file; [ $(stat -c %u /data) = 0 ];"
		"[ $(stat -c %u:%g /) = 0:0 ]; [ $(stat -c %u /etc/shells) = 0 "
		"];"
		"[ $(stat -c %u /usr/bin/env) = 0 ]; touch /tmp/t;"
		"! touch /usr/x 2>/dev/null; echo done"),
	    0);
	/* and finds them again */
	assert_int_equal(
	    run("set -e; grep -q file /proc/self/mounts || :;"
		"[ $(cat /data/file) = data ]; [ ! -e /etc/group ];"
		"[ $(stat -c %u /root/f) = 1000 ]; [ -d /etc/ssl2 ]"),
	    0);
}

/* An image that is a directory with one static program and nothing else. */
static void
test_directory_image(void **state)
{
	struct lab_box b;
	int status;

	(void)state;
	lab_run(
	    "mkdir -p %s/images/tiny/bin && cp %s/init %s/images/tiny/bin/tool",
	    lab.dir, lab.dir, lab.dir);
	lab.image = "tiny";
	lab.volume = 1;
	lab_node(&b, NULL);
	b.argv[2] = "/bin/tool";
	assert_int_equal(lab_start(&b), 0);
	usleep(100000);
	assert_int_equal(nx_owner_signal(LAB_BASE, b.boxed.pidfd, SIGTERM), 0);
	status = lab_wait(&b, 5000);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	lab_end(&b);
	lab_run("[ $(ls %s/images/tiny) = bin ]", lab.dir);
	lab.image = NULL;
	lab.volume = 0;
}

static void
test_stop(void **state)
{
	struct lab_box b;
	int status;

	(void)state;
	lab_node(&b, NULL);
	assert_int_equal(lab_start(&b), 0);
	usleep(50000);
	assert_int_equal(nx_owner_signal(LAB_BASE, b.boxed.pidfd, SIGTERM), 0);
	status = lab_wait(&b, 5000);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	lab_end(&b);
	lab_node(&b,
	    "trap 'echo got; exit 3' TERM; echo ready; "
	    "while :; do sleep 0.1; done");
	assert_int_equal(lab_start(&b), 0);
	for (int i = 0; i < 1000 && strcmp(lab_log(), "ready\n") != 0; i++)
		usleep(10000);
	assert_int_equal(nx_owner_signal(LAB_BASE, b.boxed.pidfd, SIGTERM), 0);
	status = lab_wait(&b, 5000);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	assert_string_equal(lab_log(), "ready\ngot\n");
	lab_end(&b);
}

static void
test_log_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(
	    run("head -c 5000000 /dev/zero | tr '\\0' x; echo; echo last"), 0);
	assert_true(strlen(lab_log()) <= 1 << 20);
	assert_non_null(strstr(lab_log(), "\nlast\n"));
}

/* What was killed is there a moment longer. */
static void
assert_no_children(void)
{
	for (int i = 0; i < 1000 && waitpid(-1, NULL, WNOHANG | __WALL) >= 0;
	     i++)
		usleep(5000);
	assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1);
}

/* Descriptors and children of this process: nothing may stay. */
static void
test_failures_leave_nothing(void **state)
{
	static const struct {
		enum nx_box_fd fd;
		const char *step;
	} broken[] = {
	    {NX_BOX_INIT, "exec nexus-init"},
	    {NX_BOX_ROOT, "attach the image"},
	    {NX_BOX_VOLUME, "attach the volume"},
	    {NX_BOX_USR, "mount /usr"},
	};
	struct lab_box b;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), before, r;
	size_t i;

	(void)state;
	before = nx_fd_count();
	for (i = 0; i < NX_ARRAY_SIZE(broken); i++) {
		lab_node(&b, NULL);
		b.box.fds[broken[i].fd] = null;
		r = lab_start(&b);
		assert_true(r < 0);
		assert_string_equal(b.fault.step, broken[i].step);
		lab_end(&b);
		assert_int_equal(nx_fd_count(), before);
		assert_no_children();
	}
	lab_node(&b, NULL);
	b.box.cgroup = null;
	assert_true(lab_start(&b) < 0);
	assert_string_equal(b.fault.step, "clone3");
	lab_end(&b);
	lab_node(&b, NULL);
	b.box.scratch = "/nonexistent";
	assert_int_equal(lab_start(&b), -ENOENT);
	lab_end(&b);
	assert_int_equal(nx_fd_count(), before);
	nx_close(&null);
}

/* Fails the one call @nr in everything from here on, then tries a node. */
static void
try_without(int nr)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 0x00050000U | ENOMEM),
	    BPF_STMT(BPF_RET | BPF_K, 0x7fff0000U),
	};
	struct sock_fprog prog = {NX_ARRAY_SIZE(code), code};
	struct lab_box b;
	int before;

	lab_node(&b, NULL);
	before = nx_fd_count();
	if (prctl(PR_SET_SECCOMP, 2, &prog) < 0)
		_exit(2);
	if (lab_start(&b) >= 0)
		_exit(3);
	(void)nx_cgroup_kill(b.cgroup);
	nx_boxed_destroy(&b.boxed);
	if (nx_fd_count() != before)
		_exit(4);
	while (waitpid(-1, NULL, __WALL) > 0)
		; /* whatever it made ends */
	if (errno != ECHILD)
		_exit(5);
	lab_end(&b);
	_exit(0);
}

static void
test_any_call_may_fail(void **state)
{
	static const int calls[] = {SYS_clone3, SYS_sendmsg, SYS_chdir,
	    SYS_setresuid, SYS_setgroups, SYS_socket, SYS_mount, SYS_fsopen,
	    SYS_fsconfig, SYS_fsmount, SYS_move_mount, SYS_open_tree,
	    SYS_mount_setattr, SYS_openat2, SYS_mkdirat, SYS_pivot_root,
	    SYS_umount2, SYS_sethostname, SYS_capset, SYS_seccomp, SYS_execveat,
	    SYS_setsid, SYS_dup3, SYS_close_range, SYS_symlinkat,
	    SYS_socketpair};
	int status;
	size_t i;
	pid_t pid;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(calls); i++) {
		fflush(NULL);
		pid = fork();
		if (pid == 0)
			try_without(calls[i]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status != 0)
			print_error("call %d: status %x\n", calls[i], status);
		assert_int_equal(status, 0);
	}
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Of this process and the children it has reaped. */
static uint64_t
cpu_us(void)
{
	struct rusage self, children;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &children);
	return (uint64_t)(self.ru_utime.tv_sec + self.ru_stime.tv_sec +
		   children.ru_utime.tv_sec + children.ru_stime.tv_sec) *
	    1000000 +
	    (uint64_t)(self.ru_utime.tv_usec + self.ru_stime.tv_usec +
		children.ru_utime.tv_usec + children.ru_stime.tv_usec);
}

/* Create, run /bin/true, delete: all namespaces, overlay, filter, reaping. */
static void
test_time(void **state)
{
	enum { ROUNDS = 100 };
	uint64_t us[ROUNDS], start, cpu;
	struct lab_box b;
	size_t i;

	(void)state;
	cpu = cpu_us();
	for (i = 0; i < ROUNDS; i++) {
		start = nx_now_us();
		lab_node(&b, NULL);
		b.argv[2] = "/usr/bin/true";
		assert_int_equal(lab_start(&b), 0);
		assert_int_equal(lab_wait(&b, 5000), 0);
		lab_end(&b);
		us[i] = nx_now_us() - start;
	}
	qsort(us, ROUNDS, sizeof(us[0]), compare);
	print_message("# node: create, /bin/true, delete: p50 %.2f ms, "
		      "p99 %.2f ms, CPU %.2f ms\n",
	    (double)us[ROUNDS / 2] / 1000, (double)us[ROUNDS - 2] / 1000,
	    (double)(cpu_us() - cpu) / 1000 / ROUNDS);
}

static int
tests(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(test_runs),
	    cmocka_unit_test(test_status),
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_directory_image),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_log_is_bounded),
	    cmocka_unit_test(test_failures_leave_nothing),
	    cmocka_unit_test(test_any_call_may_fail),
	    cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests_name("nodemgr_box", all, NULL, NULL);
}

int
main(void)
{
	return lab_main(tests);
}
