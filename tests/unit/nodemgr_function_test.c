/*
 * Functions: what they return, how they are ended, and what they cannot do.
 */
#include "nodemgr/calls/call.h"
#include "tests/unit/nodemgr_world.h"

#define USER 7

struct result {
	Nx__Status status;
	char error[512], reason[40], *out, *err;
	size_t out_len;
	int code;
	uint64_t start_us, execution_us, peak;
	bool cut;
};

static char *
slurp(int fd, size_t *ret_len)
{
	struct stat st;
	char *text;

	assert_int_equal(nx_memfd_check(fd, 2 << 20, ret_len), 0);
	assert_int_equal(fstat(fd, &st), 0);
	text = calloc(1, *ret_len + 1);
	assert_int_equal(pread(fd, text, *ret_len, 0), (ssize_t)*ret_len);
	return text;
}

static void
call_async(
    struct answer *a, const char *code, uint32_t timeout_ms, uint64_t memory)
{
	Nx__LambdaRunRequest q = NX__LAMBDA_RUN_REQUEST__INIT;
	int fd = nx_memfd_sealed("code", code, strlen(code));

	q.runtime = (char *)(uintptr_t) "python3";
	q.timeout_ms = timeout_ms;
	q.memory = memory;
	ask_async(
	    a, world.admin, NX__METHOD__LAMBDA_RUN, &q.base, USER, &fd, 1);
	nx_close(&fd);
}

static void
take_result(struct answer *a, struct result *r)
{
	const Nx__LambdaRunReply *reply = (const Nx__LambdaRunReply *)a->body;
	size_t len;

	memset(r, 0, sizeof(*r));
	r->status = a->status;
	snprintf(r->error, sizeof(r->error), "%s", a->error);
	if (a->status != 0) {
		print_message("# %s\n", a->error);
		forget_answer(a);
		return;
	}
	r->code = reply->exit_code;
	snprintf(r->reason, sizeof(r->reason), "%s", reply->reason);
	r->start_us = reply->start_us;
	r->execution_us = reply->execution_us;
	r->peak = reply->peak_memory;
	r->cut = reply->stdout_cut;
	r->out = slurp(a->fds[0], &r->out_len);
	r->err = slurp(a->fds[1], &len);
	forget_answer(a);
}

static struct result *
call(const char *code, uint32_t timeout_ms, uint64_t memory)
{
	static struct result r;
	struct answer a;

	free(r.out);
	free(r.err);
	call_async(&a, code, timeout_ms, memory);
	settle(&a);
	take_result(&a, &r);
	return &r;
}

static void
test_results(void **state)
{
	struct result *r;

	(void)state;
	r = call("import sys\nprint('hello')\nprint('oops', file=sys.stderr)\n"
		 "sys.exit(3)",
	    0, 0);
	assert_int_equal(r->status, 0);
	assert_string_equal(r->out, "hello\n");
	assert_string_equal(r->err, "oops\n");
	assert_int_equal(r->code, 3);
	assert_string_equal(r->reason, "exit");
	assert_true(r->peak > 1 << 20);
	r = call("raise ValueError('no')", 0, 0);
	assert_int_equal(r->code, 1);
	assert_non_null(strstr(r->err, "ValueError: no"));
	r = call("import os; os.abort()", 0, 0);
	assert_string_equal(r->reason, "signal");
	assert_int_equal(r->code, 128 + 6);
	r = call("", 0, 0);
	assert_int_equal(r->code, 0);
	assert_string_equal(r->out, "");
}

static void
test_refusals(void **state)
{
	Nx__LambdaRunRequest q = NX__LAMBDA_RUN_REQUEST__INIT;
	struct answer a;
	int fd;

	(void)state;
	fd = nx_memfd_sealed("code", "1", 1);
	q.runtime = (char *)(uintptr_t) "cobol";
	ask_async(
	    &a, world.admin, NX__METHOD__LAMBDA_RUN, &q.base, USER, &fd, 1);
	settle(&a);
	assert_int_equal(a.status, NX__STATUS__INVALID);
	assert_string_equal(a.error, "unknown runtime: python3 is available");
	forget_answer(&a);
	assert_int_equal(call("1", 900001, 0)->status, NX__STATUS__INVALID);
	assert_int_equal(call("1", 0, 1 << 20)->status, NX__STATUS__INVALID);
	nx_close(&fd);
}

static void
test_limits(void **state)
{
	struct result *r;
	uint64_t start = nx_now_us();

	(void)state;
	r = call("print('before')\nwhile True: pass", 500, 0);
	assert_string_equal(r->reason, "timeout");
	assert_string_equal(r->out, "before\n");
	assert_true(nx_now_us() - start < 5000000);
	r = call("import os\ntry:\n"
		 " while True: os.fork() or os.kill(os.getppid(), 0)\n"
		 "except OSError: pass\nimport time; time.sleep(100)",
	    1000, 0);
	assert_string_equal(r->reason, "timeout");
	r = call("x = bytearray(1 << 30)", 0, 0);
	assert_int_not_equal(r->code, 0);
	r = call("import sys\nwhile True: sys.stdout.write('x' * 65536)", 0, 0);
	assert_string_equal(r->reason, "output-limit");
	assert_true(r->cut);
	assert_int_equal(r->out_len, CALL_OUTPUT_MAX);
	r = call("print('x' * 1500000)", 0, 0);
	assert_string_equal(r->reason, "exit");
	assert_true(r->cut);
	r = call("f = open('/tmp/full', 'wb')\n"
		 "try:\n for i in range(1000): f.write(b'x' * 1000000)\n"
		 "except OSError as e: print(e.errno)",
	    0, 0);
	assert_string_equal(r->out, "28\n");
}

/* Each of these has to fail within the function; it prints what worked. */
static void
test_attacks(void **state)
{
	static const char code[] =
	    "import os, socket, ctypes, errno\n"
	    "libc = ctypes.CDLL(None, use_errno=True)\n"
	    "def check(name, fn):\n"
	    "    try:\n"
	    "        r = fn()\n"
	    "    except (OSError, PermissionError) as e:\n"
	    "        return\n"
	    "    print(name, 'worked:', r)\n"
	    "def call(*args):\n"
	    "    r = libc.syscall(*args)\n"
	    "    if r < 0: raise OSError(ctypes.get_errno(), 'x')\n"
	    "    return r\n"
	    "check('socket', lambda: socket.socket())\n"
	    "check('packet', lambda: socket.socket(17, 3))\n"
	    "check('alg', lambda: socket.socket(38, 5))\n"
	    "check('unix', lambda: socket.socket(1, 1))\n"
	    "check('mount', lambda: call(165, b'x', b'/tmp', b'tmpfs', 0, 0))\n"
	    "check('unshare', lambda: call(272, 0x10000000))\n"
	    "check('setns', lambda: call(308, 0, 0))\n"
	    "check('ptrace', lambda: call(101, 16, 1, 0, 0))\n"
	    "check('bpf', lambda: call(321, 0, 0, 0))\n"
	    "check('io_uring', lambda: call(425, 8, 0))\n"
	    "check('keyctl', lambda: call(250, 0, 0))\n"
	    "check('setuid', lambda: call(105, 0))\n"
	    "check('mknod', lambda: call(133, b'/tmp/n', 0o20666, 0x103))\n"
	    "check('open_by_handle', lambda: call(304, 0, 0, 0))\n"
	    "check('userfaultfd', lambda: call(323, 0))\n"
	    "check('perf', lambda: call(298, 0, 0, 0, 0, 0))\n"
	    "check('usr', lambda: open('/usr/bin/x', 'w'))\n"
	    "check('etc', lambda: open('/etc/passwd', 'a'))\n"
	    "check('root', lambda: os.mkdir('/x'))\n"
	    "check('init fd', lambda: os.listdir('/proc/1/fd'))\n"
	    "check('init mem', lambda: open('/proc/1/mem', 'rb'))\n"
	    "check('init exe', lambda: os.readlink('/proc/1/exe'))\n"
	    "check('kcore', lambda: open('/proc/kcore', 'rb'))\n"
	    "check('meminfo', lambda: open('/proc/meminfo', 'rb'))\n"
	    "check('sysrq', lambda: open('/proc/sysrq-trigger', 'w'))\n"
	    "check('sys', lambda: os.listdir('/sys/class'))\n"
	    "fds = sorted(int(x) for x in os.listdir('/proc/self/fd'))\n"
	    "fds = [f for f in fds if os.path.exists('/proc/self/fd/%d' % f)]\n"
	    "if fds != [0, 1, 2]: print('fds', fds)\n"
	    "st = open('/proc/self/status').read()\n"
	    "for line in st.splitlines():\n"
	    "    if line.startswith('Cap') and line.split()[1].strip('0'):\n"
	    "        print(line)\n"
	    "    if line.startswith('NoNewPrivs') and line[-1] != '1':\n"
	    "        print(line)\n"
	    "if os.getuid() != 1000 or os.getgroups(): print('ids')\n"
	    "pids = [p for p in os.listdir('/proc') if p.isdigit()]\n"
	    "if sorted(map(int, pids)) != [1, os.getpid()]: print(pids)\n"
	    "check('net', lambda: open('/proc/net/dev'))\n"
	    "mounts = [m.split() for m in open('/proc/self/mounts')]\n"
	    "w = [m[1] for m in mounts if not m[3].startswith('ro')]\n"
	    "ok = ['/dev/null', '/dev/random', '/dev/shm', '/dev/urandom',"
	    " '/dev/zero', '/proc', '/tmp']\n"
	    "if sorted(w) != ok: print(sorted(w))\n"
	    "check('dev', lambda: open('/dev/x', 'w'))\n"
	    "check('dev dir', lambda: os.mkdir('/dev/d'))\n"
	    "check('unlink', lambda: os.unlink('/dev/null'))\n"
	    "info = open('/proc/self/mountinfo').read()\n"
	    "if 'nexus' in info or 'images' in info: print(info)\n"
	    "print('end')\n";
	struct result *r = call(code, 0, 0);

	(void)state;
	if (r->err && r->err[0])
		print_message("# %s\n", r->err);
	assert_string_equal(r->out, "end\n");
	/* the sandbox's own init is not to be ended from inside */
	r = call("import os, time\nos.kill(1, 9)\nprint('alive')", 0, 0);
	assert_string_equal(r->out, "alive\n");
	/* nothing of one call is there in the next */
	(void)call("open('/tmp/left', 'w').write('x')\n"
		   "open('/dev/shm/left', 'w').write('x')",
	    0, 0);
	r = call("import os; print(os.listdir('/tmp'), os.listdir('/dev/shm'))",
	    0, 0);
	assert_string_equal(r->out, "['function.py'] []\n");
	/* a daemon that is left behind ends with the call */
	r = call("import os, time\n"
		 "if os.fork() == 0:\n os.setsid()\n time.sleep(1000)\n",
	    0, 0);
	assert_string_equal(r->reason, "exit");
	assert_true(r->execution_us < 5000000);
}

/* The lab has no controllers: each bound is one of our own. */
static void
test_memory_is_bounded(void **state)
{
	struct result *r;

	(void)state;
	r = call("import os\ntry: os.memfd_create('x')\n"
		 "except OSError as e: print(e.errno)",
	    0, 0);
	assert_string_equal(r->out, "38\n");
	/* shared memory: as much as there is, by /dev/zero, too */
	r = call("import mmap, time\nm = mmap.mmap(-1, 512 << 20)\n"
		 "for i in range(0, 512 << 20, 4096): m[i] = 1\n"
		 "time.sleep(5); print('took 512 MiB')",
	    20000, 0);
	assert_string_equal(r->reason, "out-of-memory");
	assert_int_equal(r->code, 137);
	r = call("import mmap, time\nf = open('/dev/zero', 'r+b')\n"
		 "m = mmap.mmap(f.fileno(), 512 << 20)\n"
		 "for i in range(0, 512 << 20, 4096): m[i] = 1\n"
		 "time.sleep(5); print('took 512 MiB')",
	    20000, 0);
	assert_string_equal(r->reason, "out-of-memory");
	/* each within its limit, and too much together */
	r = call("import os, time\nfor i in range(16):\n"
		 " if os.fork() == 0:\n"
		 "  x = bytearray(b'x') * (64 << 20); time.sleep(5)\n"
		 "  print('took it'); os._exit(0)\n"
		 "for i in range(16): os.wait()",
	    20000, 0);
	assert_string_equal(r->reason, "out-of-memory");
	/* what fits is left alone: workers that share what they were forked
	 * with, and one that uses nearly all */
	r = call("import os, time\nfor i in range(24):\n"
		 " if os.fork() == 0: time.sleep(0.3); os._exit(0)\n"
		 "for i in range(24): os.wait()\nprint('fine')",
	    20000, 0);
	assert_string_equal(r->out, "fine\n");
	r = call("import time\nx = bytearray(b'x') * (90 << 20)\n"
		 "time.sleep(0.3); print('fine')",
	    20000, 0);
	assert_string_equal(r->out, "fine\n");
}

static void
test_processes_are_bounded(void **state)
{
	struct result *r;

	(void)state;
	r = call("import os, time\nn = 0\ntry:\n for i in range(600):\n"
		 "  if os.fork() == 0: time.sleep(5); os._exit(0)\n"
		 "  n += 1\nexcept OSError: pass\nprint(n)",
	    20000, 0);
	print_message("# %s more processes\n", r->out);
	assert_in_range(atoi(r->out), 50, CALL_PIDS);
}

static void
test_python_works(void **state)
{
	struct result *r;

	(void)state;
	r = call("import json, hashlib, tempfile, subprocess, random, ssl\n"
		 "from multiprocessing.pool import ThreadPool\n"
		 "import multiprocessing\n"
		 "def f(x): return x * 2\n"
		 "print(ThreadPool(4).map(f, [1, 2]))\n"
		 "with multiprocessing.Pool(2) as p: print(p.map(f, [3]))\n"
		 "print(subprocess.run(['/bin/echo', 'sub'],"
		 " capture_output=True).stdout)\n"
		 "tempfile.TemporaryFile().write(b'x')\n",
	    20000, 512 << 20);
	if (r->err && r->err[0])
		print_message("# %s\n", r->err);
	assert_string_equal(r->out, "[2, 4]\n[6]\nb'sub\\n'\n");
}

static void
test_many(void **state)
{
	struct answer a[16];
	struct result r;
	unsigned ok = 0, limited = 0, i;

	(void)state;
	for (i = 0; i < 16; i++) /* 3 of 4 run, 6 of 8 wait: one user's share */
		call_async(&a[i], "print(1)", 0, 0);
	for (i = 0; i < 16; i++) {
		settle(&a[i]);
		ok += a[i].status == 0;
		limited += a[i].status == NX__STATUS__LIMIT;
		forget_answer(&a[i]);
	}
	assert_int_equal(ok, 9);
	assert_int_equal(limited, 7);
	/* a caller that goes ends its call */
	call_async(&a[0], "import time; time.sleep(1000)", 0, 0);
	for (i = 0; i < 20; i++)
		turn();
	assert_int_equal(world.m.n_running, 1);
	world_link(world.admin, NX_ROLE_ADMIN);
	for (i = 0; i < 200 && world.m.n_running; i++)
		turn();
	assert_int_equal(world.m.n_running, 0);
	take_result(&a[0], &r);
}

static struct nx_hub *caller;

static void
call_numbered(struct answer *a, uint64_t user, uint64_t number)
{
	static const char code[] = "import time; time.sleep(1000)";
	Nx__LambdaRunRequest q = NX__LAMBDA_RUN_REQUEST__INIT;
	int fd = nx_memfd_sealed("code", code, strlen(code));

	q.runtime = (char *)(uintptr_t) "python3";
	q.timeout_ms = 900000;
	q.number = number;
	ask_async(a, caller, NX__METHOD__LAMBDA_RUN, &q.base, user, &fd, 1);
	nx_close(&fd);
}

static void
cancel(uint64_t number)
{
	Nx__LambdaCancelRequest q = NX__LAMBDA_CANCEL_REQUEST__INIT;
	struct answer a;

	q.number = number;
	ask_async(&a, caller, NX__METHOD__LAMBDA_CANCEL, &q.base, 0, NULL, 0);
	settle(&a);
	assert_int_equal(a.status, 0);
	forget_answer(&a);
}

/* A caller that has hung up holds no place for the quarter of an hour that its
 * function may take. */
static void
test_cancelled(void **state)
{
	struct answer a[8];
	struct result r;
	int i;

	(void)state;
	caller = world.admin;
	for (i = 0; i < 8; i++) /* 3 of USER's run */
		call_numbered(&a[i], USER, (uint64_t)i + 1);
	for (i = 0; i < 20; i++)
		turn();
	assert_int_equal(world.m.n_running, 3);
	assert_int_equal(world.m.n_waiting, 5);
	cancel(99); /* nobody's */
	cancel(8);  /* one that waits */
	assert_int_equal(world.m.n_waiting, 4);
	settle(&a[7]);
	assert_int_not_equal(a[7].status, 0);
	forget_answer(&a[7]);
	for (i = 0; i < 7; i++) {
		cancel((uint64_t)i + 1);
		settle(&a[i]);
		forget_answer(&a[i]);
	}
	for (i = 0; i < 100 && world.m.n_running; i++)
		turn();
	assert_int_equal(world.m.n_running + world.m.n_waiting, 0);
	call_async(&a[0], "print(1)", 0, 0);
	settle(&a[0]);
	take_result(&a[0], &r);
	assert_string_equal(r.out, "1\n");
	free(r.out);
	free(r.err);
}

/* Whose turn it is: theirs who have least. */
static void
test_fair(void **state)
{
	struct answer a[10];
	const struct call *c;
	unsigned of_last = 0;
	int i;

	(void)state;
	caller = world.admin;
	for (i = 0; i < 8; i++) /* user 1: 3 run, 5 wait; user 2: 1 runs */
		call_numbered(&a[i], 1, (uint64_t)i + 1);
	call_numbered(&a[8], 2, 9);
	call_numbered(&a[9], 3, 10);
	for (i = 0; i < 20; i++)
		turn();
	assert_int_equal(world.m.n_running, 4);
	cancel(1);
	for (i = 0; i < 100 && world.m.n_waiting == 6; i++)
		turn();
	for (c = world.m.running; c; c = c->next)
		of_last += c->user == 3;
	assert_int_equal(of_last, 1);
	for (i = 0; i < 10; i++)
		cancel((uint64_t)i + 1);
	for (i = 0; i < 10; i++) {
		settle(&a[i]);
		forget_answer(&a[i]);
	}
	for (i = 0; i < 100 && world.m.n_running; i++)
		turn();
}

static void
test_nothing_is_left(void **state)
{
	int before, i;

	(void)state;
	for (i = 0; i < 50 && world.m.n_running; i++)
		turn();
	before = nx_fd_count();
	for (i = 0; i < 10; i++)
		(void)call("print(1)", 0, 0);
	for (i = 0; i < 50 && world.m.n_running; i++)
		turn();
	assert_int_equal(nx_fd_count(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
test_time(void **state)
{
	enum { ROUNDS = 40 };
	uint64_t start[ROUNDS], whole[ROUNDS], t;
	size_t i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		t = nx_now_us();
		start[i] = call("print('hello')", 0, 0)->start_us;
		whole[i] = nx_now_us() - t;
	}
	qsort(start, ROUNDS, sizeof(t), compare);
	qsort(whole, ROUNDS, sizeof(t), compare);
	print_message("# function: start p50 %.2f ms p99 %.2f ms, whole call "
		      "p50 %.1f ms\n",
	    (double)start[ROUNDS / 2] / 1000, (double)start[ROUNDS - 1] / 1000,
	    (double)whole[ROUNDS / 2] / 1000);
}

static int
tests(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(test_results),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_attacks),
	    cmocka_unit_test(test_memory_is_bounded),
	    cmocka_unit_test(test_processes_are_bounded),
	    cmocka_unit_test(test_python_works),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_cancelled),
	    cmocka_unit_test(test_fair),
	    cmocka_unit_test(test_nothing_is_left),
	    cmocka_unit_test(test_time),
	};

	world_open();
	return cmocka_run_group_tests_name("nodemgr_function", all, NULL, NULL);
}

int
main(void)
{
	return lab_main(tests);
}
