/*
 * Nodes through nodemgr's own handlers and operations, with neighbours that
 * answer, refuse, or send nonsense.
 */
#include "tests/unit/nodemgr_commands.h"

static void
test_life(void **state)
{
	struct answer a;
	const Nx__NodeInfo *info;
	char ip[20];

	(void)state;
	assert_int_equal(create_node(&a, USER, "web", NULL), 0);
	info = (const Nx__NodeInfo *)a.body;
	assert_string_equal(info->status, "Running");
	assert_string_equal(info->ip, "10.0.42.2");
	assert_int_equal(info->uid_base, LAB_BASE);
	assert_true(info->pid > 0);
	snprintf(ip, sizeof(ip), "%s", info->ip);
	forget_answer(&a);
	assert_int_equal(
	    create_node(&a, USER, "web", NULL), NX__STATUS__EXISTS);
	forget_answer(&a);
	/* another user's name is his own, and his node nobody else's */
	assert_int_equal(create_node(&a, USER + 1, "web", NULL), 0);
	info = (const Nx__NodeInfo *)a.body;
	assert_string_equal(info->ip, "10.0.42.3");
	assert_int_equal(info->uid_base, LAB_BASE + 65536);
	assert_int_equal(
	    delete_node(USER, info->id, true), NX__STATUS__NOT_FOUND);
	forget_answer(&a);
	assert_int_equal(delete_node(USER, "web", false), NX__STATUS__CONFLICT);
	assert_int_equal(stop_node(USER, "web"), 0);
	assert_true(becomes(USER, "web", "Stopped", NULL));
	assert_int_equal(node_verb(&a, USER, NX__METHOD__NODE_START, "web"), 0);
	info = (const Nx__NodeInfo *)a.body;
	assert_string_equal(info->status, "Running");
	assert_string_equal(info->ip, ip);
	forget_answer(&a);
	assert_int_equal(delete_node(USER, "web", true), 0);
	assert_int_equal(delete_node(USER, "web", true), NX__STATUS__NOT_FOUND);
	/* the address and the ids are free again */
	assert_int_equal(create_node(&a, USER, "next", NULL), 0);
	info = (const Nx__NodeInfo *)a.body;
	assert_string_equal(info->ip, "10.0.42.2");
	assert_int_equal(info->uid_base, LAB_BASE);
	forget_answer(&a);
	assert_int_equal(delete_node(USER, "next", true), 0);
	assert_int_equal(delete_node(USER + 1, "web", true), 0);
	assert_int_equal(world.volumes, 0);
	assert_int_equal(world.links, 0);
}

static void
test_shares(void **state)
{
	struct answer a;

	(void)state;
	world.m.conf.user_nodes = 2;
	assert_int_equal(create_node(&a, USER, "a", NULL), 0);
	forget_answer(&a);
	assert_int_equal(create_node(&a, USER, "b", NULL), 0);
	forget_answer(&a);
	assert_int_equal(
	    create_node(&a, USER, "c", NULL), NX__STATUS__CONFLICT);
	forget_answer(&a);
	/* others have their own share, the operator has none */
	assert_int_equal(create_node(&a, USER + 1, "c", NULL), 0);
	forget_answer(&a);
	world.m.conf.user_nodes = 0;
	world.m.conf.user_storage = 1;
	assert_int_equal(
	    create_node(&a, USER, "c", NULL), NX__STATUS__CONFLICT);
	forget_answer(&a);
	assert_int_equal(create_node(&a, 0, "c", NULL), 0);
	forget_answer(&a);
	world.m.conf.user_storage = 0;
	assert_int_equal(delete_node(USER, "a", true), 0);
	assert_int_equal(delete_node(USER, "b", true), 0);
	assert_int_equal(delete_node(USER + 1, "c", true), 0);
	assert_int_equal(delete_node(0, "c", true), 0);
}

static void
test_refusals(void **state)
{
	static const struct {
		const char *name;
		uint64_t memory, storage;
		uint32_t weight, pids;
		const char *image;
		Nx__Status status;
	} bad[] = {
	    {"", 0, 16 << 20, 0, 0, "", NX__STATUS__INVALID},
	    {"-x", 0, 16 << 20, 0, 0, "", NX__STATUS__INVALID},
	    {"Upper", 0, 16 << 20, 0, 0, "", NX__STATUS__INVALID},
	    {"a/b", 0, 16 << 20, 0, 0, "", NX__STATUS__INVALID},
	    {"a", 1 << 20, 16 << 20, 0, 0, "", NX__STATUS__INVALID},
	    {"a", 1ULL << 60, 16 << 20, 0, 0, "", NX__STATUS__INVALID},
	    {"a", 0, (16 << 20) - 1, 0, 0, "", NX__STATUS__INVALID},
	    {"a", 0, 0, 0, 0, "", NX__STATUS__INVALID},
	    {"a", 0, 16 << 20, 10001, 0, "", NX__STATUS__INVALID},
	    {"a", 0, 16 << 20, 0, 1, "", NX__STATUS__INVALID},
	    {"a", 0, 16 << 20, 0, 0, "none", NX__STATUS__NOT_FOUND},
	    {"a", 0, 16 << 20, 0, 0, "..", NX__STATUS__NOT_FOUND},
	};
	struct answer a;
	size_t i;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(bad); i++) {
		Nx__NodeCreateRequest q = NX__NODE_CREATE_REQUEST__INIT;

		q.name = (char *)(uintptr_t)bad[i].name;
		q.image = (char *)(uintptr_t)bad[i].image;
		q.memory = bad[i].memory;
		q.storage = bad[i].storage;
		q.cpu_weight = bad[i].weight;
		q.pids_max = bad[i].pids;
		assert_int_equal(
		    ask_as(&a, USER, NX__METHOD__NODE_CREATE, &q.base),
		    bad[i].status);
		assert_true(a.error[0]);
		forget_answer(&a);
	}
	/* no controllers here: an error, unless that was waived */
	world.m.best_effort = world.m.cgroups.controllers;
	assert_int_equal(create_node(&a, USER, "a", NULL),
	    world.m.cgroups.controllers ? 0 : NX__STATUS__UNSUPPORTED);
	forget_answer(&a);
	world.m.best_effort = true;
	(void)delete_node(USER, "a", true);
	assert_null(world.m.nodes);
}

static void
test_ends(void **state)
{
	static const struct {
		const char *command, *status, *reason;
	} ends[] = {
	    {"sleep 0.1", "Stopped", "exit 0"},
	    {"exit 3", "Failed", "exit 3"},
	    {"kill -9 $$", "Failed", "signal 9"},
	    {"exec /nonexistent", "Failed", "exit 127"},
	};
	struct answer a;
	char reason[64];
	size_t i;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(ends); i++) {
		assert_int_equal(
		    create_node(&a, USER, "e", ends[i].command), 0);
		forget_answer(&a);
		assert_true(becomes(USER, "e", ends[i].status, reason));
		assert_string_equal(reason, ends[i].reason);
		assert_int_equal(world.links, 0);
		assert_int_equal(delete_node(USER, "e", false), 0);
	}
	assert_int_equal(create_node(&a, USER, "e", "sleep 1000"), 0);
	forget_answer(&a);
	assert_int_equal(stop_node(USER, "e"), 0);
	assert_true(becomes(USER, "e", "Stopped", reason));
	assert_string_equal(reason, "stopped");
	assert_int_equal(delete_node(USER, "e", false), 0);
	/* one that does not listen */
	assert_int_equal(create_node(&a, USER, "e",
			     "trap '' TERM; while :; do sleep 1; done"),
	    0);
	forget_answer(&a);
	assert_int_equal(stop_node(USER, "e"), 0);
	assert_true(becomes(USER, "e", "Stopped", reason));
	assert_int_equal(delete_node(USER, "e", false), 0);
}

static Nx__Status
create_with(struct answer *a, const char *program)
{
	Nx__NodeCreateRequest q = NX__NODE_CREATE_REQUEST__INIT;
	char *words[2] = {(char *)(uintptr_t)program, (char *)(uintptr_t) "x"};

	q.name = (char *)(uintptr_t) "p";
	q.storage = 16 << 20;
	q.command = words;
	q.n_command = 2;
	return ask_as(a, USER, NX__METHOD__NODE_CREATE, &q.base);
}

/* A program that cannot be executed is no node that runs. */
static void
test_program_that_is_none(void **state)
{
	static const char *const none[] = {
	    "/nonexistent", "no-such-program", "/etc/passwd", "/usr"};
	struct answer a;
	size_t i;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(none); i++) {
		assert_int_equal(create_with(&a, none[i]), NX__STATUS__INVALID);
		print_message("# %s\n", a.error);
		assert_non_null(strstr(a.error, none[i]));
		assert_non_null(strstr(a.error, "cannot run"));
		forget_answer(&a);
		assert_nothing_left();
	}
	/* it was there, and is not any more: the node stays, and says so */
	assert_int_equal(create_node(&a, USER, "p", NULL), 0);
	forget_answer(&a);
	assert_int_equal(stop_node(USER, "p"), 0);
	free(world.m.nodes->command);
	world.m.nodes->command = strdup("/nonexistent");
	world.m.nodes->command_len = strlen("/nonexistent") + 1;
	assert_int_equal(node_verb(&a, USER, NX__METHOD__NODE_START, "p"),
	    NX__STATUS__INVALID);
	forget_answer(&a);
	assert_true(becomes(USER, "p", "Failed", NULL));
	assert_int_equal(delete_node(USER, "p", false), 0);
	assert_nothing_left();
}

/* @n words of 1000 bytes behind "sleep 1000", which nobody reads. */
static Nx__Status
create_long(struct answer *a, const char *name, size_t n)
{
	static char pad[1001],
	    *words[64] = {(char *)(uintptr_t) "/bin/sh",
		(char *)(uintptr_t) "-c", (char *)(uintptr_t) "sleep 1000"};
	Nx__NodeCreateRequest q = NX__NODE_CREATE_REQUEST__INIT;
	size_t i;

	memset(pad, 'x', sizeof(pad) - 1);
	for (i = 0; i < n; i++)
		words[3 + i] = pad;
	q.name = (char *)(uintptr_t)name;
	q.storage = 16 << 20;
	q.command = words;
	q.n_command = 3 + n;
	return ask_as(a, USER, NX__METHOD__NODE_CREATE, &q.base);
}

/* What a user may say must fit what is said about it. */
static void
test_long_commands(void **state)
{
	Nx__NodeListRequest q = NX__NODE_LIST_REQUEST__INIT;
	const Nx__NodeListReply *page;
	char name[16], after[40] = "";
	size_t seen = 0, pages = 0;
	struct answer a;
	int i;

	(void)state;
	assert_int_equal(create_long(&a, "a", 60), NX__STATUS__INVALID);
	assert_non_null(strstr(a.error, "16 KiB"));
	forget_answer(&a);
	for (i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(create_long(&a, name, 16), 0);
		forget_answer(&a);
	}
	do {
		q.after = after;
		assert_int_equal(
		    ask_as(&a, USER, NX__METHOD__NODE_LIST, &q.base), 0);
		page = (const Nx__NodeListReply *)a.body;
		assert_true(page->n_nodes > 0);
		seen += page->n_nodes;
		pages++;
		snprintf(after, sizeof(after), "%s", page->next);
		forget_answer(&a);
	} while (after[0]);
	assert_int_equal(seen, 5);
	assert_true(pages > 1);
	for (i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(delete_node(USER, name, true), 0);
	}
}

static void
test_patience(void **state)
{
	Nx__NodeStopRequest q = NX__NODE_STOP_REQUEST__INIT;
	struct answer a;

	(void)state;
	assert_int_equal(create_node(&a, USER, "a", NULL), 0);
	forget_answer(&a);
	q.node = (char *)(uintptr_t) "a";
	q.timeout_ms = 600001;
	assert_int_equal(ask_as(&a, USER, NX__METHOD__NODE_STOP, &q.base),
	    NX__STATUS__INVALID);
	forget_answer(&a);
	assert_int_equal(delete_node(USER, "a", true), 0);
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
	uint64_t made[ROUNDS], gone[ROUNDS], t;
	struct answer a;
	size_t i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		t = nx_now_us();
		assert_int_equal(create_node(&a, USER, "t", NULL), 0);
		made[i] = nx_now_us() - t;
		forget_answer(&a);
		t = nx_now_us();
		assert_int_equal(delete_node(USER, "t", true), 0);
		gone[i] = nx_now_us() - t;
	}
	qsort(made, ROUNDS, sizeof(t), compare);
	qsort(gone, ROUNDS, sizeof(t), compare);
	print_message("# through the handlers, without ext4 and veth: create "
		      "p50 %.1f ms p99 %.1f ms, delete p50 %.1f ms\n",
	    (double)made[ROUNDS / 2] / 1000, (double)made[ROUNDS - 1] / 1000,
	    (double)gone[ROUNDS / 2] / 1000);
}

static int
tests(void)
{
	const struct CMUnitTest all[] = {
	    cmocka_unit_test(test_life),
	    cmocka_unit_test(test_shares),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_ends),
	    cmocka_unit_test(test_program_that_is_none),
	    cmocka_unit_test(test_long_commands),
	    cmocka_unit_test(test_patience),
	    cmocka_unit_test(test_time),
	};

	world_open();
	return cmocka_run_group_tests_name(
	    "nodemgr_lifecycle", all, NULL, NULL);
}

int
main(void)
{
	return lab_main(tests);
}
