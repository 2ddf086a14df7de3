/* Codes: bound to transaction and pepper, alive for five minutes. */
#include "tests/unit/authd_harness.h"

#include "authd/credentials/otp.h"

static uint8_t pepper[AUTH_PEPPER_LEN] = {1, 2, 3};

static void
test_match(void **state)
{
	uint8_t other_pepper[AUTH_PEPPER_LEN] = {1, 2, 4};
	struct auth_otp a, b;
	char wrong[AUTH_CODE_LEN + 1];

	(void)state;
	auth_otp_new(pepper, &a);
	auth_otp_new(pepper, &b);
	assert_null(auth_rule_code(a.code));
	assert_true(auth_otp_match(pepper, a.txn, a.mac, a.code));
	memcpy(wrong, a.code, sizeof(wrong));
	wrong[5] = wrong[5] == '9' ? '0' : (char)(wrong[5] + 1);
	assert_false(auth_otp_match(pepper, a.txn, a.mac, wrong));
	assert_false(auth_otp_match(pepper, b.txn, a.mac, a.code));
	assert_false(auth_otp_match(other_pepper, a.txn, a.mac, a.code));
	assert_memory_not_equal(a.txn, b.txn, sizeof(a.txn));
}

/* Every digit in every place about as often as the others: with 20,000 codes
 * 2,000 are expected and the deviation is 42, so 1,700 and 2,300 lie 7 away. */
static void
test_distribution(void **state)
{
	unsigned seen[AUTH_CODE_LEN][10] = {0};
	struct auth_otp otp;
	int i, k;

	(void)state;
	for (i = 0; i < 20000; i++) {
		auth_otp_new(pepper, &otp);
		for (k = 0; k < AUTH_CODE_LEN; k++)
			seen[k][otp.code[k] - '0']++;
	}
	for (k = 0; k < AUTH_CODE_LEN; k++)
		for (i = 0; i < 10; i++)
			assert_in_range(seen[k][i], 1700, 2300);
}

static void
test_live(void **state)
{
	(void)state;
	assert_true(auth_otp_live(1000, 1300, 1000));
	assert_true(auth_otp_live(1000, 1300, 1299));
	assert_false(auth_otp_live(1000, 1300, 1300));
	assert_true(auth_otp_live(1000, 1300, 996));
	assert_false(auth_otp_live(1000, 1300, 900));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_match),
	    cmocka_unit_test(test_distribution),
	    cmocka_unit_test(test_live),
	};

	assert_true(sodium_init() >= 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
