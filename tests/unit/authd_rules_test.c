/* What names, passwords, codes and addresses may look like. */
#include "tests/unit/authd_harness.h"

#include "authd/credentials/rules.h"

static void
test_usernames(void **state)
{
	static const char *const good[] = {
	    "a", "0", "Alice", "a.b_c-d", "a..b", "x9"};
	static const char *const bad[] = {"", "-a", ".a", "_a", "a b", "a/b",
	    "a@b", "a\n", "\xc3\xa4", "a\"", "a'", "a%", "a\\"};
	char longest[AUTH_USERNAME_MAX + 2];
	size_t i;

	(void)state;
	for (i = 0; i < NX_ARRAY_SIZE(good); i++)
		assert_null(auth_rule_username(good[i]));
	for (i = 0; i < NX_ARRAY_SIZE(bad); i++)
		assert_non_null(auth_rule_username(bad[i]));
	memset(longest, 'a', sizeof(longest));
	longest[AUTH_USERNAME_MAX + 1] = '\0';
	assert_non_null(auth_rule_username(longest));
	longest[AUTH_USERNAME_MAX] = '\0';
	assert_null(auth_rule_username(longest));
}

static void
test_passwords(void **state)
{
	char longest[AUTH_PASSWORD_MAX + 2];

	(void)state;
	assert_non_null(auth_rule_password("", NULL, NULL));
	assert_non_null(auth_rule_password("1234567", NULL, NULL));
	assert_null(auth_rule_password("three words", NULL, NULL));
	/* What is guessed first, in any case of its letters. */
	assert_non_null(auth_rule_password("12345678", NULL, NULL));
	assert_non_null(auth_rule_password("Password1", NULL, NULL));
	assert_null(auth_rule_password("password1\nsunshine", NULL, NULL));
	/* And what everybody knows of its owner. */
	assert_non_null(auth_rule_password("Margarethe", "margarethe", NULL));
	assert_non_null(
	    auth_rule_password("margarethe", "x", "Margarethe@x.y"));
	assert_null(auth_rule_password("margarethe@", "x", "margarethe@x.y"));
	assert_null(
	    auth_rule_password("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", NULL, NULL));
	memset(longest, 'x', sizeof(longest));
	longest[AUTH_PASSWORD_MAX + 1] = '\0';
	assert_non_null(auth_rule_password(longest, NULL, NULL));
	longest[AUTH_PASSWORD_MAX] = '\0';
	assert_null(auth_rule_password(longest, NULL, NULL));
}

static void
test_codes(void **state)
{
	static const char *const bad[] = {"", "12345", "1234567", "12345a",
	    " 12345", "12345 ", "-12345",
	    ("\xd9\xa1"
	     "2345")};
	size_t i;

	(void)state;
	assert_null(auth_rule_code("000000"));
	assert_null(auth_rule_code("999999"));
	for (i = 0; i < NX_ARRAY_SIZE(bad); i++)
		assert_non_null(auth_rule_code(bad[i]));
}

static bool
same(const char *a, const char *b)
{
	struct auth_client one, two;

	auth_client_parse(a, &one);
	auth_client_parse(b, &two);
	return memcmp(&one, &two, sizeof(one)) == 0;
}

static void
test_clients(void **state)
{
	(void)state;
	assert_true(same("192.0.2.1", "::ffff:192.0.2.1"));
	assert_false(same("192.0.2.1", "192.0.2.2"));
	assert_true(same("2001:db8::1", "2001:db8::ffff:1"));
	assert_false(same("2001:db8::1", "2001:db8:0:1::1"));
	assert_true(same("", "nonsense"));
	assert_false(same("0.0.0.0", "::"));
	assert_false(same("0.0.0.0", ""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_usernames),
	    cmocka_unit_test(test_passwords),
	    cmocka_unit_test(test_codes),
	    cmocka_unit_test(test_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
