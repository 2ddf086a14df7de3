/*
 * The parts of nodemgr that need no privilege: addresses and ids, commands,
 * outputs, cgroup files, filters, resolvers.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/fd.h"
#include "nodemgr/box/filter.h"
#include "nodemgr/calls/call.h"
#include "nodemgr/nodes/hosts.h"
#include "nodemgr/nodes/node.h"

static struct nodemgr m;

static void
test_lowest_free(void **state)
{
	struct node *a, *b;

	(void)state;
	assert_int_equal(nx_subnet_parse("10.0.42.2/29", &m.subnet), 0);
	m.conf.id_base = 1000000;
	assert_int_equal(node_free_address(&m), 0x0a002a01);
	a = node_new(&m);
	a->address = 0x0a002a01;
	a->uid_base = 1000000;
	/* .2 is the bridge's */
	assert_int_equal(node_free_address(&m), 0x0a002a03);
	assert_int_equal(node_free_ids(&m), 1065536);
	b = node_new(&m);
	b->address = 0x0a002a03;
	b->uid_base = 1065536;
	assert_int_equal(node_free_address(&m), 0x0a002a04);
	node_free(a);
	assert_int_equal(node_free_address(&m), 0x0a002a01);
	assert_int_equal(node_free_ids(&m), 1000000);
	node_free(b);
	/* the last ids that fit, then none */
	m.conf.id_base = 4294900000;
	assert_int_equal(node_free_ids(&m), 4294900000);
	a = node_new(&m);
	a->uid_base = 4294900000;
	assert_int_equal(node_free_ids(&m), 0);
	node_free(a);
}

static void
test_command(void **state)
{
	char *words[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "",
	    (char *)(uintptr_t) "a b"};
	struct node *n = node_new(&m);
	char **argv;

	(void)state;
	assert_int_equal(node_command_set(n, words, 3), 0);
	assert_int_equal(n->command_len, 8);
	argv = node_command_get(n, 2);
	assert_null(argv[0]);
	assert_string_equal(argv[2], "sh");
	assert_string_equal(argv[3], "");
	assert_string_equal(argv[4], "a b");
	assert_null(argv[5]);
	free(argv);
	node_free(n);
}

static void
count(void *arg)
{
	++*(int *)arg;
}

static void
test_output_is_bounded(void **state)
{
	struct event_base *base = event_base_new();
	struct output o;
	char piece[1000];
	int fd, drops = 0, i;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	assert_int_equal(output_open(&o, base, 2500, count, &drops, &fd), 0);
	for (i = 0; i < 4; i++)
		assert_int_equal(write(fd, piece, sizeof(piece)), 1000);
	event_base_loop(base, EVLOOP_NONBLOCK);
	nx_close(&fd);
	output_drain(&o);
	assert_int_equal(o.len, 2500);
	assert_int_equal(o.dropped, 1500);
	assert_true(drops > 0);
	assert_int_equal(o.fd, -1);
	output_fini(&o);
	event_base_free(base);
}

/* A directory with files as cgroupfs has them. */
static void
test_cgroup_files(void **state)
{
	char dir[] = "/tmp/nexus-parts.XXXXXX", path[64];
	static const struct {
		const char *name, *text;
	} files[] = {
	    {"cgroup.events", "populated 1\nfrozen 0\n"},
	    {"cpu.stat", "usage_usec 1234\nuser_usec 1\n"},
	    {"memory.events", "low 0\noom 3\noom_kill 2\n"},
	    {"memory.current", "4096\n"},
	    {"memory.peak", "8192\n"},
	    {"pids.current", "3\n"},
	    {"cgroup.procs", "1\n20\n"},
	};
	struct nx_cgroup_stat stat;
	size_t i;
	int fd, file;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (i = 0; i < NX_ARRAY_SIZE(files); i++) {
		file = openat(
		    fd, files[i].name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(
		    nx_write_full(file, files[i].text, strlen(files[i].text)),
		    0);
		nx_close(&file);
	}
	assert_int_equal(nx_cgroup_populated(fd), 1);
	assert_int_equal(nx_cgroup_read(fd, &stat), 0);
	assert_int_equal(stat.cpu_us, 1234);
	assert_int_equal(stat.oom_kills, 2);
	assert_int_equal(stat.memory, 4096);
	assert_int_equal(stat.memory_peak, 8192);
	assert_int_equal(stat.pids, 3);
	assert_true(nx_cgroup_holds(fd, 20));
	assert_false(nx_cgroup_holds(fd, 2));
	for (i = 0; i < NX_ARRAY_SIZE(files); i++)
		unlinkat(fd, files[i].name, 0);
	snprintf(path, sizeof(path), "%s", dir);
	rmdir(path);
	nx_close(&fd);
}

/* The reason that is told of a call is what came first, be it the kernel's. */
static void
test_first_end_counts(void **state)
{
	static const struct {
		const char *events;
		enum call_end first, then, told;
	} rows[] = {
	    {"oom_kill 0\n", CALL_LATE, CALL_FLOODED, CALL_LATE},
	    {"oom_kill 0\n", CALL_FLOODED, CALL_LATE, CALL_FLOODED},
	    {"oom_kill 0\n", CALL_OVERSIZED, CALL_LATE, CALL_OVERSIZED},
	    {"oom_kill 2\n", CALL_LATE, CALL_FLOODED, CALL_OVERSIZED},
	    {"oom_kill 2\n", CALL_FLOODED, CALL_LATE, CALL_OVERSIZED},
	};
	static const char *const names[] = {
	    "memory.events", "cgroup.kill", "cgroup.procs"};
	char dir[] = "/tmp/nexus-ends.XXXXXX", *killed;
	int fd, file;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < NX_ARRAY_SIZE(rows); i++) {
		struct call *c = call_new(&m);
		for (size_t k = 0; k < NX_ARRAY_SIZE(names); k++) {
			file = openat(fd, names[k],
			    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
			if (k == 0)
				assert_int_equal(
				    nx_write_full(file, rows[i].events, 11), 0);
			nx_close(&file);
		}
		c->warden.cgroup = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		call_end(c, rows[i].first);
		call_end(c, rows[i].then);
		assert_int_equal(c->end, rows[i].told);
		assert_true(nx_read_file(fd, names[1], 8, &killed) > 0);
		assert_string_equal(killed, "1");
		free(killed);
		call_free(c);
	}
	for (size_t k = 0; k < NX_ARRAY_SIZE(names); k++)
		assert_int_equal(unlinkat(fd, names[k], 0), 0);
	assert_int_equal(rmdir(dir), 0);
	nx_close(&fd);
}

/* Empty files for all that is set in a group; or none of them. */
static void
limit_files(int group, bool there)
{
	const char *names[NX_NODE_LIMITS + 2] = {
	    "memory.oom.group", "memory.swap.max"};
	size_t n = 2;

	for (size_t i = 0; i < NX_NODE_LIMITS; i++)
		if (nx_node_limits[i].cgroup)
			names[n++] = nx_node_limits[i].cgroup;
	while (n-- > 0)
		if (there)
			(void)close(openat(group, names[n],
			    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
		else
			(void)unlinkat(group, names[n], 0);
}

/* Each row of the table of a node's limits is written where it says, and read
 * back; one that is not taken is no limit. */
static void
test_limits_are_set(void **state)
{
	char dir[] = "/tmp/nexus-limits-XXXXXX", *text;
	struct nx_limits l = {.oom_group = true};
	const char *file;
	size_t i;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (i = 0; i < NX_NODE_LIMITS; i++)
		l.value[i] = nx_node_limits[i].bytes ? 8192 : 77 + i;
	for (i = 0; i < NX_NODE_LIMITS; i++) {
		file = nx_node_limits[i].cgroup;
		if (!file)
			continue;
		limit_files(fd, true);
		assert_int_equal(nx_cgroup_limit(fd, &l), 0);
		assert_true(nx_read_file(fd, file, 64, &text) > 0);
		print_message("# %s: %s\n", file, text);
		assert_int_equal(strtoull(text, NULL, 10), l.value[i]);
		free(text);
		assert_int_equal(unlinkat(fd, file, 0), 0);
		assert_int_equal(nx_cgroup_limit(fd, &l), -ENOENT);
	}
	limit_files(fd, true);
	l.value[NX_NODE_MEMORY] =
	    8193; /* a file keeps it, a kernel would not */
	assert_int_equal(nx_cgroup_limit(fd, &l), -ENOTSUP);
	limit_files(fd, false);
	assert_int_equal(rmdir(dir), 0);
	nx_close(&fd);
}

/* What a process holds: its own pages, and not those of a file on a disk. */
static void
test_memory_of_a_process(void **state)
{
	enum { SIZE = 16 << 20 };
	int fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	uint64_t before = nx_process_memory(getpid());
	char *own, *file;

	(void)state;
	assert_true(before > 0);
	own = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	assert_ptr_not_equal(own, MAP_FAILED);
	assert_true(nx_process_memory(getpid()) >= before + SIZE);
	munmap(own, SIZE);
	assert_int_equal(nx_process_memory(0), 0);
	if (fd < 0 || fcntl(fd, F_GET_SEALS) >= 0) {
		print_message("# this directory is on no disk\n");
		nx_close(&fd);
		return;
	}
	assert_int_equal(posix_fallocate(fd, 0, SIZE), 0);
	file = mmap(NULL, SIZE, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	assert_ptr_not_equal(file, MAP_FAILED);
	assert_true(nx_process_memory(getpid()) < before + SIZE / 2);
	munmap(file, SIZE);
	nx_close(&fd);
}

static void
test_filters_compile(void **state)
{
	struct nx_filter f;

	(void)state;
	assert_int_equal(nx_filter_compile(NX_FILTER_NODE, &f), 0);
	assert_true(f.prog[0].len > 100 && f.prog[1].len > 10);
	nx_filter_fini(&f);
	assert_int_equal(nx_filter_compile(NX_FILTER_FUNCTION, &f), 0);
	nx_filter_fini(&f);
}

static void
test_texts(void **state)
{
	struct node *n = node_new(&m);
	char *text;

	(void)state;
	strcpy(n->name, "web");
	n->address = 0x0a002a02;
	text = hosts_text(n);
	assert_non_null(strstr(text, "\n10.0.42.2\tweb\n"));
	free(text);
	text = resolv_text();
	assert_non_null(text);
	assert_null(strstr(text, "nameserver 127."));
	free(text);
	node_free(n);
	assert_non_null(runtime_find("python3"));
	assert_null(runtime_find("python"));
	assert_int_not_equal(node_pid_start(getpid()), 0);
	assert_int_equal(node_pid_start(0), 0);
}

int
main(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(test_lowest_free),
	    cmocka_unit_test(test_command),
	    cmocka_unit_test(test_output_is_bounded),
	    cmocka_unit_test(test_cgroup_files),
	    cmocka_unit_test(test_first_end_counts),
	    cmocka_unit_test(test_limits_are_set),
	    cmocka_unit_test(test_memory_of_a_process),
	    cmocka_unit_test(test_filters_compile),
	    cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests_name("nodemgr_parts", all, NULL, NULL);
}
