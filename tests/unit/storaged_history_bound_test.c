/*
 * History given up: in time, beyond a user's bounds, when others need the room,
 * and when somebody asks for it. What is left is judged by the check of the
 * catalogue.
 */
#include <sys/syscall.h>

#include "tests/unit/storaged_history_lab.h"

static unsigned syncs; /* of the log of the catalogue, and of all else */

int
fdatasync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	syncs++;
	return (int)syscall(SYS_fsync, fd);
}

static void
test_expires(void **state)
{
	(void)state;
	assert_int_equal(put_file(1, "/f", 10, 1), 0);
	assert_int_equal(put_file(1, "/f", 20, 1), 0);
	fill_folder(1, "/d", 50);
	assert_int_equal(do_delete(1, "/d"), 0);
	give_up(0, true);
	assert_int_equal(versions(1, "/f"), 1);
	assert_int_equal(deleted(1, "/"), 1);
	age(KEEP + 1);
	assert_int_equal(put_file(1, "/f", 30, 1), 0);
	give_up(0, true);
	assert_int_equal(versions(1, "/f"), 1);
	assert_int_equal(pasts[0].entry.size, 20);
	assert_int_equal(deleted(1, "/"), 0);
	reap_all();
	assert_int_equal(n_chunks(), 2);
	check();
	recount();
}

/* The content of what is given up is unlinked at once: a power cut must not bring
 * back the version alone. What gives up nothing costs no sync. */
static void
test_is_synced(void **state)
{
	(void)state;
	assert_int_equal(put_file(1, "/f", 10, 1), 0);
	assert_int_equal(put_file(1, "/f", 20, 1), 0);
	give_up(0, true);
	syncs = 0;
	give_up(0, true);
	assert_int_equal(syncs, 0);
	age(KEEP + 1);
	syncs = 0;
	give_up(0, true);
	assert_int_equal(versions(1, "/f"), 0);
	assert_true(syncs > 0);
	assert_int_equal(put_file(1, "/f", 30, 1), 0);
	syncs = 0;
	assert_int_equal(give_up(1, true), 4096);
	assert_true(syncs > 0);
}

/* Nobody has more of it than may count. */
static void
test_bound(void **state)
{
	char path[32];

	(void)state;
	keep(KEEP, 10 * 4096);
	for (int i = 0; i < 30; i++) {
		(void)snprintf(path, sizeof(path), "/f%d", i % 3);
		assert_int_equal(put_file(1, path, 10, 1), 0);
	}
	assert_int_equal(number("SELECT history FROM users"), 10 * 4096);
	assert_int_equal(number("SELECT count(*) FROM past"), 10);
	/* The oldest went. */
	assert_int_equal(versions(1, "/f0"), 3);
	/* A large one takes the place of many, some at once. */
	assert_int_equal(put_file(1, "/large", 9 * 4096, 1), 0);
	assert_int_equal(do_delete(1, "/large"), 0);
	give_up(0, true);
	assert_in_range(
	    number("SELECT history FROM users"), 9 * 4096, 10 * 4096);
	assert_int_equal(deleted(1, "/"), 1);
	/* What is larger than all of it is not kept. */
	assert_int_equal(put_file(1, "/huge", 11 * 4096, 1), 0);
	assert_int_equal(do_delete(1, "/huge"), 0);
	give_up(0, true);
	assert_in_range(number("SELECT history FROM users"), 0, 10 * 4096);
	assert_int_equal(versions(1, "/huge"), -CATALOG_NO_PATH);
	check();
	recount();
}

/* Who has most gives first, the oldest. */
static void
test_release(void **state)
{
	char path[32];

	(void)state;
	for (int i = 0; i < 20; i++) {
		(void)snprintf(path, sizeof(path), "/f%d", i);
		assert_int_equal(put_file(1, path, 100000, 1), 0);
		assert_int_equal(do_delete(1, path), 0);
		if (i % 4 == 0)
			assert_int_equal(put_file(2, path, 100000, 1), 0);
		if (i % 4 == 0)
			assert_int_equal(do_delete(2, path), 0);
	}
	assert_int_equal(give_up(1000000, true), 1000000);
	assert_int_equal(deleted(2, "/"), 5);
	assert_int_equal(deleted(1, "/"), 10);
	assert_string_equal(pasts[0].entry.name, "f10");
	assert_int_equal(give_up(1000000000, true), 1500000);
	assert_int_equal(number("SELECT count(*) FROM past"), 0);
	assert_int_equal(n_chunks(), 0);
	check();
}

static void
test_purge(void **state)
{
	(void)state;
	fill_folder(1, "/d", 20);
	assert_int_equal(put_file(1, "/d/s0/f0", 1, 1), 0);
	assert_int_equal(put_file(1, "/d/s0/f0", 2, 1), 0);
	assert_int_equal(do_delete(1, "/d/s0/f7"), 0);
	assert_int_equal(do_delete(1, "/d/s1"), 0);
	assert_int_equal(put_file(1, "/e", 1, 1), 0);
	assert_int_equal(put_file(1, "/e", 2, 1), 0);
	assert_int_equal(do_mkdir(1, "/x/y", true), 0);
	assert_int_equal(put_file(1, "/x/y/z", 1, 1), 0);
	assert_int_equal(put_file(1, "/x/y/z", 2, 1), 0);
	assert_int_equal(versions(1, "/d/s0/f0"), 2);
	assert_int_equal(purge(1, "/d/s0/f0", pasts[0].past), 0);
	assert_int_equal(purged.files, 1);
	assert_int_equal(versions(1, "/d/s0/f0"), 1);
	assert_int_equal(pasts[0].entry.size, 100);
	/* Below a folder, and nothing beside it. */
	assert_int_equal(purge(1, "/d", 0), 0);
	assert_int_equal(purged.files, 2 + 3);
	assert_int_equal(purged.folders, 1);
	assert_int_equal(versions(1, "/e"), 1);
	assert_int_equal(versions(1, "/x/y/z"), 1);
	assert_int_equal(versions(1, "/d/s0/f0"), 0);
	assert_int_equal(size_at(1, "/d/s0/f0"), 2);
	assert_int_equal(deleted(1, "/d"), 0);
	/* What has gone, by its name. */
	assert_int_equal(do_delete(1, "/e"), 0);
	assert_int_equal(purge(1, "/e", 0), 0);
	assert_int_equal(purged.files, 2);
	assert_int_equal(versions(1, "/e"), -CATALOG_NO_PATH);
	reap_all();
	assert_int_equal(n_chunks(), 16 + 2);
	check();
	recount();
}

/* Who is told that it is gone does not find it again after a power cut: the last
 * sync comes after the last row. */
static void
test_purge_is_synced(void **state)
{
	(void)state;
	assert_int_equal(put_file(1, "/f", 10, 1), 0);
	assert_int_equal(put_file(1, "/f", 20, 1), 0);
	give_up(0, true);
	syncs = 0;
	assert_int_equal(purge(1, "/f", 0), 0);
	assert_int_equal(purged.files, 1);
	assert_true(syncs > 0);
}

static void
test_forever(void **state)
{
	(void)state;
	fill_folder(1, "/d", 20);
	assert_int_equal(do_delete(1, "/d/s1/f1"), 0);
	assert_int_equal(delete_forever(1, "/d"), 0);
	assert_int_equal(deleted(1, "/"), 0);
	reap_all();
	assert_int_equal(n_chunks(), 0);
	assert_int_equal(number("SELECT history + pasts FROM users"), 0);
	check();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    H(test_expires),
	    H(test_is_synced),
	    H(test_bound),
	    H(test_release),
	    H(test_purge),
	    H(test_purge_is_synced),
	    H(test_forever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
