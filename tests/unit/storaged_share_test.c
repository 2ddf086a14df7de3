/* Copies that share their chunks: what they count, what keeps the chunks, and
 * what happens to all of them when something happens to one. */
#include "storaged_catalog_lab.h"

static void
reap_all(void)
{
	while (do_reap())
		;
}

/* The last one takes the chunks with it, whichever it is. */
static void
test_last_copy_goes(void **state)
{
	const char *order[][3] = {{"/a", "/b", "/c"}, {"/b", "/c", "/a"},
	    {"/c", "/a", "/b"}, {"/b", "/a", "/c"}};

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(order); i++) {
		assert_int_equal(do_put(1, "/a", 7, 3, QUOTA, NULL), 0);
		assert_int_equal(do_copy(1, "/a", "/b", false), 0);
		assert_int_equal(do_copy(1, "/b", "/c", false), 0);
		recount();
		for (int k = 0; k < 3; k++) {
			assert_int_equal(
			    number("SELECT count(*) FROM chunks"), 3);
			assert_int_equal(do_delete(1, order[i][k]), 0);
			recount();
		}
		reap_all();
		assert_int_equal(number("SELECT count(*) FROM chunks"), 0);
		assert_int_equal(number("SELECT count(*) FROM trash"), 3);
		assert_int_equal(number("SELECT sum(charged) FROM users"), 0);
		assert_int_equal(sqlite3_exec(nx_db_handle(lab.c->db),
				     "DELETE FROM trash", NULL, NULL, NULL),
		    SQLITE_OK);
	}
}

/* Each counts in full, and a quota says no to the one too many. */
static void
test_copies_count(void **state)
{
	int result;
	struct catalog_copy *op;
	struct catalog_usage usage;

	(void)state;
	assert_int_equal(do_put(1, "/a", 10000, 1, QUOTA, NULL), 0);
	op = copy_start(1, "/a", "/b", &result);
	op->quota = 19999;
	catalog_copy(lab.c, op);
	wait_for(&result);
	assert_int_equal(result, CATALOG_OVER_QUOTA);
	free(op);
	assert_int_equal(do_copy(1, "/a", "/b", false), 0);
	assert_int_equal(catalog_usage(lab.c, 1, &usage), 0);
	assert_int_equal(usage.charged, 20000);
	assert_int_equal(do_copy(1, "/a", "/b", false), CATALOG_TAKEN);
	assert_int_equal(do_copy(1, "/a", "/b", true), 0);
	assert_int_equal(do_copy(1, "/a", "/a", true), 0);
	assert_int_equal(catalog_usage(lab.c, 1, &usage), 0);
	assert_int_equal(usage.charged, 20000);
	recount();
}

/* --- folders ----------------------------------------------------------------*/

static void
make_tree(const char *top, int folders, int files)
{
	char path[64];

	assert_int_equal(do_mkdir(1, top, true), 0);
	for (int i = 0; i < folders; i++) {
		(void)snprintf(path, sizeof(path), "%s/f%d/deep", top, i);
		assert_int_equal(do_mkdir(1, path, true), 0);
		for (int k = 0; k < files; k++) {
			(void)snprintf(path, sizeof(path), "%s/f%d/%s%d", top,
			    i, k % 2 ? "" : "deep/", k);
			assert_int_equal(
			    do_put(1, path, 5000 + (uint64_t)k, 1, QUOTA, NULL),
			    0);
		}
	}
}

/* Is @a the same as @b, but for the name? Sums and all. */
static void
assert_same(const char *a, const char *b)
{
	struct catalog_sums x, y;
	struct catalog_entry e, f;
	struct path path;
	int64_t parent;

	parse(a, &path);
	assert_int_equal(catalog_stat(lab.c, 1, &path, &e), 0);
	parse(b, &path);
	assert_int_equal(catalog_stat(lab.c, 1, &path, &f), 0);
	assert_int_equal(catalog_read_sums(lab.c->db, e.key, &parent, &x), 0);
	assert_int_equal(catalog_read_sums(lab.c->db, f.key, &parent, &y), 0);
	x.reach = y.reach = 0;
	assert_memory_equal(&x, &y, sizeof(x));
}

static void
test_folder(void **state)
{
	struct path path;
	struct catalog_entry e;

	(void)state;
	make_tree("/from", 7, 150);
	assert_int_equal(do_mkdir(1, "/to/there", true), 0);
	assert_int_equal(do_copy(1, "/from", "/to/there/copy", false), 0);
	recount();
	assert_same("/from", "/to/there/copy");
	assert_int_equal(
	    do_copy(1, "/from", "/to/there/copy", true), CATALOG_NOT_EMPTY);
	assert_int_equal(
	    do_copy(1, "/to", "/to/there/x", true), CATALOG_INTO_ITSELF);
	assert_int_equal(do_delete(1, "/from"), 0);
	reap_all();
	recount();
	assert_int_equal(number("SELECT count(*) FROM chunks"), 7 * 150);
	parse("/to/there/copy/f6/deep/148", &path);
	assert_int_equal(catalog_stat(lab.c, 1, &path, &e), 0);
	assert_int_equal(e.size, 5148);
	assert_int_equal(do_delete(1, "/to"), 0);
	reap_all();
	assert_int_equal(number("SELECT count(*) FROM chunks"), 0);
	assert_int_equal(number("SELECT count(*) FROM entries"), 0);
	assert_int_equal(number("SELECT sum(charged) FROM users"), 0);
}

/* Seen by nobody before it is whole, however the copy ends. */
static void
test_all_or_nothing(void **state)
{
	const int64_t charged = 100 * 5000 + 99 * 100 / 2 + 3 * 512;
	struct catalog_copy *op;
	int result;

	(void)state;
	make_tree("/from", 1, 100);
	assert_int_equal(number("SELECT charged FROM users"), charged);
	op = copy_start(1, "/from", "/to", &result);
	catalog_copy(lab.c, op);
	while (result == INT32_MAX) {
		event_base_loop(lab.base, EVLOOP_ONCE);
		if (result == INT32_MAX)
			assert_int_equal(number("SELECT count(*) FROM entries"
						" WHERE parent = 0"),
			    1);
	}
	assert_int_equal(result, 0);
	free(op);
	/* too much, found out on the way: another upload was faster */
	op = copy_start(1, "/from", "/third", &result);
	op->quota = (uint64_t)charged * 3;
	catalog_copy(lab.c, op);
	assert_int_equal(do_put(1, "/late", 600000, 1, QUOTA, NULL), 0);
	wait_for(&result);
	assert_int_equal(result, CATALOG_OVER_QUOTA);
	free(op);
	recount();
	/* the source goes on the way */
	op = copy_start(1, "/from", "/third", &result);
	catalog_copy(lab.c, op);
	assert_int_equal(do_delete(1, "/from"), 0);
	wait_for(&result);
	assert_int_equal(result, CATALOG_NO_PATH);
	free(op);
	reap_all();
	recount();
	assert_int_equal(number("SELECT count(*) FROM copying"), 0);
	assert_int_equal(number("SELECT count(*) FROM chunks"), 101);
}

/* As after a crash: what there was of it goes when the catalogue opens. */
static void
test_undone_at_start(void **state)
{
	struct catalog_copy *op;
	int64_t charged;
	int result;

	(void)state;
	make_tree("/from", 5, 20);
	charged = number("SELECT charged FROM users");
	op = copy_start(1, "/from", "/to", &result);
	catalog_copy(lab.c, op);
	while (number("SELECT count(*) FROM copying") == 0)
		event_base_loop(lab.base, EVLOOP_ONCE);
	assert_int_equal(result, INT32_MAX);
	assert_int_equal(
	    sqlite3_exec(nx_db_handle(lab.c->db),
		"UPDATE entries SET files = 9, charged = 9 * 4096, size = 9"
		" WHERE parent = -1; UPDATE users SET files = files + 9,"
		" charged = charged + 9 * 4096, used = used + 9",
		NULL, NULL, NULL),
	    SQLITE_OK);
	op->stop = true;
	wait_for(&result);
	assert_int_equal(result, -ESHUTDOWN);
	free(op);
	assert_int_equal(number("SELECT charged FROM users"), charged);
	reap_all();
	recount();
	assert_int_equal(
	    sqlite3_exec(nx_db_handle(lab.c->db),
		"INSERT INTO entries(owner, parent, name, size, modified_at)"
		" VALUES(1, -1, 'left', 0, 0); INSERT INTO copying"
		" VALUES(last_insert_rowid(), 1);"
		"UPDATE users SET folders = folders + 1,"
		" charged = charged + 512",
		NULL, NULL, NULL),
	    SQLITE_OK);
	reopen();
	assert_int_equal(number("SELECT charged FROM users"), charged);
	assert_int_equal(number("SELECT count(*) FROM copying"), 0);
	assert_int_equal(number("SELECT count(*) FROM going"), 1);
	reap_all();
	recount();
}

/* What could not be undone, because the disk was full, goes with its owner: the
 * next start finds no account to settle it with. */
static void
test_owner_gone(void **state)
{
	(void)state;
	make_tree("/from", 2, 3);
	assert_int_equal(
	    sqlite3_exec(nx_db_handle(lab.c->db),
		"INSERT INTO entries(owner, parent, name, size, modified_at)"
		" VALUES(1, -1, 'left', 0, 0); INSERT INTO copying"
		" VALUES(last_insert_rowid(), 1);"
		"UPDATE users SET folders = folders + 1,"
		" charged = charged + 512",
		NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(do_drop_user(1), 0);
	reap_all();
	assert_int_equal(number("SELECT count(*) FROM users"), 0);
	assert_int_equal(number("SELECT count(*) FROM entries"), 0);
	/* and what began before comes too late */
	assert_int_equal(
	    do_put(1, "/late", 5, 0, QUOTA, NULL), CATALOG_NO_USER);
	assert_int_equal(number("SELECT count(*) FROM users"), 0);
	reopen();
	assert_int_equal(number("SELECT count(*) FROM copying"), 0);
}

/* --- damage, readers, replicas ----------------------------------------------*/

static int64_t
content_of(const char *path)
{
	struct catalog_entry e;
	struct catalog_file file;
	struct path p;

	parse(path, &p);
	assert_int_equal(catalog_stat(lab.c, 1, &p, &e), 0);
	assert_int_equal(catalog_file_find(lab.c, 1, "", e.id, &file), 0);
	return file.content;
}

static void
test_damage_is_shared(void **state)
{
	struct catalog_damaged at = {0};
	struct catalog_file files[8];
	struct catalog_chunk chunk;
	int64_t content;
	size_t seen = 0;

	(void)state;
	assert_int_equal(do_put(1, "/a", 7, 2, QUOTA, NULL), 0);
	for (int i = 0; i < 20; i++) {
		char to[16];

		(void)snprintf(to, sizeof(to), "/c%d", i);
		assert_int_equal(do_copy(1, "/a", to, false), 0);
	}
	content = content_of("/c5");
	assert_int_equal(content, content_of("/a"));
	assert_int_equal(do_delete(1, "/a"), 0);
	assert_int_equal(catalog_file_chunks(lab.c, content, 0, &chunk, 1), 1);
	catalog_found(lab.c, chunk.key, CATALOG_DAMAGED);
	assert_int_equal(catalog_flush(lab.c), 0);
	do {
		int n = catalog_file_list_damaged(lab.c, 1, &at, files, 8);

		assert_in_range(n, 0, 8);
		for (int i = 0; i < n; i++) {
			assert_int_equal(files[i].damaged, 1);
			assert_int_equal(files[i].content, content);
		}
		seen += (size_t)n;
	} while (at.content != 0);
	assert_int_equal(seen, 20);
	at = (struct catalog_damaged){0};
	assert_int_equal(catalog_file_list_damaged(lab.c, 2, &at, files, 8), 0);
}

static void
test_pinned(void **state)
{
	int64_t content;

	(void)state;
	assert_int_equal(do_put(1, "/a", 7, 2, QUOTA, NULL), 0);
	assert_int_equal(do_copy(1, "/a", "/b", false), 0);
	content = content_of("/b");
	assert_int_equal(catalog_pin(lab.c, content), 0);
	assert_int_equal(do_delete(1, "/a"), 0);
	assert_int_equal(do_delete(1, "/b"), 0);
	reap_all();
	assert_int_equal(number("SELECT count(*) FROM chunks"), 2);
	assert_int_equal(catalog_unpin(lab.c, content), 1);
	reap_all();
	assert_int_equal(number("SELECT count(*) FROM chunks"), 0);
}

/* A volume goes: each of the copies is lost, and each healed. */
static void
test_replicas(void **state)
{
	struct catalog_degraded at = {0};
	struct catalog_chunk chunk;
	struct catalog_forget forget = {.volume = lab.volume, .done = on_done};
	int64_t losable[1], first = lab.volume;
	uint64_t n;
	int result = INT32_MAX;

	(void)state;
	assert_int_equal(do_put(1, "/a", 7, 2, QUOTA, NULL), 0);
	assert_int_equal(do_copy(1, "/a", "/b", false), 0);
	assert_int_equal(do_copy(1, "/a", "/c", false), 0);
	losable[0] = content_of("/a");
	assert_int_equal(do_delete(1, "/a"), 0);
	forget.volume = first;
	forget.arg = &result;
	catalog_volume_forget(lab.c, &forget);
	wait_for(&result);
	assert_int_equal(result, CATALOG_WOULD_LOSE);
	assert_int_equal(catalog_files_with(lab.c, losable[0], &n), 0);
	assert_int_equal(n, 2);
	forget.losable = losable;
	forget.n_losable = 1;
	result = INT32_MAX;
	catalog_volume_forget(lab.c, &forget);
	wait_for(&result);
	assert_int_equal(result, 0);
	assert_int_equal(forget.lost, 2);
	assert_int_equal(
	    number("SELECT count(*) FROM files WHERE replicas = 0"), 2);
	/* as if copies had been found after all */
	assert_int_equal(
	    sqlite3_exec(nx_db_handle(lab.c->db),
		"INSERT INTO volumes(node, size, state) VALUES('v2', 1, 1)",
		NULL, NULL, NULL),
	    SQLITE_OK);
	while (catalog_degraded_next(lab.c, &at, &chunk) > 0) {
		struct catalog_replica_set set = {.chunk = chunk.key,
		    .volume = first + 1,
		    .done = on_done,
		    .arg = &result};

		assert_int_equal(chunk.file, losable[0]);
		result = INT32_MAX;
		catalog_replica_set(lab.c, &set);
		wait_for(&result);
		assert_int_equal(result, 0);
	}
	assert_int_equal(
	    number("SELECT count(*) FROM files WHERE replicas = 1"), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_last_copy_goes),
	    T(test_copies_count),
	    T(test_folder),
	    T(test_all_or_nothing),
	    T(test_undone_at_start),
	    T(test_owner_gone),
	    T(test_damage_is_shared),
	    T(test_pinned),
	    T(test_replicas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
