/*
 * Locked paths and what was there before: it is neither purged nor made room of
 * before the lock ends, and is not brought back over what is there.
 */
#include "storaged/catalog/catalog_lock.h"
#include "tests/unit/storaged_history_lab.h"

static int
lock(const char *path, unsigned seconds)
{
	struct catalog_lock_path *op = calloc(1, sizeof(*op));
	int result = INT32_MAX;

	parse(path, &op->path);
	op->owner = 1;
	op->until = catalog_clock(lab.c) + seconds;
	op->done = on_done;
	op->arg = &result;
	catalog_lock_path(lab.c, op);
	wait_for(&result);
	free(op);
	return result;
}

static void
fill(void)
{
	assert_int_equal(do_mkdir(1, "/kept/sub", true), 0);
	assert_int_equal(put_file(1, "/kept/f", 10, 1), 0);
	assert_int_equal(put_file(1, "/kept/f", 20, 1), 0);
	assert_int_equal(put_file(1, "/kept/sub/g", 30, 1), 0);
	assert_int_equal(do_delete(1, "/kept/sub/g"), 0);
	assert_int_equal(put_file(1, "/free", 10, 1), 0);
	assert_int_equal(put_file(1, "/free", 20, 1), 0);
	assert_int_equal(lock("/kept", 3600), 0);
}

static void
test_purge(void **state)
{
	(void)state;
	fill();
	assert_int_equal(purge(1, "/kept", 0), 0);
	assert_int_equal(purged.locked, 2);
	assert_int_equal(purge(1, "/kept/f", 0), 0);
	assert_int_equal(purged.locked, 1);
	assert_int_equal(versions(1, "/kept/f"), 1);
	assert_int_equal(versions(1, "/kept/sub/g"), 1);
	assert_int_equal(purge(1, "/free", 0), 0);
	assert_int_equal(purged.locked, 0);
	assert_int_equal(versions(1, "/free"), 0);
	assert_int_equal(number("UPDATE clock SET seen = unixepoch() + 7200"
				" RETURNING 1"),
	    1);
	assert_int_equal(purge(1, "/kept", 0), 0);
	assert_int_equal(purged.locked, 0);
	assert_int_equal(versions(1, "/kept/f"), 0);
	check();
}

static void
test_restore(void **state)
{
	(void)state;
	fill();
	assert_int_equal(restore_over(1, "/kept/f", 0), CATALOG_KEPT);
	assert_int_equal(size_at(1, "/kept/f"), 20);
	/* To where nothing is it comes, and stays. */
	assert_int_equal(restore(1, "/kept/sub/g", 0, NULL), 0);
	assert_int_equal(size_at(1, "/kept/sub/g"), 30);
	assert_int_equal(do_delete(1, "/kept/sub/g"), CATALOG_KEPT);
	assert_int_equal(delete_forever(1, "/kept/f"), CATALOG_KEPT);
	assert_int_equal(versions(1, "/kept/f"), 1);
	check();
}

#define H(f) cmocka_unit_test_setup_teardown(f, history_setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {H(test_purge), H(test_restore)};

	return cmocka_run_group_tests_name(
	    "storaged_kept_past", tests, NULL, NULL);
}
