/*
 * Who has deleted very much holds up nobody else: owners take turns, at what is
 * unlinked and at what is reaped, and who waits for theirs goes first once.
 */
#include "storaged_catalog_lab.h"

#define MANY 3000
#define STEP 64

static void
make(uint64_t owner, int n, uint32_t n_chunks)
{
	char path[32];

	for (int i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "/%d", i);
		assert_int_equal(
		    do_put(owner, path, n_chunks, n_chunks, QUOTA, NULL), 0);
	}
}

static void
drop(uint64_t owner, int n)
{
	char path[32];

	for (int i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "/%d", i);
		assert_int_equal(do_delete(owner, path), 0);
	}
}

static void
run(const char *sql)
{
	assert_int_equal(
	    sqlite3_exec(nx_db_handle(lab.c->db), sql, NULL, NULL, NULL),
	    SQLITE_OK);
}

/* Trash of @n chunks of @owner, of 1 to @n bytes. */
static void
make_trash(uint64_t owner, int n)
{
	char sql[320];

	(void)snprintf(sql, sizeof(sql),
	    "WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i"
	    " WHERE i < %d) INSERT INTO trash(volume, id, owner, size)"
	    " SELECT %lld, format('%%016d%%016d', %llu, i), %llu, i FROM i",
	    n, (long long)lab.volume, (unsigned long long)owner,
	    (unsigned long long)owner);
	run(sql);
}

static int
number_of(const struct chunk_id *ids, int n, uint64_t owner)
{
	int of = 0;
	char begin[17];

	(void)snprintf(
	    begin, sizeof(begin), "%016llu", (unsigned long long)owner);
	for (int i = 0; i < n; i++)
		of += strncmp(ids[i].text, begin, 16) == 0;
	return of;
}

static int
next(struct catalog_turn *turn, struct chunk_id ids[STEP])
{
	int n = catalog_trash(lab.c, lab.volume, turn, ids, STEP);

	assert_true(n >= 0 && n <= STEP);
	return n;
}

static void
test_trash_is_shared(void **state)
{
	struct catalog_turn turn = {0};
	struct chunk_id ids[STEP];

	(void)state;
	assert_int_equal(next(&turn, ids), 0);
	make_trash(1, MANY);
	assert_int_equal(next(&turn, ids), STEP);
	/* the largest first */
	assert_int_equal(atoi(ids[0].text + 16), MANY);
	assert_int_equal(atoi(ids[1].text + 16), MANY - 1);
	/* on both sides of the one who has much, and nobody's */
	make_trash(2, 3);
	make_trash(0, 1);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(next(&turn, ids), STEP);
		assert_int_equal(number_of(ids, STEP, 0), 1);
		assert_int_equal(number_of(ids, STEP, 2), 3);
		assert_int_equal(number_of(ids, STEP, 1), STEP - 4);
	}
}

/* More than one step has room for: each has their turn, who is wanted at once,
 * and the others after that as if nobody had been. */
static void
test_trash_of_many(void **state)
{
	struct catalog_turn turn = {0};
	struct chunk_id ids[STEP];
	int had[101] = {0};

	(void)state;
	for (uint64_t owner = 1; owner <= 100; owner++)
		make_trash(owner, 100);
	for (int i = 0; i < 7; i++) {
		int n = next(&turn, ids);

		for (uint64_t owner = 1; owner <= 100; owner++)
			had[owner] += number_of(ids, n, owner);
	}
	for (uint64_t owner = 1; owner <= 100; owner++)
		assert_true(had[owner] >= 4);
	for (int i = 0; i < 7; i++) {
		turn.wanted = 7;
		assert_true(number_of(ids, next(&turn, ids), 7) >= 4);
	}
	turn.wanted = 12345; /* has nothing */
	assert_int_equal(next(&turn, ids), STEP);
	assert_int_equal(turn.wanted, 0);
}

/* Nobody's turn is lost to who asks again and again. */
static void
test_wanted_shares(void **state)
{
	struct catalog_turn turn = {0};
	struct chunk_id ids[STEP];
	bool had[101] = {false};

	(void)state;
	for (uint64_t owner = 1; owner <= 100; owner++)
		make_trash(owner, 100);
	for (int i = 0; i < 8; i++) {
		int n;

		turn.wanted = 50;
		n = next(&turn, ids);
		for (uint64_t owner = 1; owner <= 100; owner++)
			had[owner] |= number_of(ids, n, owner) > 0;
	}
	for (uint64_t owner = 1; owner <= 100; owner++)
		assert_true(had[owner]);
}

static uint64_t
waiting(uint64_t owner)
{
	uint64_t bytes;

	assert_int_equal(catalog_waiting(lab.c, owner, &bytes), 0);
	return bytes;
}

/* Steps until nothing of @owner's is left to reap. */
static int
steps_until(uint64_t owner, struct catalog_turn turn)
{
	char sql[160];
	int n = 0;

	(void)snprintf(sql, sizeof(sql),
	    "SELECT (SELECT count(*) FROM going WHERE owner = %llu) +"
	    " (SELECT count(*) FROM going_files WHERE owner = %llu)",
	    (unsigned long long)owner, (unsigned long long)owner);
	for (; number(sql) > 0; n++) {
		int result = INT32_MAX;
		struct catalog_reap op = {
		    .turn = turn, .done = on_done, .arg = &result};

		assert_true(n < 1000);
		catalog_reap(lab.c, &op);
		wait_for(&result);
		assert_int_equal(result, 0);
		turn = op.turn;
	}
	return n;
}

/* Larger and smaller owners than the one with much, in folders and files. */
static void
test_reaping_takes_turns(void **state)
{
	static const uint64_t little[] = {1, 9};

	(void)state;
	make(5, 1, 2000);
	assert_int_equal(do_mkdir(5, "/d", false), 0);
	for (int i = 0; i < 300; i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "/d/%d", i);
		assert_int_equal(do_mkdir(5, path, false), 0);
	}
	for (size_t i = 0; i < NX_ARRAY_SIZE(little); i++) {
		make(little[i], 1, 40);
		assert_int_equal(do_mkdir(little[i], "/a/b", true), 0);
	}
	assert_int_equal(do_delete(5, "/d"), 0);
	drop(5, 1);
	for (size_t i = 0; i < NX_ARRAY_SIZE(little); i++) {
		drop(little[i], 1);
		assert_int_equal(do_delete(little[i], "/a"), 0);
	}
	for (size_t i = 0; i < NX_ARRAY_SIZE(little); i++)
		/* a file's rest, /a, /a/b: each may need a step of its own */
		assert_true(steps_until(little[i],
				(struct catalog_turn){.last = 6}) <= 12);
	assert_true(waiting(5) > 0);
	assert_true(steps_until(5, (struct catalog_turn){0}) > 12);
	recount();
}

static void
test_wanted_is_reaped_first(void **state)
{
	struct catalog_turn turn = {.wanted = 1};

	(void)state;
	run("WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i"
	    " WHERE i < 2000) INSERT INTO going(owner, folder)"
	    " SELECT i, 1 FROM i");
	/* the last otherwise */
	assert_int_equal(steps_until(1, turn), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_trash_is_shared),
	    T(test_trash_of_many),
	    T(test_wanted_shares),
	    T(test_reaping_takes_turns),
	    T(test_wanted_is_reaped_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
