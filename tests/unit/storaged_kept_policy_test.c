/*
 * What a folder wants for what comes into it, while the folder is deleted, in
 * the history, and back.
 */
#include "tests/unit/storaged_history_lab.h"

static void
want(const char *path, uint32_t replicas)
{
	static struct catalog_policy_op op;
	int result = INT32_MAX;

	op = (struct catalog_policy_op){.owner = 1,
	    .policy = {.replicas = replicas},
	    .done = on_done,
	    .arg = &result};
	parse(path, &op.path);
	catalog_policy_set(lab.c, &op);
	wait_for(&result);
	assert_int_equal(result, 0);
}

static uint32_t
wanted(const char *path)
{
	struct catalog_policy policy;
	struct path p;

	parse(path, &p);
	assert_int_equal(catalog_policy(lab.c, 1, &p, true, &policy), 0);
	return policy.replicas;
}

/* A copy of the folder is a new one. */
static void
test_comes_back(void **state)
{
	(void)state;
	assert_int_equal(do_mkdir(1, "/a/b", true), 0);
	want("/a", 2);
	want("/a/b", 3);
	assert_int_equal(do_copy(1, "/a", "/copy", false), 0);
	assert_int_equal(wanted("/copy/b"), 0);
	assert_int_equal(do_delete(1, "/a"), 0);
	check();
	assert_int_equal(do_mkdir(1, "/a/b", true), 0);
	assert_int_equal(wanted("/a/b"), 0);
	assert_int_equal(restore(1, "/a", 0, "/again"), 0);
	assert_int_equal(wanted("/again"), 2);
	assert_int_equal(wanted("/again/b"), 3);
	check();
}

/* Purged, out of the history by its time, and without ever being in it. */
static void
test_leaves_nothing(void **state)
{
	(void)state;
	assert_int_equal(do_mkdir(1, "/a/b", true), 0);
	want("/a", 2);
	want("/a/b", 3);
	assert_int_equal(do_delete(1, "/a"), 0);
	assert_int_equal(purge(1, "/a", 0), 0);
	reap_all();
	assert_int_equal(number("SELECT count(*) FROM policies"), 0);
	assert_int_equal(do_mkdir(1, "/a/b", true), 0);
	want("/a", 2);
	want("/a/b", 3);
	assert_int_equal(do_delete(1, "/a/b"), 0);
	age(KEEP + 1);
	(void)give_up(0, true);
	reap_all();
	assert_int_equal(number("SELECT count(*) FROM policies"), 1);
	assert_int_equal(delete_forever(1, "/a"), 0);
	reap_all();
	assert_int_equal(number("SELECT count(*) FROM policies"), 0);
	check();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    H(test_comes_back),
	    H(test_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
