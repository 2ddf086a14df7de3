/*
 * Functions that attack: what they cannot do, and the limits that end them.
 */
#include "tests/unit/nodemgr_function_lab.h"

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

/* Each of these has to fail within the function. */
static const struct {
	const char *name, *attempt;
} attacks[] = {
    {"socket", "socket.socket()"},
    {"packet", "socket.socket(17, 3)"},
    {"alg", "socket.socket(38, 5)"},
    {"unix", "socket.socket(1, 1)"},
    {"mount", "call(165, b'x', b'/tmp', b'tmpfs', 0, 0)"},
    {"unshare", "call(272, 0x10000000)"},
    {"setns", "call(308, 0, 0)"},
    {"ptrace", "call(101, 16, 1, 0, 0)"},
    {"bpf", "call(321, 0, 0, 0)"},
    {"io_uring", "call(425, 8, 0)"},
    {"keyctl", "call(250, 0, 0)"},
    {"setuid", "call(105, 0)"},
    {"mknod", "call(133, b'/tmp/n', 0o20666, 0x103)"},
    {"open_by_handle", "call(304, 0, 0, 0)"},
    {"userfaultfd", "call(323, 0)"},
    {"perf", "call(298, 0, 0, 0, 0, 0)"},
    {"usr", "open('/usr/bin/x', 'w')"},
    {"etc", "open('/etc/passwd', 'a')"},
    {"root", "os.mkdir('/x')"},
    {"init fd", "os.listdir('/proc/1/fd')"},
    {"init mem", "open('/proc/1/mem', 'rb')"},
    {"init exe", "os.readlink('/proc/1/exe')"},
    {"kcore", "open('/proc/kcore', 'rb')"},
    {"meminfo", "open('/proc/meminfo', 'rb')"},
    {"sysrq", "open('/proc/sysrq-trigger', 'w')"},
    {"sys", "os.listdir('/sys/class')"},
    {"net", "open('/proc/net/dev')"},
    {"dev", "open('/dev/x', 'w')"},
    {"dev dir", "os.mkdir('/dev/d')"},
    {"unlink", "os.unlink('/dev/null')"},
};

/* Prints what worked. */
static const char prologue[] =
    "import os, socket, ctypes, errno\n"
    "libc = ctypes.CDLL(None, use_errno=True)\n"
    "def call(*args):\n"
    "    r = libc.syscall(*args)\n"
    "    if r < 0: raise OSError(ctypes.get_errno(), 'x')\n"
    "    return r\n"
    "def check(name, attempt):\n"
    "    try: print(name, 'worked:', attempt())\n"
    "    except OSError: pass\n";

/* What it has and sees; prints what it should not. */
static const char look[] =
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
    "mounts = [m.split() for m in open('/proc/self/mounts')]\n"
    "w = [m[1] for m in mounts if not m[3].startswith('ro')]\n"
    "ok = ['/dev/null', '/dev/random', '/dev/shm', '/dev/urandom',"
    " '/dev/zero', '/proc', '/tmp']\n"
    "if sorted(w) != ok: print(sorted(w))\n"
    "info = open('/proc/self/mountinfo').read()\n"
    "if 'nexus' in info or 'images' in info: print(info)\n"
    "print('end')\n";

static void
test_attacks(void **state)
{
	static char code[8192];
	size_t len = (size_t)snprintf(code, sizeof(code), "%s", prologue);
	struct result *r;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(attacks); i++)
		len += (size_t)snprintf(code + len, sizeof(code) - len,
		    "check('%s', lambda: %s)\n", attacks[i].name,
		    attacks[i].attempt);
	len += (size_t)snprintf(code + len, sizeof(code) - len, "%s", look);
	assert_true(len < sizeof(code));
	r = call(code, 0, 0);
	if (r->err && r->err[0])
		print_message("# %s\n", r->err);
	assert_string_equal(r->out, "end\n");
}

static void
test_nothing_stays(void **state)
{
	struct result *r;

	(void)state;
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

/* Files of the image that are mapped are in memory once for all. */
static void
test_files_are_nobodys_memory(void **state)
{
	struct result *r;

	(void)state;
	r = call(
	    "import mmap, os, time\n"
	    "maps = []\n"
	    "for d, ds, fs in os.walk('/usr/lib'):\n"
	    " for name in fs:\n"
	    "  path = os.path.join(d, name)\n"
	    "  if os.path.islink(path) or os.path.getsize(path) < 65536:\n"
	    "   continue\n"
	    "  try: f = open(path, 'rb')\n"
	    "  except OSError: continue\n"
	    "  m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)\n"
	    "  m[::4096]\n"
	    "  maps.append(m)\n"
	    " if sum(map(len, maps)) > 96 << 20: break\n"
	    "rss = [l for l in open('/proc/self/status') if 'RssFile' in l]\n"
	    "time.sleep(0.3); print(rss[0].split()[1])",
	    20000, 32 << 20);
	assert_string_equal(r->reason, "exit");
	print_message("# mapped with 32 MiB: %d MiB\n", atoi(r->out) >> 10);
	if (atoi(r->out) < 64 << 10)
		print_message("# too few files on this host to show it\n");
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

static int
tests(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_attacks),
	    cmocka_unit_test(test_nothing_stays),
	    cmocka_unit_test(test_memory_is_bounded),
	    cmocka_unit_test(test_files_are_nobodys_memory),
	    cmocka_unit_test(test_processes_are_bounded),
	};

	world_open();
	return cmocka_run_group_tests_name("nodemgr_hostile", all, NULL, NULL);
}

int
main(void)
{
	return lab_main(tests);
}
