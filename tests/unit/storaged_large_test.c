/*
 * Large trees: deletions, moves and lists that take as long as they are deep
 * and not as long as they are large, and what another user sees meanwhile.
 * ENTRIES=800000 makes them that large.
 */
#include "storaged_catalog_lab.h"

/* --- large ------------------------------------------------------------------*/

#define PER_FOLDER 100
#define AT_ONCE    512

static unsigned
entries_wanted(void)
{
	const char *text = getenv("ENTRIES");

	return text ? (unsigned)strtoul(text, NULL, 10) : 10000;
}

/* /big/<n>/<m>, a chunk in every file, most folders full. */
static unsigned
make_big(uint64_t owner)
{
	struct put *puts = calloc(AT_ONCE, sizeof(*puts));
	unsigned folders = entries_wanted() / PER_FOLDER, n = 0;
	char path[64];

	for (unsigned f = 0; f < folders; f++) {
		(void)snprintf(path, sizeof(path), "/big/%u", f);
		assert_int_equal(do_mkdir(owner, path, true), 0);
		for (unsigned i = 0; i < PER_FOLDER; i++) {
			(void)snprintf(path, sizeof(path), "/big/%u/%u", f, i);
			put_start(&puts[n], owner, path, 10, 1);
			catalog_commit(lab.c, &puts[n++].op);
		}
		if (n + PER_FOLDER <= AT_ONCE && f + 1 < folders)
			continue;
		wait_for(&puts[n - 1].result);
		while (n > 0) {
			assert_int_equal(puts[--n].result, 0);
			free(puts[n].chunks);
		}
	}
	free(puts);
	return folders * (PER_FOLDER + 1) + 1;
}

/* Rows changed so far: what a step costs, whatever else the machine does. */
static int
changes(void)
{
	return sqlite3_total_changes(nx_db_handle(lab.c->db));
}

#define A_STEP 400 /* rows; of one reaping, deletion or move */

static int
by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static uint64_t
timed_mkdir(size_t i)
{
	uint64_t began = nx_now_us();
	char path[64];

	(void)snprintf(path, sizeof(path), "/before-%zu", i);
	assert_int_equal(do_mkdir(2, path, false), 0);
	return nx_now_us() - began;
}

static void
print_times(const char *what, uint64_t *us, size_t n)
{
	qsort(us, n, sizeof(*us), by_size);
	print_message("# %s: p50 %llu p99 %llu max %llu us\n", what,
	    (unsigned long long)us[n / 2], (unsigned long long)us[n * 99 / 100],
	    (unsigned long long)us[n - 1]);
}

/* Another user makes folders while a step at a time is reaped. */
static size_t
others_meanwhile(uint64_t *ret_us, size_t max)
{
	size_t n = 0;
	uint64_t waits, waited = UINT64_MAX;
	bool more = true;

	while (more) {
		int reaped = INT32_MAX, made = INT32_MAX;
		struct catalog_reap op = {.done = on_done, .arg = &reaped};
		static struct catalog_tree_op mk;
		uint64_t began = nx_now_us();
		int before = changes();
		char path[64];

		(void)snprintf(path, sizeof(path), "/other-%zu", n);
		catalog_reap(lab.c, &op);
		tree_op(&mk, 2, path, NULL, &made);
		catalog_mkdir(lab.c, &mk);
		wait_for(&made);
		wait_for(&reaped);
		assert_int_equal(reaped, 0);
		assert_int_equal(made, 0);
		assert_true(changes() - before < A_STEP);
		more = op.more;
		/* What is not free yet is known, and gets less. */
		assert_int_equal(catalog_waiting(lab.c, 1, &waits), 0);
		assert_true(waits <= waited);
		waited = waits;
		if (n < max)
			ret_us[n++] = nx_now_us() - began;
	}
	return n;
}

static uint64_t
wal_bytes(void)
{
	char path[96];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s-wal", lab.path);
	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void
test_large_deletion(void **state)
{
	static uint64_t us[100000];
	static uint64_t quiet[300];
	struct rusage usage;
	char id[NX_ID_LEN + 1];
	struct catalog_file file;
	uint64_t began, took, waits;
	unsigned entries;
	int before;
	size_t n;

	(void)state;
	entries = make_big(1);
	for (size_t i = 0; i < NX_ARRAY_SIZE(quiet); i++)
		quiet[i] = timed_mkdir(i);
	print_times("another user's mkdir before", quiet, NX_ARRAY_SIZE(quiet));
	assert_int_equal(do_put(1, "/big/7/x", 10, 1, QUOTA, id), 0);
	before = changes();
	began = nx_now_us();
	assert_int_equal(do_delete(1, "/big"), 0);
	took = nx_now_us() - began;
	print_message("# rows changed to delete: %d\n", changes() - before);
	assert_true(changes() - before < A_STEP);
	/* Gone from sight and from the account at once, by path and by id. */
	recount();
	assert_int_equal(number("SELECT used + files + folders + charged"
				" FROM users WHERE user = 1"),
	    0);
	assert_int_equal(
	    catalog_file_find(lab.c, 1, "", id, &file), CATALOG_NO_FILE);
	assert_int_equal(do_remove(1, id), CATALOG_NO_FILE);
	assert_int_equal(do_mkdir(1, "/big", false), 0);
	assert_int_equal(catalog_waiting(lab.c, 1, &waits), 0);
	assert_true(waits >= entries / 101 * 100 * CATALOG_FILE_CHARGE);
	/* It goes on where it was. */
	assert_true(do_reap());
	reopen();
	n = others_meanwhile(us, NX_ARRAY_SIZE(us));
	assert_int_equal(number("SELECT count(*) FROM chunks"), 0);
	assert_int_equal(number("SELECT count(*) FROM going"), 0);
	assert_int_equal(number("SELECT count(*) FROM trash"),
	    (int)(entries / 101 * 100) + 1);
	recount();
	(void)getrusage(RUSAGE_SELF, &usage);
	print_message("# %u entries: deleted in %llu us, reaped in %zu steps, "
		      "log %llu KiB, memory %ld KiB\n",
	    entries, (unsigned long long)took, n,
	    (unsigned long long)wal_bytes() / 1024, usage.ru_maxrss);
	print_times("another user's mkdir meanwhile", us, n);
	assert_true(wal_bytes() < 16 << 20);
}

static void
test_large_move(void **state)
{
	uint64_t began, took;
	int before;

	(void)state;
	(void)make_big(1);
	assert_int_equal(do_mkdir(1, "/a/b/c", true), 0);
	before = changes();
	began = nx_now_us();
	assert_int_equal(do_move(1, "/big", "/a/b/c/big", false), 0);
	took = nx_now_us() - began;
	print_message("# moved in %llu us, %d rows\n", (unsigned long long)took,
	    changes() - before);
	assert_true(changes() - before < A_STEP);
	recount();
}

/* The root says its size and a page of it, whatever is in it. */
static void
test_wide_root(void **state)
{
	enum { FOLDERS = 20000 };
	struct catalog_tree_op *ops = calloc(FOLDERS, sizeof(*ops));
	int *results = calloc(FOLDERS, sizeof(*results));
	struct catalog_entry root, page[100];
	uint64_t began, took;
	struct path path;
	int seen = 0, n;

	(void)state;
	for (int i = 0; i < FOLDERS; i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "/%d", i);
		tree_op(&ops[i], 1, text, NULL, &results[i]);
		catalog_mkdir(lab.c, &ops[i]);
	}
	wait_for(&results[FOLDERS - 1]);
	free(ops);
	free(results);
	parse("/", &path);
	page[0].name[0] = '\0';
	began = nx_now_us();
	do {
		char after[PATH_NAME_MAX + 1];

		assert_int_equal(catalog_stat(lab.c, 1, &path, &root), 0);
		memcpy(after, page[seen ? 99 : 0].name, sizeof(after));
		n = catalog_list(lab.c, 1, root.key, after, false, page, 100);
		seen += n;
	} while (n == 100);
	took = nx_now_us() - began;
	assert_int_equal(seen, FOLDERS);
	print_message("# %d folders listed in %llu us\n", FOLDERS,
	    (unsigned long long)took);
	assert_true(took < 10000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_large_deletion),
	    T(test_large_move),
	    T(test_wide_root),
	};

	lab.place = "/tmp";
	return cmocka_run_group_tests(tests, NULL, NULL);
}
