/*
 * Commands in nodes: what they get, what they return, and that nothing of them
 * is left.
 */
#include "tests/unit/nodemgr_commands.h"

static void
test_exec(void **state)
{
	char out[4096], *missing[1] = {(char *)(uintptr_t) "no-such-command"};
	struct answer a;
	struct command c;

	(void)state;
	assert_int_equal(create_node(&a, USER, "x", NULL), 0);
	forget_answer(&a);
	assert_int_equal(
	    run_in("x", "id -u; hostname; exit 5", out, sizeof(out)), 5);
	assert_string_equal(out, "0\nx\n");
	assert_int_equal(run_in("x", "kill -15 $$", NULL, 0), 128 + 15);
	/* exactly the node's sets, and no descriptor but the three */
	assert_int_equal(run_in("x",
			     "grep -E 'Cap|NoNew|Seccomp' "
			     "/proc/self/status | tr -d '\\t\\n'; ls "
			     "/proc/self/fd | tr '\\n' ,",
			     out, sizeof(out)),
	    0);
	assert_string_equal(out,
	    "CapInh:0000000000000000CapPrm:00000000800405fb"
	    "CapEff:00000000800405fbCapBnd:00000000800405fb"
	    "CapAmb:0000000000000000NoNewPrivs:1Seccomp:2"
	    "Seccomp_filters:30,1,2,3,");
	/* it is below the node's cgroup and in its namespaces */
	assert_int_equal(run_in("x",
			     "cat /proc/self/cgroup | grep -c '^0::/exec-';"
			     "ls -l /proc/1/ns 2>&1 | grep -c denied",
			     out, sizeof(out)),
	    0);
	begin_in(&c, "x", missing, 1, false);
	assert_int_equal(c.status, NX__STATUS__INVALID);
	/* an end is told to who began it, once */
	begin_sh(&c, "x", "exit 3", false);
	c.id++;
	assert_int_equal(end_of(&c), -NX__STATUS__NOT_FOUND);
	c.id--;
	assert_int_equal(end_of(&c), 3);
	assert_int_equal(end_of(&c), -NX__STATUS__NOT_FOUND);
	close_command(&c);
	/* the one that did not start may have left its cgroup a moment ago */
	for (int i = 0; i < 100 && world.m.execs; i++)
		turn();
	assert_null(world.m.execs);
	assert_int_equal(delete_node(USER, "x", true), 0);
}

/* Reads what comes until @want is in it, or for two seconds. */
static bool
see(int fd, const char *want, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	assert_int_equal(nx_fd_nonblock(fd, true), 0);
	for (int i = 0; i < 100; i++) {
		while ((n = read(fd, text + len, size - 1 - len)) > 0)
			len += (size_t)n;
		text[len] = '\0';
		if (strstr(text, want))
			return true;
		turn();
	}
	print_message("# saw: %s\n", text);
	return false;
}

/* The terminal is the node's own: it has a name there, a size, job control. */
static void
test_exec_terminal(void **state)
{
	struct command c;
	struct answer a;
	char text[4096];

	(void)state;
	assert_int_equal(create_node(&a, USER, "x", NULL), 0);
	forget_answer(&a);
	begin_sh(&c, "x",
	    "tty; stty size; ps -o tty= -p $$ 2>/dev/null; trap 'echo GOT' "
	    "INT; echo READY; while :; do sleep 0.05; done",
	    true);
	assert_int_equal(c.status, 0);
	assert_int_equal(c.n_fds, 1);
	assert_true(see(c.fds[0], "READY", text, sizeof(text)));
	assert_non_null(strstr(text, "/dev/pts/0\r\n33 99\r\n"));
	assert_int_equal(write(c.fds[0], "\003", 1), 1);
	assert_true(see(c.fds[0], "GOT", text, sizeof(text)));
	assert_int_equal(write(c.fds[0], "\034", 1), 1); /* quit */
	assert_int_equal(end_of(&c), 128 + SIGQUIT);
	close_command(&c);
	/* what is at /dev/ptmx is the node's to choose, and not looked at */
	assert_int_equal(
	    run_in("x", "rm /dev/ptmx; ln -s /dev/null /dev/ptmx", NULL, 0), 0);
	begin_sh(&c, "x", "tty", true);
	assert_int_equal(c.status, 0);
	assert_int_equal(end_of(&c), 0);
	close_command(&c);
	assert_int_equal(delete_node(USER, "x", true), 0);
}

/* Now, and not when it was sampled last. */
static unsigned
pids_of(const struct node *n)
{
	struct nx_cgroup_stat stat;

	assert_int_equal(nx_cgroup_read(n->warden.cgroup, &stat), 0);
	assert_true(stat.memory > 0);
	return stat.pids;
}

static void
create_small(const char *name)
{
	Nx__NodeCreateRequest q = NX__NODE_CREATE_REQUEST__INIT;
	struct answer a;

	q.name = (char *)(uintptr_t)name;
	q.storage = 16 << 20;
	q.pids_max = 64;
	assert_int_equal(ask_as(&a, USER, NX__METHOD__NODE_CREATE, &q.base), 0);
	forget_answer(&a);
}

/* Without controllers, too: of a whole node, whoever in there they belong to,
 * and no other node has fewer for it. */
static void
test_processes_are_bounded(void **state)
{
	/* all ten are there before the first of them takes what is left */
	static const char by_many[] =
	    "exec python3 -c \"\n"
	    "import os, time\n"
	    "r, w = os.pipe()\n"
	    "for uid in range(100, 110):\n"
	    " if os.fork(): continue\n"
	    " os.close(w)\n"
	    " os.read(r, 1)\n"
	    " os.setuid(uid)\n"
	    " for i in range(40):\n"
	    "  try:\n"
	    "   if os.fork() == 0: time.sleep(60); os._exit(0)\n"
	    "  except OSError: time.sleep(0.01)\n"
	    " time.sleep(60)\n"
	    "os.close(w)\n"
	    "time.sleep(60)\"\n";
	struct command bomb;
	unsigned n, most = 0;
	char out[64];

	(void)state;
	create_small("y");
	create_small("x");
	assert_string_equal(world.m.nodes->next->name, "x");
	begin_sh(&bomb, "x", by_many, false);
	/* a while longer than it takes, to see that there it ends */
	for (int i = 0; i < 3000 && (most < 60 || i < 50); i++) {
		turn();
		n = pids_of(world.m.nodes->next);
		most = n > most ? n : most;
	}
	print_message("# processes of ten users: %u\n", most);
	assert_in_range(most, 60, 64);
	(void)run_in("y",
	    "(for i in $(seq 200); do sleep 30 & done) 2>/dev/null; set -- "
	    "/proc/[0-9]*; echo $#",
	    out, sizeof(out));
	print_message("# of another node: %s\n", out);
	assert_in_range(atoi(out), 60, 64);
	close_command(&bomb);
	assert_int_equal(delete_node(USER, "x", true), 0);
	assert_int_equal(delete_node(USER, "y", true), 0);
}

/* What the kernel gives to each user is each node's: one that takes all of it
 * leaves as much to the others. */
static void
test_counts_are_apart(void **state)
{
	static const char take_all[] =
	    "exec python3 -c \"\n"
	    "import ctypes, os, time\n"
	    "libc = ctypes.CDLL(None)\n"
	    "n = 0\n"
	    "while n < 500 and libc.inotify_init() >= 0: n += 1\n"
	    "print(n, flush=True)\n"
	    "os.read(0, 1)\"\n";
	struct command x, y;
	char of_x[16], of_y[16];
	struct answer a;

	(void)state;
	assert_int_equal(create_node(&a, USER, "x", NULL), 0);
	forget_answer(&a);
	assert_int_equal(create_node(&a, USER, "y", NULL), 0);
	forget_answer(&a);
	begin_sh(&x, "x", take_all, false);
	assert_true(see(x.fds[1], "\n", of_x, sizeof(of_x)));
	begin_sh(&y, "y", take_all, false);
	assert_true(see(y.fds[1], "\n", of_y, sizeof(of_y)));
	print_message("# inotify instances: %s# and %s", of_x, of_y);
	assert_true(atoi(of_x) > 16 && atoi(of_y) > 16);
	close_command(&x);
	close_command(&y);
	assert_int_equal(delete_node(USER, "x", true), 0);
	assert_int_equal(delete_node(USER, "y", true), 0);
}

/* What a command leaves behind, in whatever session, ends with it. */
static void
test_exec_leaves_nothing(void **state)
{
	struct command c;
	struct answer a;

	(void)state;
	assert_int_equal(create_node(&a, USER, "x", NULL), 0);
	forget_answer(&a);
	assert_int_equal(run_in("x",
			     "setsid sh -c 'setsid sleep 1000 & sleep 1000' "
			     "</dev/null >/dev/null 2>&1 & sleep 0.2; exit 4",
			     NULL, 0),
	    4);
	assert_int_equal(pids_of(world.m.nodes), 1);
	/* and so do all when the caller goes */
	begin_sh(&c, "x", "setsid sleep 1000 & sleep 1000", false);
	for (int i = 0; i < 10; i++)
		turn();
	assert_int_equal(pids_of(world.m.nodes), 4);
	assert_non_null(world.m.execs);
	world_link(world.admin, NX_ROLE_ADMIN); /* the old pair is gone */
	for (int i = 0; i < 100 && world.m.execs; i++)
		turn();
	assert_null(world.m.execs);
	close_command(&c);
	assert_int_equal(pids_of(world.m.nodes), 1);
	assert_int_equal(delete_node(USER, "x", true), 0);
}

/*
 * The commands are children of nodemgr: while one of them is a zombie, the
 * node's init cannot end, and whoever waits for it never wakes.
 */
static void
test_delete_while_commands_run(void **state)
{
	Nx__NodeDeleteRequest d = NX__NODE_DELETE_REQUEST__INIT;
	Nx__NodeListRequest l = NX__NODE_LIST_REQUEST__INIT;
	Nx__NodeExecRequest q = NX__NODE_EXEC_REQUEST__INIT;
	char *words[2] = {
	    (char *)(uintptr_t) "sleep", (char *)(uintptr_t) "1000"};
	struct answer a, list, execs[6];
	int round, i;

	(void)state;
	d.node = q.node = (char *)(uintptr_t) "x";
	d.force = true;
	q.command = words;
	q.n_command = 2;
	for (round = 0; round < 8; round++) {
		assert_int_equal(create_node(&a, USER, "x", NULL), 0);
		forget_answer(&a);
		for (i = 0; i < 6; i++)
			ask_async(&execs[i], world.admin, NX__METHOD__NODE_EXEC,
			    &q.base, USER, NULL, 0);
		/* in some rounds they are still on their way in */
		for (i = 0; i < round; i++)
			turn();
		alarm(20); /* the loop would stand still for ever */
		ask_async(&a, world.admin, NX__METHOD__NODE_DELETE, &d.base,
		    USER, NULL, 0);
		ask_async(&list, world.admin, NX__METHOD__NODE_LIST, &l.base,
		    USER, NULL, 0);
		settle(&list);
		settle(&a);
		assert_int_equal(a.status, 0);
		for (i = 0; i < 6; i++) {
			settle(&execs[i]);
			forget_answer(&execs[i]);
		}
		alarm(0);
		forget_answer(&list);
		forget_answer(&a);
	}
	for (i = 0; i < 50 && has_children(); i++)
		turn();
	assert_false(has_children());
}

static int
tests(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(test_exec),
	    cmocka_unit_test(test_exec_terminal),
	    cmocka_unit_test(test_exec_leaves_nothing),
	    cmocka_unit_test(test_processes_are_bounded),
	    cmocka_unit_test(test_counts_are_apart),
	    cmocka_unit_test(test_delete_while_commands_run),
	};

	world_open();
	return cmocka_run_group_tests_name("nodemgr_exec", all, NULL, NULL);
}

int
main(void)
{
	return lab_main(tests);
}
