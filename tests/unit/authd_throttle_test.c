/* Budgets per hour: how much at once, how fast again, and never for good. */
#include "tests/unit/authd_harness.h"

#include "authd/flows/throttle.h"

#define SECOND 1000000ULL
#define HOUR   (3600 * SECOND)
#define START  (1000 * HOUR)

static struct auth_throttle *
make(uint64_t n)
{
	uint64_t per_hour[AUTH_BUDGET_MAX];
	struct auth_throttle *t;
	size_t i;

	for (i = 0; i < AUTH_BUDGET_MAX; i++)
		per_hour[i] = n;
	assert_true(sodium_init() >= 0);
	assert_int_equal(auth_throttle_new(per_hour, &t), 0);
	return t;
}

static void
test_burst_and_refill(void **state)
{
	struct auth_throttle *t = make(10);
	uint64_t wait = 0;
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		assert_int_equal(
		    auth_throttle_take(t, AUTH_BUDGET_CODES, "a", 1, START), 0);
	/* The eleventh waits for a tenth of an hour, and asking costs nothing. */
	for (i = 0; i < 100; i++)
		wait = auth_throttle_take(t, AUTH_BUDGET_CODES, "a", 1, START);
	assert_true(wait >= 360 && wait <= 361);
	assert_int_equal(auth_throttle_take(t, AUTH_BUDGET_CODES, "a", 1,
			     START + wait * SECOND),
	    0);
	assert_int_not_equal(auth_throttle_take(t, AUTH_BUDGET_CODES, "a", 1,
				 START + wait * SECOND),
	    0);
	/* An hour of rest brings all of it back, and not more. */
	for (i = 0; i < 10; i++)
		assert_int_equal(auth_throttle_take(t, AUTH_BUDGET_CODES, "a",
				     1, START + 100 * HOUR),
		    0);
	assert_int_not_equal(auth_throttle_take(t, AUTH_BUDGET_CODES, "a", 1,
				 START + 100 * HOUR),
	    0);
	auth_throttle_free(t);
}

static void
test_apart(void **state)
{
	struct auth_throttle *t = make(1);

	(void)state;
	assert_int_equal(
	    auth_throttle_take(t, AUTH_BUDGET_CODES, "a", 1, START), 0);
	assert_int_equal(
	    auth_throttle_take(t, AUTH_BUDGET_CODES, "b", 1, START), 0);
	assert_int_equal(
	    auth_throttle_take(t, AUTH_BUDGET_FAIL_PAIR, "a", 1, START), 0);
	assert_int_not_equal(
	    auth_throttle_take(t, AUTH_BUDGET_CODES, "a", 1, START), 0);
	auth_throttle_free(t);
}

static void
test_return(void **state)
{
	struct auth_throttle *t = make(3);
	int i;

	(void)state;
	for (i = 0; i < 50; i++) {
		assert_int_equal(
		    auth_throttle_take(t, AUTH_BUDGET_CODES, "a", 1, START), 0);
		auth_throttle_return(t, AUTH_BUDGET_CODES, "a", 1, START);
	}
	for (i = 0; i < 3; i++)
		assert_int_equal(
		    auth_throttle_take(t, AUTH_BUDGET_CODES, "a", 1, START), 0);
	assert_int_not_equal(
	    auth_throttle_take(t, AUTH_BUDGET_CODES, "a", 1, START), 0);
	auth_throttle_free(t);
}

/* Many strangers, each using a little, do not free who has used everything. */
static void
test_flood(void **state)
{
	struct auth_throttle *t = make(10);
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		auth_throttle_take(t, AUTH_BUDGET_CODES, "spent", 5, START);
	for (i = 0; i < 200000; i++)
		auth_throttle_take(t, AUTH_BUDGET_CODES, &i, sizeof(i), START);
	assert_int_not_equal(
	    auth_throttle_take(t, AUTH_BUDGET_CODES, "spent", 5, START), 0);
	auth_throttle_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_burst_and_refill),
	    cmocka_unit_test(test_apart),
	    cmocka_unit_test(test_return),
	    cmocka_unit_test(test_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
