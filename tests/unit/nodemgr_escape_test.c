/*
 * Attacks from inside a node; the attacker is its root. One for each rule that
 * the CVEs of others taught:
 *
 *	2019-5736	the entering program is a sealed copy
 *	2016-9962	who enters cannot be looked into before the exec
 *	2024-21626	no descriptor, no working directory of the host's
 *	2025-31133	masks and devices come from trusted descriptors
 *	2025-52881	procfs is the node's own, freshly made
 *	2026-41579	what an image has for /dev is not followed
 *	2017-5226	no input is pushed into a terminal
 *
 * and for each masked or read-only path, refused call and missing capability.
 */
#include "tests/unit/nodemgr_lab.h"

/* Runs @command in a fresh node; its exit code, or -errno of the start. */
static int
attack(const char *command)
{
	struct lab_box b;
	int r, status;

	lab_node(&b, command);
	r = lab_start(&b);
	if (r < 0) {
		print_message("# %s: %s\n", b.fault.step, strerror(-r));
		lab_end(&b);
		return r;
	}
	status = lab_wait(&b, 30000);
	lab_end(&b);
	assert_true(status >= 0 && WIFEXITED(status));
	if (WEXITSTATUS(status) != 0)
		print_message("# %s\n", lab_log());
	return WEXITSTATUS(status);
}

/* Every line is a thing that must not work; prints what did. */
static const char calls[] =
    "import os, ctypes, errno, signal\n"
    "libc = ctypes.CDLL(None, use_errno=True)\n"
    "bad = []\n"
    "def no(name, fn):\n"
    "    try: r = fn()\n"
    "    except OSError: return\n"
    "    bad.append((name, r))\n"
    "def call(*args):\n"
    "    r = libc.syscall(*args)\n"
    "    if r < 0: raise OSError(ctypes.get_errno(), 'x')\n"
    "    return r\n"
    "no('mount', lambda: call(165, b'x', b'/mnt', b'tmpfs', 0, 0))\n"
    "no('bind', lambda: call(165, b'/etc', b'/mnt', 0, 4096, 0))\n"
    "no('umount proc', lambda: call(166, b'/proc/sys', 2))\n"
    "no('fsopen', lambda: call(430, b'tmpfs', 0))\n"
    "no('open_tree', lambda: call(428, -100, b'/', 1))\n"
    "no('pivot_root', lambda: call(155, b'/', b'/'))\n"
    "no('unshare user', lambda: call(272, 0x10000000))\n"
    "no('unshare mnt', lambda: call(272, 0x20000))\n"
    "no('clone user', lambda: call(56, 0x10000000 | 17, 0, 0, 0, 0))\n"
    "no('clone3', lambda: call(435, 0, 0))\n"
    "no('setns', lambda: call(308, os.open('/proc/self/ns/net', 0), 0))\n"
    "no('sethostname', lambda: call(170, b'x', 1))\n"
    "no('bpf', lambda: call(321, 0, 0, 0))\n"
    "no('keyctl', lambda: call(250, 0, -3, 0))\n"
    "no('add_key', lambda: call(248, b'user', b'a', b'b', 1, -3))\n"
    "no('io_uring', lambda: call(425, 8, 0))\n"
    "no('userfaultfd', lambda: call(323, 0))\n"
    "no('perf', lambda: call(298, 0, 0, 0, 0, 0))\n"
    "no('handle', lambda: call(304, -100, 0, 0))\n"
    "no('reboot', lambda: call(169, 0xfee1dead, 672274793, 0x89abcdef, 0))\n"
    "no('settime', lambda: call(227, 0, ctypes.byref("
    "(ctypes.c_long * 2)(0, 0))))\n"
    "no('syslog', lambda: call(103, 3, 0, 0))\n"
    "no('mknod', lambda: os.mknod('/root/d', 0o20666, os.makedev(1, 3)))\n"
    "no('mknod disk', lambda: os.mknod('/root/b', 0o60666,"
    " os.makedev(7, 0)))\n"
    "no('setuid', lambda: os.setresuid(70000, 70000, 70000))\n"
    "no('ptrace init', lambda: call(101, 16, 1, 0, 0))\n"
    "no('pidfd_getfd', lambda: call(438, call(434, 1, 0), 3, 0))\n"
    "for i in range(8):\n"
    "    no('init fd', lambda: os.open('/proc/1/fd/%d' % i, os.O_RDONLY))\n"
    "    no('init fd', lambda: os.readlink('/proc/1/fd/%d' % i))\n"
    "no('init exe', lambda: os.readlink('/proc/1/exe'))\n"
    "no('init exe w', lambda: os.open('/proc/1/exe', os.O_RDONLY))\n"
    "no('init mem', lambda: os.open('/proc/1/mem', os.O_RDWR))\n"
    "no('init root', lambda: os.listdir('/proc/1/root'))\n"
    "no('process_vm', lambda: call(310, 1, 0, 1, 0, 1, 0) or None)\n"
    "for p in ['kcore', 'keys', 'timer_list', 'interrupts', 'sched_debug',"
    " 'latency_stats', 'timer_stats']:\n"
    "    try: data = open('/proc/' + p, 'rb').read(16)\n"
    "    except OSError: continue\n"
    "    if data: bad.append((p, data))\n"
    "for p in ['/proc/acpi', '/proc/scsi', '/proc/asound', '/sys/firmware',"
    " '/sys/devices/virtual/powercap', '/sys/fs/selinux']:\n"
    "    try: data = os.listdir(p)\n"
    "    except OSError: continue\n"
    "    if data: bad.append((p, data))\n"
    "for p in ['/proc/sysrq-trigger', '/proc/sys/kernel/core_pattern',"
    " '/proc/sys/kernel/hostname', '/proc/sys/vm/panic_on_oom',"
    " '/proc/sys/net/ipv4/ip_forward', '/proc/irq/default_smp_affinity',"
    " '/proc/bus/pci/devices', '/sys/kernel/uevent_helper',"
    " '/sys/fs/cgroup/cgroup.procs', '/sys/fs/cgroup/memory.max',"
    " '/sys/power/state']:\n"
    "    no(p, lambda: os.open(p, os.O_WRONLY))\n"
    "no('cgroup mkdir', lambda: os.mkdir('/sys/fs/cgroup/x'))\n"
    "no('usr', lambda: os.open('/usr/bin/env', os.O_WRONLY))\n"
    "import socket\n"
    "no('packet', lambda: socket.socket(17, 3, 0))\n"
    "no('raw', lambda: socket.socket(2, 3, 1))\n"
    "no('alg', lambda: socket.socket(38, 5))\n"
    "no('vsock', lambda: socket.socket(40, 1))\n"
    "n = socket.socket(16, 3, 0)\n" /* link down: NET_ADMIN */
    "import struct\n"
    "n.send(struct.pack('=LHHLL', 32, 16, 5, 1, 0) +"
    " struct.pack('=BxHiII', 0, 0, 1, 0, 1))\n"
    "e = struct.unpack_from('=i', n.recv(4096), 16)[0]\n"
    "if e == 0: bad.append(('link down', e))\n"
    "m, s = os.openpty()\n"
    "import fcntl\n"
    "no('TIOCSTI', lambda: fcntl.ioctl(s, 0x5412, b'x'))\n"
    /* the same with a bit beyond 32: the kernel would not see it */
    "no('TIOCSTI high', lambda: call(16, s, ctypes.c_ulong("
    "0x100005412), b'x'))\n"
    "os.setsid() if os.getpid() != os.getsid(0) else None\n"
    "for d in os.listdir('/dev'):\n"
    "    if d not in ('null zero full random urandom tty pts shm fd stdin "
    "stdout stderr ptmx'.split()): bad.append(('dev', d))\n"
    "fds = [f for f in map(int, os.listdir('/proc/self/fd')) if f > 2 and "
    "os.path.exists('/proc/self/fd/%d' % f)]\n"
    "for f in fds:\n"
    "    t = os.readlink('/proc/self/fd/%d' % f)\n"
    "    if '/dev/p' not in t and 'socket' not in t and 'ns/net' not in t"
    " and 'net:[' not in t and 'net' != t and 'pidfd' not in t:"
    " bad.append(('fd', t))\n"
    "um = open('/proc/self/uid_map').read().split()\n"
    "if um[0] != '0' or um[2] != '65536' or um[1] == '0':"
    " bad.append(('uid_map', um))\n"
    "st = dict(l.split(':', 1) for l in open('/proc/self/status')"
    " if ':' in l)\n"
    "if int(st['CapBnd'], 16) != 0x800405fb: bad.append(('caps',"
    " st['CapBnd']))\n"
    "if st['NoNewPrivs'].strip() != '1': bad.append(('nnp', 0))\n"
    "ro = {m.split()[1] for m in open('/proc/self/mounts')"
    " if m.split()[3].split(',')[0] == 'ro'}\n"
    "for p in ('/usr /sys /sys/fs/cgroup /proc/bus /proc/fs /proc/irq "
    "/proc/sys /proc/sysrq-trigger'.split()):\n"
    "    if p not in ro and os.path.exists(p):"
    " bad.append(('writable', p))\n"
    "for l in open('/proc/self/mountinfo'):\n"
    "    if 'nexus' in l.split()[4]: bad.append(('mount', l))\n"
    /* what would destroy the host does not come back with an error */
    "for nr in (175, 313, 246, 167, 172, 163):\n"
    "    pid = os.fork()\n"
    "    if pid == 0:\n"
    "        libc.syscall(nr, 0, 0, 0)\n"
    "        os._exit(0)\n"
    "    if os.waitpid(pid, 0)[1] & 127 != signal.SIGSYS:\n"
    "        bad.append(('not killed', nr))\n"
    /* chroot and climb: ends at the node's own root */
    "root = os.stat('/')\n"
    "os.makedirs('/root/jail', exist_ok=True)\n"
    "fd = os.open('/', os.O_RDONLY)\n"
    "os.chroot('/root/jail')\n"
    "os.fchdir(fd)\n"
    "for i in range(64): os.chdir('..')\n"
    "os.chroot('.')\n"
    "if os.stat('/').st_ino != root.st_ino or os.path.exists("
    "'/lost+found'): bad.append(('climbed', os.listdir('/')))\n"
    "print(bad)\n"
    "raise SystemExit(len(bad))\n";

static void
test_calls(void **state)
{
	static char command[sizeof(calls) + 64];

	(void)state;
	if (access("/usr/bin/python3", X_OK) < 0)
		skip();
	snprintf(command, sizeof(command),
	    "cat > /tmp/a.py <<'END'\n%sEND\npython3 /tmp/a.py", calls);
	assert_int_equal(attack(command), 0);
}

static void
test_init_is_sealed(void **state)
{
	int seals = fcntl(lab.init, F_GET_SEALS);

	(void)state;
	assert_int_equal(
	    seals & (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE),
	    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	assert_int_equal(pwrite(lab.init, "x", 1, 0), -1);
}

/* Images whose own directories lead elsewhere. What they name is the host's if
 * anybody follows them outside, and nothing within. */
static void
test_hostile_images(void **state)
{
	static const struct {
		const char *name, *make;
		int start; /* what the start says */
	} images[] = {
	    {"evil-dev", "ln -s /etc dev", -ENOTDIR},
	    {"evil-proc", "ln -s /tmp proc", -ENOTDIR},
	    {"evil-sys", "ln -s / sys", -ENOTDIR},
	    {"evil-data", "ln -s ../../../../tmp data", -ENOTDIR},
	    {"evil-file", "touch dev", -ENOTDIR},
	};
	struct lab_box b;
	size_t i;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(images); i++) {
		lab_run("cd %s/images && mkdir %s && cd %s && %s", lab.dir,
		    images[i].name, images[i].name, images[i].make);
		lab.image = images[i].name;
		lab.volume = 10 + (unsigned)i;
		lab_node(&b, NULL);
		assert_int_equal(lab_start(&b), images[i].start);
		print_message("# %s: %s\n", images[i].name, b.fault.step);
		lab_end(&b);
	}
	/* /etc as a link out: written within the root, so to nothing outside */
	lab_run("cd %s/images && mkdir evil-etc && cd evil-etc && "
		"ln -s %s/scratch etc && mkdir usr",
	    lab.dir, lab.dir);
	lab.image = "evil-etc";
	lab.volume = 9;
	lab_node(&b, NULL);
	(void)lab_start(&b);
	lab_end(&b);
	lab_run("[ ! -e %s/scratch/hostname ]", lab.dir);
	lab.image = NULL;
	lab.volume = 0;
}

/* A node that changes its own /dev, /proc and so on is as hostile at its next
 * start: what it wrote is in the upper layer. */
static void
test_hostile_upper(void **state)
{
	(void)state;
	assert_int_equal(
	    attack("rm -rf /media /srv /opt; ln -s /etc /opt;"
		   "echo '#!/bin/sh' > /etc/ld.so.preload; exit 0"),
	    0);
	assert_int_equal(attack("[ -L /opt ]"), 0);
}

/* --- while somebody enters ----------------------------------------------------- */

static int
enter_with(struct lab_box *b, char *const *argv, const char *cwd)
{
	char *envp[] = {NULL};
	struct nx_boxed helper;
	struct nx_gate_msg msg;
	struct nx_fault f;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd, status = -1, r;
	const struct nx_enter e = {
	    .target = b->boxed.pidfd,
	    .owner = LAB_BASE,
	    .cgroup = b->cgroup,
	    .init = lab.init,
	    .fds = {null, null, null},
	    .cwd = cwd,
	    .filter = &lab.node,
	    .argv = argv,
	    .envp = envp,
	};
	pid_t pid = -1;

	assert_int_equal(nx_enter_spawn(&e, &helper, &f), 0);
	assert_int_equal(nx_fd_nonblock(helper.gate, false), 0);
	do {
		r = nx_gate_recv(helper.gate, &msg, &fd);
		assert_true(r >= 0);
		if (msg.kind == NX_GATE_CHILD)
			pid = msg.value;
		if (msg.kind == NX_GATE_FAILED)
			print_message("# %s: %s\n", msg.fault.step,
			    strerror(-msg.fault.error));
		/* The command may fail before its helper has named it. */
	} while (msg.kind != NX_GATE_CLOSED);
	if (pid > 0)
		assert_int_equal(waitpid(pid, &status, __WALL), pid);
	nx_boxed_destroy(&helper);
	nx_close(&null);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int
enter(struct lab_box *b, const char *command, const char *cwd)
{
	char *argv[] = {(char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c",
	    (char *)(uintptr_t)command, NULL};

	return enter_with(b, argv, cwd);
}

/*
 * A command that is a script of /proc/self/exe is run by whatever executes it.
 * That must not be nodemgr, with the libraries the node chooses for it; it is
 * nexus-init, which needs none and takes no -q.
 */
static void
test_script_of_the_enterer(void **state)
{
	static const char make[] =
	    "printf '#!/proc/self/exe -q\\n' >%s/x && chmod 755 %s/x";
	char *argv[] = {(char *)(uintptr_t) "/x", NULL}, script[128];
	struct lab_box b;

	(void)state;
	/* an image that has no library, so that only a static program starts */
	lab_run("mkdir %s/images/bare && cd %s/images/bare && printf "
		"'#!/proc/self/exe -q\\n' >x && chmod 755 x",
	    lab.dir, lab.dir);
	lab.image = "bare";
	lab.volume = 8;
	lab_node(&b, NULL);
	assert_int_equal(lab_start(&b), 0);
	assert_int_equal(enter_with(&b, argv, NULL), 125);
	lab_end(&b);
	lab.image = NULL;
	lab.volume = 0;
	/* and one that has them all, and an own idea of them */
	lab_node(&b, NULL);
	assert_int_equal(lab_start(&b), 0);
	snprintf(script, sizeof(script), make, "", "");
	assert_int_equal(enter(&b, script, NULL), 0);
	assert_int_equal(enter_with(&b, argv, NULL), 125);
	lab_end(&b);
}

static void
test_entering_is_not_seen_into(void **state)
{
	struct lab_box b;
	int i;

	(void)state;
	/* a watcher that tries to look into whoever comes */
	lab_node(&b,
	    "cd /proc; while :; do for p in [0-9]*; do "
	    "[ $p = $$ ] && continue; "
	    "for f in $p/exe $p/cwd $p/root; do t=$(readlink $f 2>/dev/null) "
	    "&& "
	    "case $t in *nodemgr*|*nexus-lab*|*unreachable*) "
	    "echo SEEN $f $t;; esac; done; "
	    "for f in $p/fd/*; do t=$(readlink $f 2>/dev/null) && "
	    "case $t in *nexus*|*unit*|/work*|/sys*) echo SEEN $f $t;; esac; "
	    "done; done; done 2>/dev/null");
	assert_int_equal(lab_start(&b), 0);
	for (i = 0; i < 100; i++)
		assert_int_equal(enter(&b, "exit 0", NULL), 0);
	if (strstr(lab_log(), "SEEN"))
		print_error("%s\n", lab_log());
	assert_null(strstr(lab_log(), "SEEN"));
	lab_end(&b);
}

static void
test_directories_outside(void **state)
{
	struct lab_box b;
	char cwd[32];
	int i;

	(void)state;
	lab_node(&b, NULL);
	assert_int_equal(lab_start(&b), 0);
	assert_int_equal(enter(&b, "[ $(pwd) = /tmp ]", "/tmp"), 0);
	for (i = 3; i < 12; i++) {
		snprintf(cwd, sizeof(cwd), "/proc/self/fd/%d", i);
		assert_int_not_equal(enter(&b, "exit 0", cwd), 0);
	}
	assert_int_not_equal(enter(&b, "exit 0", "/nowhere"), 0);
	assert_int_equal(enter(&b, "ln -s /proc/self/fd/3 /tmp/way", NULL), 0);
	assert_int_not_equal(enter(&b, "exit 0", "/tmp/way"), 0);
	lab_end(&b);
}

static int
tests(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(test_calls),
	    cmocka_unit_test(test_init_is_sealed),
	    cmocka_unit_test(test_hostile_images),
	    cmocka_unit_test(test_hostile_upper),
	    cmocka_unit_test(test_script_of_the_enterer),
	    cmocka_unit_test(test_entering_is_not_seen_into),
	    cmocka_unit_test(test_directories_outside),
	};

	return cmocka_run_group_tests_name("nodemgr_escape", all, NULL, NULL);
}

int
main(void)
{
	return lab_main(tests);
}
