/* How much anybody gets to try, and that nobody is locked out by others. */
#include "tests/unit/authd_harness.h"

static const char *
address(unsigned i)
{
	static char text[32];

	snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255,
	    i & 255);
	return text;
}

/* Asks @n times with a wrong password; how many were looked at. */
static unsigned
guesses(struct harness *h, const char *name, unsigned n, bool vary)
{
	struct h_reply out;
	unsigned i, tried = 0;

	for (i = 0; i < n; i++)
		if (h_login_from(h, name, "wrong password",
			vary ? address(i) : "198.51.100.1",
			&out) == NX__STATUS__UNAUTHENTICATED)
			tried++;
		else
			assert_int_equal(out.status, NX__STATUS__LIMIT);
	return tried;
}

/* Six of one address, then a wait; the owner at another notices nothing, and
 * after a while the address is heard again. */
static void
test_per_login(void **state)
{
	struct harness *h = *state;
	struct h_reply out;

	h_user(h, "alice", NULL);
	assert_int_equal(guesses(h, "alice", 12, false), 6);
	assert_int_equal(h_login(h, "alice", PASSWORD), NX__STATUS__OK);
	assert_int_equal(
	    h_login_from(h, "alice", PASSWORD, "198.51.100.1", &out),
	    NX__STATUS__LIMIT);
	assert_non_null(strstr(out.error, "seconds"));
	h_advance(601);
	assert_int_equal(
	    h_login_from(h, "alice", PASSWORD, "198.51.100.1", &out),
	    NX__STATUS__OK);
}

/* A captured gateway claims a new address for every guess: it gets the
 * account's budget, the same for a name that does not exist, and the owner,
 * known at her address, still gets in. */
static void
test_captured_gateway(void **state)
{
	struct harness *h = *state;
	struct h_reply out;

	h_user(h, "berta", NULL);
	assert_int_equal(guesses(h, "berta", 20, true), 10);
	assert_int_equal(guesses(h, "nobody", 20, true), 10);
	assert_int_equal(
	    h_login_from(h, "berta", PASSWORD, "203.0.113.9", &out),
	    NX__STATUS__LIMIT);
	assert_int_equal(h_login(h, "berta", PASSWORD), NX__STATUS__OK);
	assert_int_equal(
	    h_verify(h, LOGIN_VERIFY, "berta@example.org", h->mail.code, NULL),
	    NX__STATUS__OK);
}

/* Many at once get no more than one after the other. */
static void
test_parallel_guesses(void **state)
{
	Nx__LoginInitRequest q = NX__LOGIN_INIT_REQUEST__INIT;
	char name[] = "carl", wrong[] = "wrong password", from[] = "192.0.2.5";
	struct harness *h = *state;
	struct h_reply out[20];
	unsigned i, tried = 0;

	h_user(h, "carl", NULL);
	q.username = name;
	q.password = wrong;
	q.client = from;
	for (i = 0; i < 20; i++)
		h_begin(h, NX_ROLE_GATEWAY, NX__METHOD__AUTH_LOGIN_INIT,
		    &q.base, &out[i]);
	for (i = 0; i < 20; i++) {
		h_wait(h, &out[i]);
		tried += out[i].status == NX__STATUS__UNAUTHENTICATED;
	}
	assert_int_equal(tried, 6);
}

/* The right password does not buy codes without end either. */
static void
test_codes_per_hour(void **state)
{
	struct harness *h = *state;
	unsigned i;

	h_user(h, "dana", NULL);
	for (i = 0; i < 8; i++)
		assert_int_equal(h_login(h, "dana", PASSWORD), NX__STATUS__OK);
	assert_int_equal(h_login(h, "dana", PASSWORD), NX__STATUS__LIMIT);
	/* The last code sent is still good. */
	assert_int_equal(
	    h_verify(h, LOGIN_VERIFY, "dana@example.org", h->mail.code, NULL),
	    NX__STATUS__OK);
	h_advance(3600);
	assert_int_equal(h_login(h, "dana", PASSWORD), NX__STATUS__OK);
}

/* Nobody's mailbox is flooded by registrations in their name. */
static void
test_registrations(void **state)
{
	struct harness *h = *state;
	struct h_reply out;
	char mail[64];
	unsigned i;

	for (i = 0; i < 8; i++)
		assert_int_equal(h_register_from(h, "emil", PASSWORD,
				     "Emil@example.org", address(i), &out),
		    NX__STATUS__OK);
	assert_int_equal(h_register_from(h, "emil", PASSWORD,
			     "emil@example.org", address(99), &out),
	    NX__STATUS__LIMIT);
	for (i = 0; i < 12; i++) {
		snprintf(mail, sizeof(mail), "u%u@example.org", i);
		assert_int_equal(
		    h_register_from(h, "u", PASSWORD, mail, "192.0.2.77", &out),
		    NX__STATUS__OK);
	}
	assert_int_equal(h_register_from(h, "u", PASSWORD, "v@example.org",
			     "192.0.2.77", &out),
	    NX__STATUS__LIMIT);
}

/* Codes guessed for other people's addresses come out of the client's own. */
static void
test_code_guesses(void **state)
{
	struct harness *h = *state;
	struct h_reply out;
	unsigned i, tried = 0;

	for (i = 0; i < 80; i++)
		tried += h_verify_from(h, LOGIN_VERIFY, "x@example.org",
			     "123456", "198.51.100.2", NULL,
			     &out) == NX__STATUS__UNAUTHENTICATED;
	assert_int_equal(tried, 40);
}

/* Two run, 32 wait, the rest is told to come back, and everybody is answered.*/
static void
test_queue(void **state)
{
	Nx__RegisterInitRequest q = NX__REGISTER_INIT_REQUEST__INIT;
	char name[] = "fritz", password[] = PASSWORD, mail[64];
	struct harness *h = *state;
	struct h_reply out[60];
	unsigned i, served = 0, busy = 0;

	h_stop_authd(h);
	h->conf.registrations_per_address = 1000;
	h_start_authd(h);
	h_attach(h, NX_ROLE_GATEWAY);
	h_attach(h, NX_ROLE_MAIL);
	q.username = name;
	q.password = password;
	q.email = mail;
	for (i = 0; i < 60; i++) {
		snprintf(mail, sizeof(mail), "f%u@example.org", i);
		h_begin(h, NX_ROLE_GATEWAY, NX__METHOD__AUTH_REGISTER_INIT,
		    &q.base, &out[i]);
	}
	for (i = 0; i < 60; i++) {
		h_wait(h, &out[i]);
		h_free(&out[i]);
		served += out[i].status == NX__STATUS__OK;
		busy += out[i].status == NX__STATUS__UNAVAILABLE;
	}
	assert_int_equal(served + busy, 60);
	assert_true(served >= AUTH_HASH_QUEUE && busy > 0);
}

static int
setup(void **state)
{
	struct harness *h;

	h_setup(state);
	h = *state;
	h_stop_authd(h);
	h->conf.codes_per_hour = 8;
	h->conf.registrations_per_address = 12;
	h->conf.failures_per_address = 40;
	h->conf.failures_per_login = 6;
	h->conf.failures_per_account = 10;
	h->conf.guesses_per_account = 1000;
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
	    T(test_per_login),
	    T(test_captured_gateway),
	    T(test_parallel_guesses),
	    T(test_codes_per_hour),
	    T(test_registrations),
	    T(test_code_guesses),
	    T(test_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
