/*
 * History in the catalogue: what is kept, found again, brought back and given
 * up; every promise of docs/storage.md about it that rows can show. What is left
 * is judged by the check of the catalogue.
 */
#include "tests/unit/storaged_history_lab.h"

static void
test_off(void **state)
{
	(void)state;
	keep(0, QUOTA);
	assert_int_equal(put_file(1, "/f", 10, 1), 0);
	assert_int_equal(put_file(1, "/f", 20, 1), 0);
	assert_int_equal(versions(1, "/f"), 0);
	assert_int_equal(do_delete(1, "/f"), 0);
	assert_int_equal(deleted(1, "/"), 0);
	assert_int_equal(versions(1, "/f"), -CATALOG_NO_PATH);
	assert_int_equal(n_chunks(), 0);
	assert_int_equal(number("SELECT count(*) FROM past"), 0);
	check();
}

static void
test_versions(void **state)
{
	struct catalog_usage u;

	(void)state;
	for (int i = 1; i <= 4; i++)
		assert_int_equal(put_file(1, "/f", (uint64_t)i * 10000, 1), 0);
	assert_int_equal(versions(1, "/f"), 3);
	assert_int_equal(pasts[0].entry.size, 30000);
	assert_int_equal(pasts[2].entry.size, 10000);
	assert_int_equal(pasts[0].why, CATALOG_REPLACED);
	assert_int_equal(pasts[0].until - pasts[0].gone_at, KEEP);
	assert_int_equal(deleted(1, "/"), 0);
	assert_int_equal(versions(2, "/f"), -CATALOG_NO_PATH);
	/* Counted apart. */
	assert_int_equal(catalog_usage(lab.c, 1, &u), 0);
	assert_int_equal(u.charged, 40000);
	assert_int_equal(u.history, 60000);
	assert_int_equal(u.pasts, 3);
	assert_int_equal(n_chunks(), 4);
	/* They go along when the file is moved, and are where they were too. */
	assert_int_equal(do_mkdir(1, "/d", false), 0);
	assert_int_equal(do_move(1, "/f", "/d/g", false), 0);
	assert_int_equal(versions(1, "/d/g"), 3);
	assert_int_equal(versions(1, "/f"), 3);
	assert_int_equal(put_file(1, "/f", 5, 1), 0);
	assert_int_equal(put_file(1, "/d/g", 6, 1), 0);
	assert_int_equal(versions(1, "/d/g"), 4);
	check();
	recount();
}

static void
test_delete_and_restore(void **state)
{
	int64_t first;

	(void)state;
	assert_int_equal(do_mkdir(1, "/d", false), 0);
	assert_int_equal(put_file(1, "/d/f", 10, 1), 0);
	assert_int_equal(put_file(1, "/d/f", 20, 1), 0);
	assert_int_equal(do_delete(1, "/d/f"), 0);
	assert_int_equal(size_at(1, "/d/f"), -1);
	assert_int_equal(size_at(1, "/d"), 0);
	assert_int_equal(deleted(1, "/d"), 1);
	first = pasts[0].past;
	assert_int_equal(pasts[0].entry.size, 20);
	assert_int_equal(versions(1, "/d/f"), 2);
	/* Another one of the name, deleted too: both are there. */
	assert_int_equal(put_file(1, "/d/f", 30, 1), 0);
	assert_int_equal(do_delete(1, "/d/f"), 0);
	assert_int_equal(deleted(1, "/d"), 2);
	assert_int_equal(restore(1, "/d/f", 0, NULL), 0);
	assert_int_equal(size_at(1, "/d/f"), 30);
	/* Something is there already. */
	assert_int_equal(restore(1, "/d/f", first, NULL), CATALOG_TAKEN);
	assert_int_equal(deleted(1, "/d"), 1);
	assert_int_equal(restore(1, "/d/f", first, "/d/old"), 0);
	assert_int_equal(size_at(1, "/d/old"), 20);
	assert_int_equal(restore(1, "/d/f", first, NULL), CATALOG_NO_VERSION);
	assert_int_equal(size_at(1, "/d"), 50);
	/* Its versions have come along. */
	assert_int_equal(versions(1, "/d/old"), 1);
	assert_int_equal(pasts[0].entry.size, 10);
	check();
	recount();
}

static void
test_roll_back(void **state)
{
	(void)state;
	assert_int_equal(put_file(1, "/f", 10, 1), 0);
	assert_int_equal(put_file(1, "/f", 20, 1), 0);
	assert_int_equal(put_file(1, "/f", 30, 1), 0);
	assert_int_equal(versions(1, "/f"), 2);
	assert_int_equal(restore_over(1, "/f", pasts[1].past), 0);
	assert_int_equal(size_at(1, "/f"), 10);
	assert_int_equal(versions(1, "/f"), 2);
	assert_int_equal(pasts[0].entry.size, 30);
	assert_int_equal(pasts[1].entry.size, 20);
	assert_int_equal(n_chunks(), 3);
	check();
	recount();
}

static void
test_others(void **state)
{
	int64_t past;

	(void)state;
	assert_int_equal(put_file(1, "/f", 10, 1), 0);
	assert_int_equal(put_file(2, "/f", 11, 1), 0);
	assert_int_equal(put_file(1, "/g", 12, 1), 0);
	assert_int_equal(do_delete(1, "/f"), 0);
	assert_int_equal(deleted(1, "/"), 1);
	past = pasts[0].past;
	/* Neither another user nor another path. */
	assert_int_equal(restore(2, "/f", past, "/x"), CATALOG_NO_VERSION);
	assert_int_equal(restore(1, "/g", past, "/x"), CATALOG_NO_VERSION);
	assert_int_equal(purge(2, "/f", past), CATALOG_NO_VERSION);
	assert_int_equal(purge(1, "/g", past), CATALOG_NO_VERSION);
	assert_int_equal(purge(1, "/nothing", 0), CATALOG_NO_PATH);
	assert_int_equal(restore(1, "/f", past, NULL), 0);
	check();
}

static void
test_folder(void **state)
{
	struct catalog_usage u;
	int before;

	(void)state;
	fill_folder(1, "/top", 300);
	assert_int_equal(put_file(1, "/top/s1/f1", 200, 1), 0);
	assert_int_equal(do_delete(1, "/top/s1/f8"), 0);
	/* One item, however much is in it. */
	before = sqlite3_total_changes(nx_db_handle(lab.c->db));
	assert_int_equal(do_delete(1, "/top"), 0);
	assert_in_range(
	    sqlite3_total_changes(nx_db_handle(lab.c->db)) - before, 3, 12);
	assert_int_equal(deleted(1, "/"), 1);
	assert_true(pasts[0].entry.folder);
	assert_int_equal(pasts[0].entry.files, 299);
	assert_int_equal(pasts[0].entry.folders, 7);
	assert_int_equal(size_at(1, "/top"), -1);
	assert_int_equal(catalog_usage(lab.c, 1, &u), 0);
	assert_int_equal(u.charged, 0);
	assert_int_equal(u.files + u.folders, 0);
	assert_int_equal(u.pasts, 299 + 8 + 2);
	check();
	assert_int_equal(restore(1, "/top", 0, "/back"), 0);
	assert_int_equal(size_at(1, "/back"), 300 * 100);
	/* With what it had of its own. */
	assert_int_equal(versions(1, "/back/s1/f1"), 1);
	assert_int_equal(deleted(1, "/back/s1"), 1);
	assert_int_equal(restore(1, "/back/s1/f8", 0, NULL), 0);
	assert_int_equal(size_at(1, "/back/s1/f8"), 100);
	check();
	recount();
	/* And all of it can go. */
	assert_int_equal(do_delete(1, "/back"), 0);
	assert_int_equal(purge(1, "/", 0), 0);
	assert_int_equal(purged.files, 302 - 1);
	reap_all();
	assert_int_equal(n_chunks(), 0);
	assert_int_equal(number("SELECT count(*) FROM past"), 0);
	assert_int_equal(number("SELECT history + pasts FROM users"), 0);
	check();
}

static void
test_restore_where(void **state)
{
	char deep[200] = "";

	(void)state;
	fill_folder(1, "/a/b", 7);
	assert_int_equal(do_delete(1, "/a/b"), 0);
	assert_int_equal(restore(1, "/a/b", 0, "/no/b"), CATALOG_NO_PARENT);
	assert_int_equal(put_file(1, "/file", 1, 1), 0);
	assert_int_equal(restore(1, "/a/b", 0, "/file"), CATALOG_TAKEN);
	assert_int_equal(restore(1, "/a/b", 0, "/file/x"), CATALOG_NOT_FOLDER);
	for (int i = 0; i < 63; i++)
		strcat(deep, "/d");
	assert_int_equal(do_mkdir(1, deep, true), 0);
	strcat(deep, "/b");
	assert_int_equal(restore(1, "/a/b", 0, deep), CATALOG_TOO_DEEP);
	/* Its folder went after it: first that one, it alone is no file. */
	assert_int_equal(do_delete(1, "/a"), 0);
	assert_int_equal(restore(1, "/a/b", 0, NULL), CATALOG_IS_FOLDER);
	assert_int_equal(restore(1, "/a", 0, NULL), 0);
	assert_int_equal(restore(1, "/a/b", 0, NULL), 0);
	assert_int_equal(size_at(1, "/a/b"), 700);
	check();
	recount();
}

static void
test_quota(void **state)
{
	int result;
	struct catalog_restore *op;

	(void)state;
	assert_int_equal(put_file(1, "/f", 100000, 1), 0);
	assert_int_equal(do_delete(1, "/f"), 0);
	/* What was deleted does not count, what is restored does. */
	assert_int_equal(do_put(1, "/g", 90000, 0, 100000, NULL), 0);
	op = restore_start(1, "/f", 0, NULL, &result);
	op->quota = 100000;
	catalog_restore(lab.c, op);
	wait_for(&result);
	assert_int_equal(result, CATALOG_OVER_QUOTA);
	assert_int_equal(deleted(1, "/"), 1);
	op = restore_start(1, "/f", 0, NULL, &result);
	op->entries = 1;
	catalog_restore(lab.c, op);
	wait_for(&result);
	assert_int_equal(result, CATALOG_TOO_MANY);
	assert_int_equal(deleted(1, "/"), 1);
	assert_int_equal(size_at(1, "/f"), -1);
	recount();
}

static void
test_keeping(void **state)
{
	struct path path;
	uint64_t seconds;
	bool own;

	(void)state;
	assert_int_equal(do_mkdir(1, "/a/b", true), 0);
	assert_int_equal(keep_in(1, "/a", false, 0), 0);
	assert_int_equal(keep_in(1, "/a/b", false, 50), 0);
	assert_int_equal(keep_in(1, "/no", false, 50), CATALOG_NO_PATH);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(put_file(1, "/f", 1, 1), 0);
		assert_int_equal(put_file(1, "/a/f", 1, 1), 0);
		assert_int_equal(put_file(1, "/a/b/f", 1, 1), 0);
	}
	assert_int_equal(keep_in(1, "/a/f", false, 50), CATALOG_NOT_FOLDER);
	assert_int_equal(versions(1, "/f"), 1);
	assert_int_equal(versions(1, "/a/f"), 0);
	assert_int_equal(versions(1, "/a/b/f"), 1);
	assert_int_equal(pasts[0].until - pasts[0].gone_at, 50);
	/* It goes where the folder goes, and for the folder too. */
	assert_int_equal(do_move(1, "/a/b", "/b", false), 0);
	assert_int_equal(do_delete(1, "/b"), 0);
	assert_int_equal(deleted(1, "/"), 1);
	assert_int_equal(pasts[0].until - pasts[0].gone_at, 50);
	assert_int_equal(restore(1, "/b", 0, NULL), 0);
	parse("/b", &path);
	assert_int_equal(catalog_keep_get(lab.c, 1, &path, &seconds, &own), 0);
	assert_int_equal(seconds, 50);
	assert_true(own);
	assert_int_equal(keep_in(1, "/b", true, 0), 0);
	assert_int_equal(keep_in(1, "/", false, 70), 0);
	assert_int_equal(catalog_keep_get(lab.c, 1, &path, &seconds, &own), 0);
	assert_int_equal(seconds, 70);
	assert_false(own);
	/* A deleted folder takes its own along for good. */
	assert_int_equal(do_delete(1, "/a"), 0);
	reap_all();
	assert_int_equal(number("SELECT count(*) FROM keeping"), 1);
	check();
}

static void
test_many_keepings(void **state)
{
	char path[32];

	(void)state;
	for (unsigned i = 0; i <= CATALOG_KEEPINGS; i++) {
		(void)snprintf(path, sizeof(path), "/d%u", i);
		assert_int_equal(do_mkdir(1, path, false), 0);
		assert_int_equal(keep_in(1, path, false, i),
		    i < CATALOG_KEEPINGS ? 0 : CATALOG_KEEPINGS_MANY);
	}
	assert_int_equal(
	    number("SELECT count(*) FROM keeping"), CATALOG_KEEPINGS);
}

static void
test_copies(void **state)
{
	(void)state;
	assert_int_equal(put_file(1, "/a", 10, 2), 0);
	assert_int_equal(do_copy(1, "/a", "/b", false), 0);
	assert_int_equal(put_file(1, "/c", 5, 1), 0);
	assert_int_equal(do_copy(1, "/a", "/c", true), 0);
	assert_int_equal(versions(1, "/c"), 1);
	assert_int_equal(delete_forever(1, "/a"), 0);
	assert_int_equal(do_delete(1, "/b"), 0);
	assert_int_equal(do_delete(1, "/c"), 0);
	assert_int_equal(n_chunks(), 3);
	assert_int_equal(purge(1, "/c", 0), 0);
	reap_all();
	assert_int_equal(n_chunks(), 2);
	assert_int_equal(restore(1, "/b", 0, NULL), 0);
	assert_int_equal(size_at(1, "/b"), 10);
	check();
	recount();
}

/* Moves, by name and by id: what is replaced is kept, what is moved is not
 * doubled. */
static void
test_moves(void **state)
{
	char id[NX_ID_LEN + 1];

	(void)state;
	assert_int_equal(put_file(1, "/a", 10, 1), 0);
	assert_int_equal(put_file(1, "/b", 20, 1), 0);
	assert_int_equal(do_move(1, "/a", "/b", true), 0);
	assert_int_equal(versions(1, "/b"), 1);
	assert_int_equal(pasts[0].entry.size, 20);
	assert_int_equal(deleted(1, "/"), 0);
	assert_int_equal(do_put(1, "/id", 7, 1, QUOTA, id), 0);
	assert_int_equal(do_remove(1, id), 0);
	assert_int_equal(deleted(1, "/"), 1);
	/* By its id it is gone. */
	assert_int_equal(do_remove(1, id), CATALOG_NO_FILE);
	/* Raw files have no history. */
	assert_int_equal(do_put(1, NULL, 7, 1, QUOTA, id), 0);
	assert_int_equal(do_remove(1, id), 0);
	assert_int_equal(number("SELECT count(*) FROM past"), 2);
	recount();
}

static void
test_user_gone(void **state)
{
	(void)state;
	fill_folder(1, "/d", 40);
	fill_folder(2, "/d", 10);
	assert_int_equal(do_delete(2, "/d"), 0);
	assert_int_equal(keep_in(1, "/d", false, 5000), 0);
	assert_int_equal(put_file(1, "/d/s0/f0", 1, 1), 0);
	assert_int_equal(do_delete(1, "/d/s1"), 0);
	assert_int_equal(do_drop_user(1), 0);
	assert_int_equal(versions(1, "/d/s0/f0"), -CATALOG_NO_USER);
	assert_int_equal(deleted(1, "/"), -CATALOG_NO_USER);
	assert_int_equal(restore(1, "/d/s1", 0, NULL), CATALOG_NO_USER);
	assert_int_equal(purge(1, "/", 0), CATALOG_NO_USER);
	check();
	reap_all();
	assert_int_equal(
	    number("SELECT count(*) FROM past WHERE owner = 1"), 0);
	assert_int_equal(number("SELECT count(*) FROM keeping"), 0);
	assert_int_equal(
	    number("SELECT count(*) FROM files WHERE owner = 1"), 0);
	assert_int_equal(n_chunks(), 10);
	assert_int_equal(restore(2, "/d", 0, NULL), 0);
	check();
}

/* Pages go on where they ended, and a name may be there often. */
static void
test_pages(void **state)
{
	struct catalog_past page[3];
	struct path path;
	char name[PATH_NAME_MAX + 1] = "";
	int64_t past = 0, before = 0;
	size_t n;
	int seen = 0;

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(
		    put_file(1, i % 2 ? "/x" : "/y", (uint64_t)i, 1), 0);
		assert_int_equal(do_delete(1, i % 2 ? "/x" : "/y"), 0);
	}
	parse("/", &path);
	do {
		assert_int_equal(
		    catalog_deleted(lab.c, 1, &path, name, past, page, 3, &n),
		    0);
		for (size_t i = 0; i < n; i++) {
			assert_true(strcmp(page[i].entry.name, name) > 0 ||
			    page[i].past > past);
			(void)snprintf(
			    name, sizeof(name), "%s", page[i].entry.name);
			past = page[i].past;
			seen++;
		}
	} while (n == 3);
	assert_int_equal(seen, 10);
	parse("/x", &path);
	for (seen = 0;; before = page[n - 1].past) {
		assert_int_equal(
		    catalog_versions(lab.c, 1, &path, before, page, 3, &n), 0);
		seen += (int)n;
		if (n < 3)
			break;
	}
	assert_int_equal(seen, 5);
}

/* Hundreds of random operations of two users; everything agrees all the time,
 * and what was restored has the size it had. */
static void
test_random(void **state)
{
	static const char *const names[] = {
	    "/a", "/b", "/a/c", "/b/c", "/a/c/d", "/b/e", "/a/f", "/e"};
	unsigned seed = (unsigned)time(NULL);

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	keep(KEEP, 40 * 4096);
	for (int i = 0; i < 1500; i++) {
		uint64_t user = 1 + (uint64_t)(rand() % 2);
		const char *a = names[(size_t)rand() % NX_ARRAY_SIZE(names)];
		const char *b = names[(size_t)rand() % NX_ARRAY_SIZE(names)];
		int n;

		switch (rand() % 12) {
		case 0: (void)do_mkdir(user, a, true); break;
		case 1:
		case 2: (void)do_delete(user, a); break;
		case 3: (void)delete_forever(user, a); break;
		case 4: (void)do_move(user, a, b, rand() % 2); break;
		case 5: (void)do_copy(user, a, b, rand() % 2); break;
		case 6: (void)purge(user, a, 0); break;
		case 7: (void)restore(user, a, 0, rand() % 2 ? b : NULL); break;
		case 8:
			n = versions(user, a);
			if (n > 0)
				(void)restore_over(
				    user, a, pasts[rand() % n].past);
			break;
		case 9:
			(void)do_reap();
			if (rand() % 8 == 0)
				age(KEEP / 3);
			(void)give_up(rand() % 8 ? 0 : 20000, false);
			break;
		default:
			(void)put_file(user, a, (uint64_t)(rand() % 9000),
			    (uint32_t)(1 + rand() % 3));
		}
		if (i % 50 == 0) {
			check();
			recount();
		}
	}
	assert_int_equal(do_drop_user(1), 0);
	assert_int_equal(do_drop_user(2), 0);
	reap_all();
	check();
	assert_int_equal(n_chunks(), 0);
	assert_int_equal(number("SELECT count(*) FROM files"), 0);
	assert_int_equal(number("SELECT count(*) FROM entries"), 0);
	assert_int_equal(number("SELECT count(*) FROM past"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    H(test_off),
	    H(test_versions),
	    H(test_delete_and_restore),
	    H(test_roll_back),
	    H(test_others),
	    H(test_folder),
	    H(test_restore_where),
	    H(test_quota),
	    H(test_keeping),
	    H(test_many_keepings),
	    H(test_copies),
	    H(test_moves),
	    H(test_user_gone),
	    H(test_pages),
	    H(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
