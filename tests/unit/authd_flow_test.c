/* Register, login, verify: every rule of the codes, with the clock in hand. */
#include "tests/unit/authd_harness.h"

static void
test_register_and_login(void **state)
{
	struct harness *h = *state;
	char token[2049];

	assert_int_equal(h_register(h, "Alice", PASSWORD, "alice@example.org"),
	    NX__STATUS__OK);
	/* The mail is there before the answer is. */
	assert_int_equal(h->mails, 1);
	assert_string_equal(h->mail.to, "alice@example.org");
	assert_int_equal(strlen(h->mail.code), 6);
	assert_int_equal(h_verify(h, REGISTER_VERIFY, "alice@example.org",
			     h->mail.code, token),
	    NX__STATUS__OK);
	assert_int_equal(h_check(h, token), NX__STATUS__OK);
	/* Names are the same whatever their case. */
	assert_int_equal(h_login(h, "aLICE", PASSWORD), NX__STATUS__OK);
	assert_int_equal(
	    h_verify(h, LOGIN_VERIFY, "Alice@Example.org", h->mail.code, token),
	    NX__STATUS__OK);
	assert_int_equal(h_check(h, token), NX__STATUS__OK);
}

static void
test_bad_input(void **state)
{
	static const struct {
		const char *name, *password, *email;
	} bad[] = {
	    {"", PASSWORD, "a@example.org"},
	    {".a", PASSWORD, "a@example.org"},
	    {"a b", PASSWORD, "a@example.org"},
	    {"\xc3\xa4", PASSWORD, "a@example.org"},
	    {"a", "1234567", "a@example.org"},
	    {"a", PASSWORD, ""},
	    {"a", PASSWORD, "a@b@example.org"},
	    {"a", PASSWORD, "a@example.org\nBcc: b@example.org"},
	};
	struct harness *h = *state;
	size_t i;

	for (i = 0; i < NX_ARRAY_SIZE(bad); i++)
		assert_int_equal(
		    h_register(h, bad[i].name, bad[i].password, bad[i].email),
		    NX__STATUS__INVALID);
	assert_int_equal(
	    h_verify(h, LOGIN_VERIFY, "a@example.org", "12345", NULL),
	    NX__STATUS__INVALID);
	assert_int_equal(h->mails, 0);
}

static void
test_no_account_without_code(void **state)
{
	struct harness *h = *state;

	assert_int_equal(
	    h_register(h, "bob", PASSWORD, "bob@example.org"), NX__STATUS__OK);
	assert_int_equal(
	    h_login(h, "bob", PASSWORD), NX__STATUS__UNAUTHENTICATED);
}

/* A wrong code of the same form as the right one. */
static const char *
other_code(const char *code)
{
	static char wrong[8];

	snprintf(wrong, sizeof(wrong), "%s", code);
	wrong[0] = wrong[0] == '9' ? '0' : (char)(wrong[0] + 1);
	return wrong;
}

static void
test_five_tries(void **state)
{
	struct harness *h = *state;
	const char *email = "carl@example.org";
	int i;

	/* Four wrong ones leave the last try. */
	h_register(h, "carl", PASSWORD, email);
	for (i = 0; i < 4; i++)
		assert_int_equal(h_verify(h, REGISTER_VERIFY, email,
				     other_code(h->mail.code), NULL),
		    NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(
	    h_verify(h, REGISTER_VERIFY, email, h->mail.code, NULL),
	    NX__STATUS__OK);
	/* Five leave none, for the right one neither. */
	assert_int_equal(h_login(h, "carl", PASSWORD), NX__STATUS__OK);
	for (i = 0; i < 5; i++)
		h_verify(
		    h, LOGIN_VERIFY, email, other_code(h->mail.code), NULL);
	assert_int_equal(h_verify(h, LOGIN_VERIFY, email, h->mail.code, NULL),
	    NX__STATUS__UNAUTHENTICATED);
	/* And that is no lock: a new code works. */
	assert_int_equal(h_login(h, "carl", PASSWORD), NX__STATUS__OK);
	assert_int_equal(h_verify(h, LOGIN_VERIFY, email, h->mail.code, NULL),
	    NX__STATUS__OK);
}

static void
test_single_use_and_replacement(void **state)
{
	struct harness *h = *state;
	const char *email = "dora@example.org";
	char first[8];

	h_user(h, "dora", NULL);
	h_login(h, "dora", PASSWORD);
	assert_int_equal(h_verify(h, LOGIN_VERIFY, email, h->mail.code, NULL),
	    NX__STATUS__OK);
	assert_int_equal(h_verify(h, LOGIN_VERIFY, email, h->mail.code, NULL),
	    NX__STATUS__UNAUTHENTICATED);
	h_login(h, "dora", PASSWORD);
	strcpy(first, h->mail.code);
	h_login(h, "dora", PASSWORD);
	if (strcmp(first, h->mail.code) != 0)
		assert_int_equal(h_verify(h, LOGIN_VERIFY, email, first, NULL),
		    NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_verify(h, LOGIN_VERIFY, email, h->mail.code, NULL),
	    NX__STATUS__OK);
}

static void
test_expiry(void **state)
{
	struct harness *h = *state;
	const char *email = "emil@example.org";

	h_user(h, "emil", NULL);
	h_login(h, "emil", PASSWORD);
	h_advance(298);
	assert_int_equal(h_verify(h, LOGIN_VERIFY, email, h->mail.code, NULL),
	    NX__STATUS__OK);
	h_login(h, "emil", PASSWORD);
	h_advance(301);
	assert_int_equal(h_verify(h, LOGIN_VERIFY, email, h->mail.code, NULL),
	    NX__STATUS__UNAUTHENTICATED);
}

/* A clock that goes back makes no code and no token live longer. */
static void
test_clock_backwards(void **state)
{
	struct harness *h = *state;
	char token[2049];

	h_user(h, "fritz", token);
	h_login(h, "fritz", PASSWORD);
	h_wall_shift_us = -3600LL * 1000000;
	assert_int_equal(
	    h_verify(h, LOGIN_VERIFY, "fritz@example.org", h->mail.code, NULL),
	    NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_check(h, token), NX__STATUS__UNAUTHENTICATED);
	/* New ones work at once. */
	h_login(h, "fritz", PASSWORD);
	assert_int_equal(
	    h_verify(h, LOGIN_VERIFY, "fritz@example.org", h->mail.code, token),
	    NX__STATUS__OK);
	assert_int_equal(h_check(h, token), NX__STATUS__OK);
}

/* A code belongs to its purpose and its account. */
static void
test_bound_to_transaction(void **state)
{
	struct harness *h = *state;

	h_user(h, "gina", NULL);
	h_user(h, "hans", NULL);
	h_login(h, "gina", PASSWORD);
	assert_int_equal(
	    h_verify(h, LOGIN_VERIFY, "hans@example.org", h->mail.code, NULL),
	    NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_verify(h, REGISTER_VERIFY, "gina@example.org",
			     h->mail.code, NULL),
	    NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(
	    h_verify(h, LOGIN_VERIFY, "gina@example.org", h->mail.code, NULL),
	    NX__STATUS__OK);
}

/* Whoever asks sees one answer; the owner of the address sees what it is. */
static void
test_taken_is_no_oracle(void **state)
{
	struct harness *h = *state;
	struct h_reply fresh, name, email;

	h_user(h, "ida", NULL);
	h_register_from(
	    h, "new", PASSWORD, "new@example.org", "192.0.2.1", &fresh);
	assert_int_equal(strlen(h->mail.code), 6);
	h_register_from(
	    h, "IDA", PASSWORD, "other@example.org", "192.0.2.1", &name);
	assert_string_equal(h->mail.to, "other@example.org");
	assert_int_equal(strlen(h->mail.code), 0);
	assert_non_null(strstr(h->mail.text, "taken"));
	h_register_from(
	    h, "ida2", PASSWORD, "IDA@example.org", "192.0.2.1", &email);
	assert_non_null(strstr(h->mail.text, "account"));
	assert_int_equal(strlen(h->mail.code), 0);
	assert_int_equal(fresh.status, NX__STATUS__OK);
	assert_int_equal(name.status, fresh.status);
	assert_int_equal(email.status, fresh.status);
	assert_string_equal(name.error, fresh.error);
	assert_string_equal(email.error, fresh.error);
}

static void
test_unknown_is_no_oracle(void **state)
{
	struct harness *h = *state;
	struct h_reply known, unknown;

	h_user(h, "jon", NULL);
	h_login_from(h, "jon", "wrong password", "192.0.2.1", &known);
	h_login_from(h, "nobody", "wrong password", "192.0.2.1", &unknown);
	assert_int_equal(known.status, NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(unknown.status, known.status);
	assert_string_equal(unknown.error, known.error);
	h_login(h, "jon", PASSWORD);
	h_verify_from(h, LOGIN_VERIFY, "jon@example.org",
	    other_code(h->mail.code), "192.0.2.1", NULL, &known);
	h_verify_from(h, LOGIN_VERIFY, "nobody@example.org", "123456",
	    "192.0.2.1", NULL, &unknown);
	assert_int_equal(known.status, NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(unknown.status, known.status);
	assert_string_equal(unknown.error, known.error);
}

/* Registrations of one address do not disturb each other, but do not pile up
 * either; the name goes to who finishes first. */
static void
test_parallel_registrations(void **state)
{
	struct harness *h = *state;
	char mine[8], theirs[8];

	h_register(h, "kate", PASSWORD, "kate@example.org");
	strcpy(mine, h->mail.code);
	h_register(h, "kate", PASSWORD, "mallory@example.org");
	strcpy(theirs, h->mail.code);
	h_register(h, "other", "another password", "kate@example.org");
	assert_int_equal(
	    h_verify(h, REGISTER_VERIFY, "kate@example.org", mine, NULL),
	    NX__STATUS__OK);
	assert_int_equal(
	    h_verify(h, REGISTER_VERIFY, "mallory@example.org", theirs, NULL),
	    NX__STATUS__EXISTS);
	assert_int_equal(h_login(h, "kate", PASSWORD), NX__STATUS__OK);
}

static void
test_pending_are_bounded(void **state)
{
	struct harness *h = *state;
	char first[8], name[16];
	int i;

	h_register(h, "lena", PASSWORD, "lena@example.org");
	strcpy(first, h->mail.code);
	for (i = 0; i < AUTH_CODES_LIVE; i++) {
		snprintf(name, sizeof(name), "lena%d", i);
		h_register(h, name, PASSWORD, "lena@example.org");
	}
	assert_int_equal(
	    h_verify(h, REGISTER_VERIFY, "lena@example.org", first, NULL),
	    NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_verify(h, REGISTER_VERIFY, "lena@example.org",
			     h->mail.code, NULL),
	    NX__STATUS__OK);
}

/* Nothing secret is written down. */
static void
test_secrets_at_rest(void **state)
{
	struct harness *h = *state;
	static char data[1 << 20];
	char path[128];
	ssize_t n;
	int fd;

	h_user(h, "max", NULL);
	h_login(h, "max", PASSWORD);
	snprintf(path, sizeof(path), "%s/auth.db-wal", h->dir);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	n = read(fd, data, sizeof(data));
	close(fd);
	assert_true(n > 0);
	assert_non_null(memmem(data, (size_t)n, "$argon2id$", 10));
	assert_null(memmem(data, (size_t)n, PASSWORD, strlen(PASSWORD)));
	assert_null(memmem(data, (size_t)n, h->mail.code, 6));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, h_setup, h_teardown)
	const struct CMUnitTest tests[] = {
	    T(test_register_and_login),
	    T(test_bad_input),
	    T(test_no_account_without_code),
	    T(test_five_tries),
	    T(test_single_use_and_replacement),
	    T(test_expiry),
	    T(test_clock_backwards),
	    T(test_bound_to_transaction),
	    T(test_taken_is_no_oracle),
	    T(test_unknown_is_no_oracle),
	    T(test_parallel_registrations),
	    T(test_pending_are_bounded),
	    T(test_secrets_at_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
