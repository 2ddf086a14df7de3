/*
 * Strangers learn nothing from how long an answer takes. Nothing here depends
 * on the speed of the machine: two kinds of request take turns, and what is
 * looked at is how often one of the one kind took longer than one of the other
 * (Mann and Whitney's U, as a share). 1/2 means they cannot be told apart; what
 * a hash or a commit to disk more or less would make is near 0 or 1.
 *
 * alone: what runs beside it takes its share of either kind
 */
#include "tests/unit/authd_harness.h"

#define MAX 200

typedef void ask_fn(struct harness *h, unsigned i);

static double
share_above(const uint64_t *a, const uint64_t *b, unsigned n)
{
	unsigned i, k;
	double above = 0;

	for (i = 0; i < n; i++)
		for (k = 0; k < n; k++)
			above += a[i] > b[k] ? 1 : a[i] == b[k] ? 0.5 : 0;
	return above / n / n;
}

static uint64_t
timed(struct harness *h, ask_fn *ask, unsigned i)
{
	uint64_t begin = nx_now_us();

	ask(h, i);
	return nx_now_us() - begin;
}

/* One series: n of each, taking turns in going first. */
static double
series(struct harness *h, ask_fn *one, ask_fn *other, unsigned n)
{
	static uint64_t a[MAX], b[MAX];
	double share;
	unsigned i;

	for (i = 0; i < n; i++) {
		if (i % 2)
			a[i] = timed(h, one, i);
		b[i] = timed(h, other, i);
		if (i % 2 == 0)
			a[i] = timed(h, one, i);
	}
	share = share_above(a, b, n);
	print_message("# share %.3f\n", share);
	return share;
}

/* The share's deviation is 1/sqrt(6n): 0.029 for 200 and 0.065 for 40. Other
 * work on the machine comes in waves, so a series may be wrong, but hardly two
 * of three; what can be told apart is so in each. */
static void
compare(struct harness *h, ask_fn *one, ask_fn *other, unsigned n)
{
	double share, bound = n == MAX ? 0.1 : 0.22;
	int wrong = 0, right = 0;

	while (wrong < 2 && right < 1 + (wrong > 0)) {
		share = series(h, one, other, n);
		if (share < 0.5 - bound || share > 0.5 + bound)
			wrong++;
		else
			right++;
	}
	if (wrong == 2)
		fail_msg("they can be told apart");
}

static void
login_known(struct harness *h, unsigned i)
{
	(void)i;
	assert_int_equal(
	    h_login(h, "alice", "wrong password"), NX__STATUS__UNAUTHENTICATED);
}

static void
login_unknown(struct harness *h, unsigned i)
{
	(void)i;
	assert_int_equal(h_login(h, "nobody", "wrong password"),
	    NX__STATUS__UNAUTHENTICATED);
}

static void
test_login(void **state)
{
	h_user(*state, "alice", NULL);
	compare(*state, login_known, login_unknown, 40);
}

static void
verify_known(struct harness *h, unsigned i)
{
	char wrong[8];

	/* Never the right one: its last digit is another. */
	snprintf(wrong, sizeof(wrong), "%s", h->mail.code);
	wrong[5] = (char)('0' + (wrong[5] - '0' + 1 + (int)(i % 9)) % 10);
	assert_int_equal(
	    h_verify(h, LOGIN_VERIFY, "alice@example.org", wrong, NULL),
	    NX__STATUS__UNAUTHENTICATED);
}

/* The same by somebody who did not ask for the code. */
static void
verify_strangers(struct harness *h, unsigned i)
{
	struct h_reply out;

	(void)i;
	assert_int_equal(
	    h_verify_from(h, LOGIN_VERIFY, "alice@example.org",
		strcmp(h->mail.code, "123456") ? "123456" : "123457",
		"203.0.113.1", NULL, &out),
	    NX__STATUS__UNAUTHENTICATED);
}

static void
verify_unknown(struct harness *h, unsigned i)
{
	(void)i;
	assert_int_equal(
	    h_verify(h, LOGIN_VERIFY, "nobody@example.org", "123456", NULL),
	    NX__STATUS__UNAUTHENTICATED);
}

static void
test_verify(void **state)
{
	struct harness *h = *state;

	h_user(h, "alice", NULL);
	h_login(h, "alice", PASSWORD);
	/* Tries without end, so that all of them find the code. */
	assert_int_equal(
	    sqlite3_exec(nx_db_handle(h->a.db),
		"UPDATE codes SET tries = 1000, near = 1000", NULL, NULL, NULL),
	    SQLITE_OK);
	compare(h, verify_known, verify_unknown, MAX);
	compare(h, verify_strangers, verify_unknown, MAX);
}

static void
register_free(struct harness *h, unsigned i)
{
	char name[32], mail[64];

	snprintf(name, sizeof(name), "free%u", i);
	snprintf(mail, sizeof(mail), "free%u@example.org", i);
	assert_int_equal(h_register(h, name, PASSWORD, mail), NX__STATUS__OK);
	assert_int_equal(strlen(h->mail.code), 6);
}

static void
register_taken(struct harness *h, unsigned i)
{
	char mail[64];

	snprintf(mail, sizeof(mail), "other%u@example.org", i);
	assert_int_equal(
	    h_register(h, "alice", PASSWORD, mail), NX__STATUS__OK);
	assert_int_equal(strlen(h->mail.code), 0);
}

static void
register_has_account(struct harness *h, unsigned i)
{
	char name[32];

	snprintf(name, sizeof(name), "again%u", i);
	assert_int_equal(
	    h_register(h, name, PASSWORD, "alice@example.org"), NX__STATUS__OK);
	assert_int_equal(strlen(h->mail.code), 0);
}

static void
test_register(void **state)
{
	h_user(*state, "alice", NULL);
	compare(*state, register_free, register_taken, 40);
	compare(*state, register_taken, register_has_account, 40);
}

static int
setup(void **state)
{
	struct harness *h;

	h_setup(state);
	h = *state;
	h_stop_authd(h);
	h->conf.codes_per_hour = 10000;
	h->conf.registrations_per_address = 10000;
	h->conf.failures_per_address = 10000;
	h->conf.failures_per_login = 10000;
	h->conf.failures_per_account = 10000;
	h->conf.guesses_per_account = 10000;
	h_start_authd(h);
	h_attach(h, NX_ROLE_MAIL);
	h_attach(h, NX_ROLE_GATEWAY);
	return 0;
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, h_teardown)
	const struct CMUnitTest tests[] = {
	    T(test_login),
	    T(test_verify),
	    T(test_register),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
