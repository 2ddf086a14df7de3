/* Writes that say what must hold: decided in the transaction, whoever races. */
#include "storaged_catalog_lab.h"

#define RACERS 1000

static void
test_one_winner(void **state)
{
	struct put *racers = calloc(RACERS, sizeof(*racers));
	int won = 0;

	(void)state;
	for (int i = 0; i < RACERS; i++) {
		put_start(&racers[i], 7, "/one", (uint64_t)i, 1);
		racers[i].op.condition.absent = true;
		catalog_commit(lab.c, &racers[i].op);
	}
	for (int i = 0; i < RACERS; i++) {
		wait_for(&racers[i].result);
		won += racers[i].result == 0;
		if (racers[i].result != 0)
			assert_int_equal(racers[i].result, CATALOG_UNMET);
		free(racers[i].chunks);
	}
	assert_int_equal(won, 1);
	assert_int_equal(number("SELECT count(*) FROM files"), 1);
	assert_int_equal(number("SELECT count(*) FROM chunks"), 1);
	recount();
	free(racers);
}

static int
put_if(const char *path, const char *fresh, const char *match)
{
	struct put p;

	put_start(&p, 7, path, 1, 0);
	(void)snprintf(
	    p.op.file.etag.text, sizeof(p.op.file.etag.text), "%s", fresh);
	if (match) {
		p.op.condition.n_match = 2;
		(void)snprintf(
		    p.op.condition.match[0].text, 44, "none of these");
		(void)snprintf(p.op.condition.match[1].text, 44, "%s", match);
	}
	catalog_commit(lab.c, &p.op);
	wait_for(&p.result);
	free(p.chunks);
	return p.result;
}

/* Everyone adds one to what they have seen; all have seen the same. */
static void
test_compare_and_swap(void **state)
{
	enum { ROUNDS = 50, WRITERS = 8 };
	char have[16] = "0", next[16];

	(void)state;
	assert_int_equal(put_if("/n", "0", NULL), 0);
	for (int n = 1; n <= ROUNDS; n++) {
		int won = 0;

		(void)snprintf(next, sizeof(next), "%d", n);
		for (int i = 0; i < WRITERS; i++) {
			int r = put_if("/n", next, have);

			won += r == 0;
			if (r != 0)
				assert_int_equal(r, CATALOG_UNMET);
		}
		assert_int_equal(won, 1);
		memcpy(have, next, sizeof(have));
	}
	assert_int_equal(put_if("/m", "1", "0"), CATALOG_UNMET);
	recount();
}

static void
test_delete_and_move(void **state)
{
	static struct catalog_tree_op op;
	int result;

	(void)state;
	assert_int_equal(put_if("/a", "1", NULL), 0);
	assert_int_equal(put_if("/b", "2", NULL), 0);
	tree_op(&op, 7, "/a", NULL, &result);
	op.condition.n_match = 1;
	(void)snprintf(op.condition.match[0].text, 44, "2");
	catalog_delete(lab.c, &op);
	wait_for(&result);
	assert_int_equal(result, CATALOG_UNMET);
	tree_op(&op, 7, "/gone", NULL, &result);
	op.condition.present = true;
	catalog_delete(lab.c, &op);
	wait_for(&result);
	assert_int_equal(result, CATALOG_UNMET);
	tree_op(&op, 7, "/a", "/b", &result);
	op.replace = op.condition.absent = true;
	catalog_move(lab.c, &op);
	wait_for(&result);
	assert_int_equal(result, CATALOG_UNMET);
	tree_op(&op, 7, "/a", "/b", &result);
	op.replace = op.condition.present = true;
	catalog_move(lab.c, &op);
	wait_for(&result);
	assert_int_equal(result, 0);
	assert_int_equal(number("SELECT count(*) FROM files"), 1);
	recount();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_one_winner),
	    T(test_compare_and_swap),
	    T(test_delete_and_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
