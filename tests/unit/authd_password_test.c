/* Passwords changed, forgotten and shown once more, and what each of it ends. */
#include "proto/account.pb-c.h"
#include "tests/unit/authd_harness.h"

#define NEW     "another good one"
#define MAIL    "alice@example.org"
#define ADDRESS "192.0.2.9"

static char token[2049];

static int
setup(void **state)
{
	int r = h_setup(state);

	if (r == 0) {
		h_attach(*state, NX_ROLE_STORAGE);
		h_user(*state, "alice", token);
	}
	return r;
}

static Nx__Status
ask(struct harness *h, Nx__Method method, const ProtobufCMessage *m,
    struct h_reply *out)
{
	struct h_reply mine;
	Nx__Status status;

	h_begin(h, NX_ROLE_GATEWAY, method, m, out ? out : &mine);
	h_wait(h, out ? out : &mine);
	status = out ? out->status : mine.status;
	if (!out)
		h_free(&mine);
	return status;
}

static Nx__Status
change(struct harness *h, const char *who, const char *old, const char *new)
{
	Nx__ChangePasswordRequest q = NX__CHANGE_PASSWORD_REQUEST__INIT;

	q.token = (char *)(uintptr_t)who;
	q.client = (char[]){ADDRESS};
	q.old_password = (char *)(uintptr_t)old;
	q.new_password = (char *)(uintptr_t) new;
	return ask(h, NX__METHOD__ACCOUNT_CHANGE_PASSWORD, &q.base, NULL);
}

static Nx__Status
again(struct harness *h, const char *password)
{
	Nx__ReauthRequest q = NX__REAUTH_REQUEST__INIT;

	q.token = token;
	q.client = (char[]){ADDRESS};
	q.password = (char *)(uintptr_t)password;
	return ask(h, NX__METHOD__ACCOUNT_REAUTH, &q.base, NULL);
}

static Nx__Status
reset_init(struct harness *h, const char *mail, struct h_reply *out)
{
	Nx__ResetInitRequest q = NX__RESET_INIT_REQUEST__INIT;

	q.email = (char *)(uintptr_t)mail;
	q.client = (char[]){ADDRESS};
	return ask(h, NX__METHOD__ACCOUNT_RESET_INIT, &q.base, out);
}

static Nx__Status
reset_verify(
    struct harness *h, const char *mail, const char *code, const char *password)
{
	Nx__ResetVerifyRequest q = NX__RESET_VERIFY_REQUEST__INIT;

	q.email = (char *)(uintptr_t)mail;
	q.code = (char *)(uintptr_t)code;
	q.client = (char[]){ADDRESS};
	q.password = (char *)(uintptr_t)password;
	return ask(h, NX__METHOD__ACCOUNT_RESET_VERIFY, &q.base, NULL);
}

/* A second session of hers. */
static void
sign_in(struct harness *h, const char *name, char ret_token[2049])
{
	assert_int_equal(h_login(h, name, PASSWORD), NX__STATUS__OK);
	assert_int_equal(
	    h_verify(h, LOGIN_VERIFY, MAIL, h->mail.code, ret_token),
	    NX__STATUS__OK);
}

/* --- changing it ------------------------------------------------------------*/

static void
test_change(void **state)
{
	struct harness *h = *state;
	char other[2049];
	unsigned mails;

	sign_in(h, "alice", other);
	mails = h->mails;
	assert_int_equal(change(h, token, PASSWORD, NEW), NX__STATUS__OK);
	assert_int_equal(h_check(h, token), NX__STATUS__OK);
	assert_int_equal(h_check(h, other), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h->revokes[NX_ROLE_STORAGE], 1);
	h_settle(h);
	assert_int_equal(h->mails, mails + 1);
	assert_non_null(strstr(h->mail.subject, "password was changed"));
	assert_int_equal(
	    h_login(h, "alice", PASSWORD), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_login(h, "alice", NEW), NX__STATUS__OK);
}

/* Who waits with a code from before waits in vain. */
static void
test_codes_end_with_it(void **state)
{
	struct harness *h = *state;
	char code[8];

	assert_int_equal(h_login(h, "alice", PASSWORD), NX__STATUS__OK);
	memcpy(code, h->mail.code, sizeof(code));
	assert_int_equal(change(h, token, PASSWORD, NEW), NX__STATUS__OK);
	assert_int_equal(h_verify(h, LOGIN_VERIFY, MAIL, code, NULL),
	    NX__STATUS__UNAUTHENTICATED);
}

static void
test_change_refused(void **state)
{
	struct harness *h = *state;

	assert_int_equal(
	    change(h, token, "not hers at all", NEW), NX__STATUS__DENIED);
	assert_int_equal(
	    change(h, token, PASSWORD, "short"), NX__STATUS__INVALID);
	assert_int_equal(
	    change(h, token, PASSWORD, "password1"), NX__STATUS__INVALID);
	assert_int_equal(
	    change(h, token, PASSWORD, PASSWORD), NX__STATUS__INVALID);
	assert_int_equal(change(h, token, PASSWORD, MAIL), NX__STATUS__INVALID);
	assert_int_equal(
	    change(h, "x", PASSWORD, NEW), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_login(h, "alice", PASSWORD), NX__STATUS__OK);
}

/* A stolen token is no way to guess the password. */
static void
test_guesses_are_bounded(void **state)
{
	struct harness *h = *state;
	unsigned i;

	for (i = 0; i < 40; i++)
		if (again(h, "not hers at all") != NX__STATUS__DENIED)
			break;
	assert_true(i <= 31);
	assert_int_equal(again(h, PASSWORD), NX__STATUS__LIMIT);
}

/* --- once more --------------------------------------------------------------*/

static void
test_again(void **state)
{
	struct harness *h = *state;
	struct auth_session before, after;
	struct auth_claims claims;
	struct auth_user user;

	assert_int_equal(
	    auth_token_check(&h->a.keys.ring, token, auth_now(&h->a), &claims),
	    AUTH_TOKEN_OK);
	assert_int_equal(auth_session_check(h->a.db, claims.session, 1,
			     auth_now(&h->a), &user, &before),
	    1);
	h_shift_us += 3600 * 1000000LL;
	assert_int_equal(again(h, "not hers at all"), NX__STATUS__DENIED);
	assert_int_equal(again(h, PASSWORD), NX__STATUS__OK);
	assert_int_equal(auth_session_check(h->a.db, claims.session, 1,
			     auth_now(&h->a), &user, &after),
	    1);
	assert_true(after.auth_at >= before.auth_at + 3600);
}

/* --- forgotten --------------------------------------------------------------*/

static void
test_reset(void **state)
{
	struct harness *h = *state;

	assert_int_equal(reset_init(h, MAIL, NULL), NX__STATUS__OK);
	assert_int_equal(strlen(h->mail.code), 6);
	assert_int_equal(
	    reset_verify(h, MAIL, h->mail.code, "short"), NX__STATUS__INVALID);
	assert_int_equal(
	    reset_verify(h, MAIL, h->mail.code, NEW), NX__STATUS__OK);
	assert_int_equal(h_check(h, token), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(
	    h_login(h, "alice", PASSWORD), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_login(h, "alice", NEW), NX__STATUS__OK);
}

/* A code is for what it was asked for, once. */
static void
test_codes_are_for_one_thing(void **state)
{
	struct harness *h = *state;
	char code[8];

	assert_int_equal(h_login(h, "alice", PASSWORD), NX__STATUS__OK);
	memcpy(code, h->mail.code, sizeof(code));
	assert_int_equal(
	    reset_verify(h, MAIL, code, NEW), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(reset_init(h, MAIL, NULL), NX__STATUS__OK);
	memcpy(code, h->mail.code, sizeof(code));
	assert_int_equal(h_verify(h, LOGIN_VERIFY, MAIL, code, NULL),
	    NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(reset_verify(h, MAIL, code, NEW), NX__STATUS__OK);
	assert_int_equal(reset_verify(h, MAIL, code, "yet another one"),
	    NX__STATUS__UNAUTHENTICATED);
}

static void
test_reset_tells_nothing(void **state)
{
	struct harness *h = *state;
	struct h_reply known, unknown;
	const Nx__AuthMessageReply *a, *b;

	assert_int_equal(reset_init(h, MAIL, &known), NX__STATUS__OK);
	assert_int_equal(
	    reset_init(h, "nobody@example.org", &unknown), NX__STATUS__OK);
	a = (const void *)known.body;
	b = (const void *)unknown.body;
	assert_string_equal(a->message, b->message);
	assert_int_equal(strlen(a->transaction), strlen(b->transaction));
	h_free(&known);
	h_free(&unknown);
	assert_string_equal(h->mail.to, "nobody@example.org");
	assert_string_equal(h->mail.code, "");
	assert_int_equal(reset_verify(h, "nobody@example.org", "123456", NEW),
	    NX__STATUS__UNAUTHENTICATED);
}

/* Nobody's mailbox is flooded, whoever asks. */
static void
test_resets_are_bounded(void **state)
{
	struct harness *h = *state;
	unsigned i;

	for (i = 0; i < 40; i++)
		if (reset_init(h, MAIL, NULL) != NX__STATUS__OK)
			break;
	assert_true(i >= 18 && i <= 21);
	assert_int_equal(reset_init(h, MAIL, NULL), NX__STATUS__LIMIT);
}

/* --- by address -------------------------------------------------------------*/

static void
test_login_by_address(void **state)
{
	struct harness *h = *state;
	char other[2049];

	sign_in(h, "ALICE@example.org", other);
	assert_int_equal(h_check(h, other), NX__STATUS__OK);
	assert_int_equal(h_login(h, "nobody@example.org", PASSWORD),
	    NX__STATUS__UNAUTHENTICATED);
}

/* By name or by address, it is the same account's budget. */
static void
test_one_budget(void **state)
{
	struct harness *h = *state;
	struct h_reply out;
	unsigned n = 0;

	for (unsigned i = 0; i < 40; i++)
		n += h_login_from(h, i % 2 ? "alice" : MAIL, "not hers at all",
			 ADDRESS, &out) == NX__STATUS__UNAUTHENTICATED;
	assert_true(n <= 31);
}

/* --- weaker hashes ----------------------------------------------------------*/

static int
weaken(struct nx_db *db, void *arg)
{
	char hash[AUTH_HASH_LEN];

	(void)arg;
	assert_int_equal(
	    crypto_pwhash_str(hash, PASSWORD, strlen(PASSWORD),
		crypto_pwhash_OPSLIMIT_MIN, crypto_pwhash_MEMLIMIT_MIN),
	    0);
	return auth_user_rehash(db, 1, hash);
}

static void
test_rehash(void **state)
{
	struct harness *h = *state;
	struct auth_user before, after;

	assert_int_equal(nx_db_write_now(h->a.db, weaken, NULL), 0);
	assert_int_equal(auth_user_by_id(h->a.db, 1, &before), 1);
	assert_int_equal(h_login(h, "alice", "not hers at all"),
	    NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(auth_user_by_id(h->a.db, 1, &after), 1);
	assert_string_equal(before.password, after.password);
	assert_int_equal(h_login(h, "alice", PASSWORD), NX__STATUS__OK);
	assert_int_equal(auth_user_by_id(h->a.db, 1, &after), 1);
	assert_string_not_equal(before.password, after.password);
	assert_int_equal(crypto_pwhash_str_needs_rehash(after.password,
			     crypto_pwhash_OPSLIMIT_INTERACTIVE,
			     crypto_pwhash_MEMLIMIT_INTERACTIVE),
	    0);
	assert_int_equal(h_login(h, "alice", PASSWORD), NX__STATUS__OK);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, h_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_change),
	    T(test_codes_end_with_it),
	    T(test_change_refused),
	    T(test_guesses_are_bounded),
	    T(test_again),
	    T(test_reset),
	    T(test_codes_are_for_one_thing),
	    T(test_reset_tells_nothing),
	    T(test_resets_are_bounded),
	    T(test_login_by_address),
	    T(test_one_budget),
	    T(test_rehash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
