/*
 * Folders that were deleted: what they held is listed and copied out of them,
 * file by file or a folder whole, as long as they can be had again.
 */
#include "tests/unit/storaged_history_lab.h"

static size_t
shown(const char *text, const char *after, int64_t past, size_t max)
{
	struct path path;
	size_t n = 0;

	parse(text, &path);
	assert_int_equal(
	    catalog_deleted(lab.c, 1, &path, after, past, pasts, max, &n), 0);
	return n;
}

static void
assert_shown(size_t i, const char *name, uint64_t size, bool folder)
{
	assert_string_equal(pasts[i].entry.name, name);
	assert_int_equal(pasts[i].entry.size, size);
	assert_int_equal(pasts[i].entry.folder, folder);
	assert_int_equal(pasts[i].why, CATALOG_DELETED);
	assert_true(pasts[i].until > pasts[i].gone_at);
}

static void
fill(void)
{
	assert_int_equal(do_mkdir(1, "/d/sub/deep", true), 0);
	assert_int_equal(put_file(1, "/d/c", 30, 1), 0);
	assert_int_equal(put_file(1, "/d/a", 10, 1), 0);
	assert_int_equal(put_file(1, "/d/b", 20, 1), 0);
	assert_int_equal(put_file(1, "/d/sub/x", 5, 1), 0);
	assert_int_equal(do_delete(1, "/d/b"), 0);
	assert_int_equal(do_delete(1, "/d"), 0);
}

static void
test_listed(void **state)
{
	(void)state;
	fill();
	assert_int_equal(shown("/d", "", 0, PAGE), 4);
	assert_shown(0, "a", 10, false);
	assert_int_equal(pasts[0].past, 0);
	assert_shown(1, "b", 20, false);
	assert_true(pasts[1].past > 0);
	assert_shown(2, "c", 30, false);
	assert_shown(3, "sub", 5, true);
	assert_int_equal(shown("/d/sub", "", 0, PAGE), 2);
	assert_shown(0, "deep", 0, true);
	assert_shown(1, "x", 5, false);
	assert_int_equal(shown("/d/sub/deep", "", 0, PAGE), 0);
	/* Nobody else's, no file, nothing that never was. */
	assert_int_equal(deleted(2, "/d"), -CATALOG_NO_PATH);
	assert_int_equal(deleted(1, "/d/a"), -CATALOG_NO_PATH);
	assert_int_equal(deleted(1, "/d/none"), -CATALOG_NO_PATH);
	/* What is there now is what is meant. */
	assert_int_equal(do_mkdir(1, "/d", false), 0);
	assert_int_equal(deleted(1, "/d"), 0);
	assert_int_equal(purge(1, "/d", 0), 0);
	assert_int_equal(do_delete(1, "/d"), 0);
	check();
}

/* Each once, in order, whatever the pages. */
static void
test_pages(void **state)
{
	char path[32], after[PATH_NAME_MAX + 1] = "";
	int64_t past = 0;
	size_t n, all = 0;

	(void)state;
	assert_int_equal(do_mkdir(1, "/d", false), 0);
	for (int i = 0; i < 60; i++) {
		(void)snprintf(path, sizeof(path), "/d/%02d", i / 2);
		assert_int_equal(put_file(1, path, (uint64_t)i + 1, 1), 0);
		if (i % 4 != 3)
			assert_int_equal(do_delete(1, path), 0);
	}
	assert_int_equal(do_delete(1, "/d"), 0);
	while ((n = shown("/d", after, past, 7)) > 0) {
		for (size_t i = 0; i < n; i++) {
			int order = strcmp(pasts[i].entry.name, after);

			assert_true(
			    order > 0 || (order == 0 && pasts[i].past > past));
			(void)snprintf(
			    after, sizeof(after), "%s", pasts[i].entry.name);
			past = pasts[i].past;
		}
		all += n;
	}
	assert_int_equal(all, 60);
}

static void
test_one_file(void **state)
{
	struct catalog_usage before, u;

	(void)state;
	fill();
	assert_int_equal(catalog_usage(lab.c, 1, &before), 0);
	assert_int_equal(restore(1, "/d/sub/x", 0, NULL), CATALOG_NO_PARENT);
	assert_int_equal(restore(1, "/d/sub", 0, "/s"), CATALOG_IS_FOLDER);
	assert_int_equal(restore(1, "/d/none", 0, "/s"), CATALOG_NO_PATH);
	assert_int_equal(restore(2, "/d/a", 0, "/s"), CATALOG_NO_PATH);
	assert_int_equal(restore(1, "/d/sub/x", 0, "/x"), 0);
	assert_int_equal(restore(1, "/d/b", 0, "/b"), 0);
	assert_int_equal(size_at(1, "/x"), 5);
	assert_int_equal(size_at(1, "/b"), 20);
	assert_int_equal(restore(1, "/d/a", 0, "/x"), CATALOG_TAKEN);
	check();
	recount();
	/* It counts, and the folder has it still. */
	assert_int_equal(catalog_usage(lab.c, 1, &u), 0);
	assert_int_equal(u.charged, before.charged + 2 * 4096);
	assert_int_equal(u.history, before.history);
	assert_int_equal(restore(1, "/d", 0, NULL), 0);
	assert_int_equal(size_at(1, "/d/sub/x"), 5);
	/* Either goes without the other. */
	assert_int_equal(delete_forever(1, "/d"), 0);
	reap_all();
	assert_int_equal(size_at(1, "/x"), 5);
	assert_int_equal(n_chunks(), 2);
	check();
	recount();
}

static struct catalog_copy *
bring_start(const char *from, const char *to, int *result)
{
	struct catalog_copy *op = copy_start(1, from, to, result);

	op->deleted = true;
	return op;
}

static int
bring(const char *from, const char *to)
{
	int result = INT32_MAX;
	struct catalog_copy *op = bring_start(from, to, &result);

	catalog_copy(lab.c, op);
	wait_for(&result);
	free(op);
	return result;
}

/* A folder of a deleted one, one that was deleted in it before, whole. */
static void
test_one_folder(void **state)
{
	struct catalog_usage before, u;

	(void)state;
	fill();
	assert_int_equal(catalog_usage(lab.c, 1, &before), 0);
	assert_int_equal(bring("/d/sub", "/d/sub"), CATALOG_NO_PARENT);
	assert_int_equal(bring("/d/none", "/s"), CATALOG_NO_PATH);
	assert_int_equal(bring("/d/sub", "/s"), 0);
	assert_int_equal(size_at(1, "/s/x"), 5);
	assert_int_equal(size_at(1, "/s"), 5);
	assert_int_equal(bring("/d/sub", "/s"), CATALOG_TAKEN);
	check();
	recount();
	assert_int_equal(catalog_usage(lab.c, 1, &u), 0);
	assert_int_equal(
	    u.charged, before.charged + 4096 + 2 * CATALOG_FOLDER_CHARGE);
	assert_int_equal(u.history, before.history);
	/* Either goes without the other. */
	assert_int_equal(purge(1, "/d", 0), 0);
	reap_all();
	assert_int_equal(size_at(1, "/s/x"), 5);
	assert_int_equal(do_mkdir(1, "/e/in/deep", true), 0);
	assert_int_equal(put_file(1, "/e/in/deep/y", 7, 1), 0);
	assert_int_equal(do_delete(1, "/e/in"), 0);
	assert_int_equal(do_delete(1, "/e"), 0);
	assert_int_equal(bring("/e/in", "/in"), 0);
	assert_int_equal(size_at(1, "/in/deep/y"), 7);
	check();
	recount();
}

/* It is given up on the way, or there is no room: nothing of it is seen. */
static void
test_no_half_folder(void **state)
{
	struct catalog_usage before, u;
	struct catalog_copy *op;
	int result = INT32_MAX;
	char path[32];

	(void)state;
	assert_int_equal(do_mkdir(1, "/d/sub", true), 0);
	for (int i = 0; i < 400; i++) { /* more than a step takes */
		(void)snprintf(path, sizeof(path), "/d/sub/%d", i);
		assert_int_equal(put_file(1, path, 1, 1), 0);
	}
	assert_int_equal(do_delete(1, "/d"), 0);
	op = bring_start("/d/sub", "/s", &result);
	catalog_copy(lab.c, op);
	assert_int_equal(purge(1, "/d", 0), 0);
	wait_for(&result);
	free(op);
	assert_int_equal(result, CATALOG_NO_PATH);
	reap_all();
	fill();
	assert_int_equal(catalog_usage(lab.c, 1, &before), 0);
	result = INT32_MAX;
	op = bring_start("/d/sub", "/s", &result);
	op->quota = before.charged + 4096;
	catalog_copy(lab.c, op);
	wait_for(&result);
	free(op);
	assert_int_equal(result, CATALOG_OVER_QUOTA);
	reap_all();
	assert_int_equal(catalog_usage(lab.c, 1, &u), 0);
	assert_int_equal(u.charged, before.charged);
	check();
	recount();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    H(test_listed),
	    H(test_pages),
	    H(test_one_file),
	    H(test_one_folder),
	    H(test_no_half_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
