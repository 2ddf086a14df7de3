/*
 * Who pays for a guess: whoever began a login has its tries, everybody else
 * their own budget and a bounded one together; who signed in before is in
 * nobody's way; and every refusal says when to come back.
 */
#include "tests/unit/authd_harness.h"

#define MAIL "alice@example.org"

static const char *
address(unsigned i)
{
	static char text[32];

	snprintf(text, sizeof(text), "10.9.%u.%u", i >> 8 & 255, i & 255);
	return text;
}

static const char *
other_code(const char *code)
{
	static char other[8];

	memcpy(other, code, 7);
	other[5] = (char)(other[5] == '9' ? '0' : other[5] + 1);
	return other;
}

/* login/init as a new client does it: keeps the transaction. */
static Nx__Status
login(struct harness *h, const char *password, const char *client,
    const char *device, char ret_txn[33])
{
	Nx__LoginInitRequest q = NX__LOGIN_INIT_REQUEST__INIT;
	char name[] = "alice";
	struct h_reply out;

	q.username = name;
	q.password = (char *)(uintptr_t)password;
	q.client = (char *)(uintptr_t)client;
	q.device = (char *)(uintptr_t)device;
	h_begin(h, NX_ROLE_GATEWAY, NX__METHOD__AUTH_LOGIN_INIT, &q.base, &out);
	h_wait(h, &out);
	if (out.body && ret_txn)
		strcpy(
		    ret_txn, ((Nx__AuthMessageReply *)out.body)->transaction);
	h_free(&out);
	return out.status;
}

static Nx__Status
verify(struct harness *h, const char *code, const char *client, const char *txn,
    char ret_device[65])
{
	Nx__VerifyRequest q = NX__VERIFY_REQUEST__INIT;
	char mail[] = MAIL;
	struct h_reply out;

	q.email = mail;
	q.code = (char *)(uintptr_t)code;
	q.client = (char *)(uintptr_t)client;
	q.transaction = (char *)(uintptr_t)txn;
	h_begin(h, NX_ROLE_GATEWAY, LOGIN_VERIFY, &q.base, &out);
	h_wait(h, &out);
	if (out.body && ret_device)
		strcpy(ret_device, ((Nx__VerifyReply *)out.body)->device);
	h_free(&out);
	return out.status;
}

#define HERE      "192.0.2.1"
#define ELSEWHERE "198.51.100.7"

/* --- codes ------------------------------------------------------------------*/

static void
test_a_stranger_spends_no_tries(void **state)
{
	struct harness *h = *state;
	int i;

	h_user(h, "alice", NULL);
	assert_int_equal(login(h, PASSWORD, HERE, "", NULL), NX__STATUS__OK);
	for (i = 0; i < 12; i++)
		assert_int_equal(
		    verify(h, other_code(h->mail.code), ELSEWHERE, "", NULL),
		    NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(
	    verify(h, h->mail.code, HERE, "", NULL), NX__STATUS__OK);
}

/* Of a registration neither. */
static void
test_nor_of_a_registration(void **state)
{
	struct harness *h = *state;
	struct h_reply out;
	int i;

	assert_int_equal(
	    h_register(h, "alice", PASSWORD, MAIL), NX__STATUS__OK);
	for (i = 0; i < 12; i++)
		h_verify_from(h, REGISTER_VERIFY, MAIL,
		    other_code(h->mail.code), ELSEWHERE, NULL, &out);
	assert_int_equal(h_verify(h, REGISTER_VERIFY, MAIL, h->mail.code, NULL),
	    NX__STATUS__OK);
}

/* Behind one address the transaction tells the owner from the neighbour. */
static void
test_a_neighbour_spends_its_own(void **state)
{
	struct harness *h = *state;
	char txn[33] = "";
	int i;

	h_user(h, "alice", NULL);
	assert_int_equal(login(h, PASSWORD, HERE, "", txn), NX__STATUS__OK);
	assert_int_equal(strlen(txn), 32);
	for (i = 0; i < 8; i++)
		(void)verify(h, other_code(h->mail.code), HERE, "", NULL);
	/* Five are all that came of it, for the right one neither. */
	assert_int_equal(verify(h, h->mail.code, HERE, "", NULL),
	    NX__STATUS__UNAUTHENTICATED);
	for (i = 0; i < 4; i++)
		assert_int_equal(
		    verify(h, other_code(h->mail.code), HERE, txn, NULL),
		    NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(
	    verify(h, h->mail.code, HERE, txn, NULL), NX__STATUS__OK);
}

static void
test_five_with_the_transaction(void **state)
{
	struct harness *h = *state;
	char txn[33];
	int i;

	h_user(h, "alice", NULL);
	assert_int_equal(login(h, PASSWORD, HERE, "", txn), NX__STATUS__OK);
	for (i = 0; i < 5; i++)
		(void)verify(h, other_code(h->mail.code), HERE, txn, NULL);
	assert_int_equal(verify(h, h->mail.code, ELSEWHERE, txn, NULL),
	    NX__STATUS__UNAUTHENTICATED);
}

/* A telephone that leaves the house, a name with two kinds of addresses. */
static void
test_an_owner_who_moves(void **state)
{
	struct harness *h = *state;
	char txn[33];
	unsigned i;

	h_user(h, "alice", NULL);
	assert_int_equal(login(h, PASSWORD, HERE, "", NULL), NX__STATUS__OK);
	assert_int_equal(
	    verify(h, h->mail.code, ELSEWHERE, "", NULL), NX__STATUS__OK);
	/* With the transaction whatever strangers do meanwhile. */
	assert_int_equal(login(h, PASSWORD, HERE, "", txn), NX__STATUS__OK);
	for (i = 0; i < 60; i++)
		(void)verify(h, other_code(h->mail.code), address(i), "", NULL);
	assert_int_equal(verify(h, h->mail.code, "203.0.113.5", "", NULL),
	    NX__STATUS__LIMIT);
	assert_int_equal(
	    verify(h, h->mail.code, "203.0.113.5", txn, NULL), NX__STATUS__OK);
}

/* However many strangers there are, and whether there is an account or not. */
static void
test_many_strangers_are_bounded(void **state)
{
	struct harness *h = *state;
	struct h_reply out;
	unsigned i, tried = 0, nobodys = 0;

	h_user(h, "alice", NULL);
	assert_int_equal(login(h, PASSWORD, HERE, "", NULL), NX__STATUS__OK);
	for (i = 0; i < 100; i++)
		tried += verify(h, other_code(h->mail.code), address(i), "",
			     NULL) == NX__STATUS__UNAUTHENTICATED;
	for (i = 0; i < 100; i++)
		nobodys +=
		    h_verify_from(h, LOGIN_VERIFY, "x@example.org", "123456",
			address(i), NULL, &out) == NX__STATUS__UNAUTHENTICATED;
	assert_int_equal(tried, 30);
	assert_int_equal(nobodys, 30);
	assert_int_equal(
	    verify(h, h->mail.code, HERE, "", NULL), NX__STATUS__OK);
}

/* What one does with codes keeps nobody at the same address from logging in. */
static void
test_codes_of_others_lock_nobody_out(void **state)
{
	struct harness *h = *state;
	struct h_reply out;
	char mail[64];
	unsigned i;

	h_user(h, "alice", NULL);
	for (i = 0; i < 330; i++) {
		snprintf(mail, sizeof(mail), "x%u@example.org", i);
		h_verify_from(
		    h, LOGIN_VERIFY, mail, "123456", HERE, NULL, &out);
	}
	assert_int_equal(out.status, NX__STATUS__LIMIT);
	assert_int_equal(login(h, PASSWORD, HERE, "", NULL), NX__STATUS__OK);
	assert_int_equal(
	    verify(h, h->mail.code, HERE, "", NULL), NX__STATUS__OK);
}

/* --- passwords --------------------------------------------------------------*/

static void
test_a_device_gets_in(void **state)
{
	struct harness *h = *state;
	char device[65] = "", forged[65];
	unsigned i;

	h_user(h, "alice", NULL);
	assert_int_equal(login(h, PASSWORD, HERE, "", NULL), NX__STATUS__OK);
	assert_int_equal(
	    verify(h, h->mail.code, HERE, "", device), NX__STATUS__OK);
	assert_int_equal(strlen(device), 64);
	for (i = 0; i < 40; i++)
		(void)login(h, "wrong password", HERE, "", NULL);
	assert_int_equal(login(h, PASSWORD, HERE, "", NULL), NX__STATUS__LIMIT);
	memcpy(forged, device, sizeof(forged));
	forged[63] = forged[63] == '0' ? '1' : '0';
	assert_int_equal(
	    login(h, PASSWORD, HERE, forged, NULL), NX__STATUS__LIMIT);
	assert_int_equal(
	    login(h, PASSWORD, HERE, device, NULL), NX__STATUS__OK);
	/* Which has no more guesses than anybody. */
	for (i = 0; i < 30; i++)
		assert_int_equal(login(h, "wrong password", HERE, device, NULL),
		    NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(
	    login(h, "wrong password", HERE, device, NULL), NX__STATUS__LIMIT);
}

static void
test_the_wait_is_told_once(void **state)
{
	struct harness *h = *state;
	struct h_reply out;
	char wanted[64];
	unsigned i;

	for (i = 0; i < 31; i++)
		h_login_from(h, "nobody", "wrong password", HERE, &out);
	assert_int_equal(out.status, NX__STATUS__LIMIT);
	assert_in_range(out.retry_s, 1, 120);
	snprintf(wanted, sizeof(wanted), "in %u seconds", out.retry_s);
	assert_non_null(strstr(out.error, wanted));
}

/* --- the switch -------------------------------------------------------------*/

static void
test_registration_closed(void **state)
{
	static char closed[] = "closed";
	struct harness *h = *state;
	struct h_reply out;

	h_user(h, "alice", NULL);
	assert_int_equal(
	    h_register(h, "bert", PASSWORD, "b@example.org"), NX__STATUS__OK);
	h->conf.registration = closed;
	assert_int_equal(
	    h_register_from(h, "carl", PASSWORD, "c@example.org", HERE, &out),
	    NX__STATUS__DENIED);
	assert_non_null(strstr(out.error, "administrator"));
	assert_int_equal(
	    h_verify(h, REGISTER_VERIFY, "b@example.org", h->mail.code, NULL),
	    NX__STATUS__DENIED);
	assert_int_equal(login(h, PASSWORD, HERE, "", NULL), NX__STATUS__OK);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, h_setup, h_teardown)
	const struct CMUnitTest tests[] = {
	    T(test_a_stranger_spends_no_tries),
	    T(test_nor_of_a_registration),
	    T(test_a_neighbour_spends_its_own),
	    T(test_five_with_the_transaction),
	    T(test_an_owner_who_moves),
	    T(test_many_strangers_are_bounded),
	    T(test_codes_of_others_lock_nobody_out),
	    T(test_a_device_gets_in),
	    T(test_the_wait_is_told_once),
	    T(test_registration_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
