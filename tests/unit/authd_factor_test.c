/* Authenticator apps and recovery codes: set up, used once, guessed, taken away. */
#include "tests/unit/authd_harness.h"

#include "authd/credentials/totp.h"
#include "authd/flows/factor.h"

#define EMAIL "ada@example.org"

struct account {
	char token[2049];
	uint8_t secret[AUTH_TOTP_SECRET];
	char codes[AUTH_RECOVERY_COUNT][AUTH_RECOVERY_TEXT + 1];
};

static Nx__Status
call(struct harness *h, Nx__Method method, const char *token,
    struct h_reply *out)
{
	Nx__FactorCall q = NX__FACTOR_CALL__INIT;

	q.token = (char *)(uintptr_t)token;
	h_begin(h, NX_ROLE_GATEWAY, method, &q.base, out);
	h_wait(h, out);
	return out->status;
}

static Nx__Status
set_factors(struct harness *h, const char *token, const char *word)
{
	Nx__FactorsRequest q = NX__FACTORS_REQUEST__INIT;
	char *words[] = {(char *)(uintptr_t)word};
	struct h_reply out;

	q.token = (char *)(uintptr_t)token;
	q.factors = words;
	q.n_factors = 1;
	h_begin(
	    h, NX_ROLE_GATEWAY, NX__METHOD__ACCOUNT_SET_FACTORS, &q.base, &out);
	h_wait(h, &out);
	h_free(&out);
	return out.status;
}

static void
unbase32(const char *text, uint8_t *ret)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	unsigned bits = 0, n = 0;

	for (; *text; text++) {
		bits = bits << 5 | (unsigned)(strchr(letters, *text) - letters);
		if ((n += 5) >= 8)
			*ret++ = (uint8_t)(bits >> (n -= 8));
	}
}

/* What the app shows @steps from now. */
static const char *
app(const struct account *u, int64_t steps)
{
	static char code[AUTH_CODE_LEN + 1];

	auth_totp_code(u->secret,
	    (int64_t)(h_wall() / 1000000) / AUTH_TOTP_STEP + steps, code);
	return code;
}

static Nx__Status
confirm(struct harness *h, struct account *u, const char *code)
{
	Nx__TotpConfirmRequest q = NX__TOTP_CONFIRM_REQUEST__INIT;
	const Nx__RecoveryCodes *m;
	struct h_reply out;

	q.token = u->token;
	q.code = (char *)(uintptr_t)code;
	h_begin(h, NX_ROLE_GATEWAY, NX__METHOD__TOTP_CONFIRM, &q.base, &out);
	h_wait(h, &out);
	if (out.body) {
		m = (const Nx__RecoveryCodes *)(const void *)out.body;
		assert_int_equal(m->n_codes, AUTH_RECOVERY_COUNT);
		for (size_t i = 0; i < m->n_codes; i++)
			strcpy(u->codes[i], m->codes[i]);
	}
	h_free(&out);
	return out.status;
}

static void
begin(struct harness *h, struct account *u)
{
	struct h_reply out;

	assert_int_equal(
	    call(h, NX__METHOD__TOTP_BEGIN, u->token, &out), NX__STATUS__OK);
	unbase32(((Nx__TotpBeginReply *)(void *)out.body)->secret, u->secret);
	h_free(&out);
}

/* ada, with an app. The code that set it up is spent. */
static void
with_app(struct harness *h, struct account *u)
{
	memset(u, 0, sizeof(*u));
	h_user(h, "ada", u->token);
	begin(h, u);
	assert_int_equal(confirm(h, u, app(u, 0)), NX__STATUS__OK);
	h_advance(60);
}

static Nx__Status
sign_in(struct harness *h, const char *code)
{
	char token[2049];

	assert_int_equal(h_login(h, "ada", PASSWORD), NX__STATUS__OK);
	return h_verify(h, LOGIN_VERIFY, EMAIL, code, token);
}

static void
test_app(void **state)
{
	struct harness *h = *state;
	struct account u;
	unsigned mails;

	with_app(h, &u);
	h_settle(h);
	mails = h->mails;
	assert_string_equal(
	    h->mail.subject, "How you sign in to Nexus was changed");
	/* mail is still in the policy, so either does */
	assert_int_equal(sign_in(h, h->mail.code), NX__STATUS__OK);
	assert_int_equal(h->mails, mails + 1);
	assert_int_equal(sign_in(h, app(&u, 0)), NX__STATUS__OK);
	/* but each once */
	assert_int_equal(sign_in(h, app(&u, 0)), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(sign_in(h, app(&u, -1)), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(sign_in(h, app(&u, 1)), NX__STATUS__OK);
	assert_int_equal(sign_in(h, app(&u, 2)), NX__STATUS__UNAUTHENTICATED);
}

/* Without mail in the policy none goes out, and no code that could be guessed
 * waits. */
static void
test_without_mail(void **state)
{
	struct harness *h = *state;
	struct account u;
	unsigned mails;

	with_app(h, &u);
	assert_int_equal(set_factors(h, u.token, "totp"), NX__STATUS__OK);
	h_settle(h);
	mails = h->mails;
	assert_int_equal(sign_in(h, app(&u, 0)), NX__STATUS__OK);
	assert_int_equal(sign_in(h, u.codes[0]), NX__STATUS__UNAUTHENTICATED);
	h_settle(h);
	assert_int_equal(h->mails, mails);
	/* the last way in stays */
	struct h_reply out;
	assert_int_equal(call(h, NX__METHOD__TOTP_REMOVE, u.token, &out),
	    NX__STATUS__CONFLICT);
	assert_int_equal(
	    set_factors(h, u.token, "recovery"), NX__STATUS__CONFLICT);
	assert_int_equal(
	    set_factors(h, u.token, "passkey"), NX__STATUS__CONFLICT);
	assert_int_equal(
	    set_factors(h, u.token, "finger"), NX__STATUS__INVALID);
	assert_int_equal(set_factors(h, u.token, "mail"), NX__STATUS__OK);
	h_advance(60);
	assert_int_equal(sign_in(h, app(&u, 0)), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(
	    call(h, NX__METHOD__TOTP_REMOVE, u.token, &out), NX__STATUS__OK);
	h_free(&out);
	assert_int_equal(call(h, NX__METHOD__TOTP_REMOVE, u.token, &out),
	    NX__STATUS__NOT_FOUND);
}

static void
test_recovery(void **state)
{
	struct harness *h = *state;
	struct account u;
	struct h_reply out;
	char plain[AUTH_RECOVERY_LEN + 1];

	with_app(h, &u);
	assert_int_equal(sign_in(h, u.codes[3]), NX__STATUS__OK);
	h_settle(h);
	assert_string_equal(
	    h->mail.subject, "A recovery code of yours was used");
	assert_int_equal(sign_in(h, u.codes[3]), NX__STATUS__UNAUTHENTICATED);
	/* as somebody may type it */
	assert_true(auth_recovery_read(u.codes[4], plain));
	plain[0] = plain[0] >= 'A' ? (char)(plain[0] + 32) : plain[0];
	assert_int_equal(sign_in(h, plain), NX__STATUS__OK);
	assert_int_equal(
	    call(h, NX__METHOD__FACTOR_STATE, u.token, &out), NX__STATUS__OK);
	assert_int_equal(
	    ((Nx__FactorsReply *)(void *)out.body)->recovery_left, 8);
	h_free(&out);
	/* new ones: the old ones are void */
	assert_int_equal(
	    call(h, NX__METHOD__RECOVERY_MAKE, u.token, &out), NX__STATUS__OK);
	assert_int_equal(sign_in(h, u.codes[5]), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(
	    sign_in(h, ((Nx__RecoveryCodes *)(void *)out.body)->codes[5]),
	    NX__STATUS__OK);
	h_free(&out);
}

/* Who knows the password has so many guesses within five minutes, however many
 * logins they begin and wherever they claim to be; then the right one is not
 * looked at either, and mail goes on. */
static void
test_guessing(void **state)
{
	struct harness *h = *state;
	struct account u;
	struct auth_totp row;
	char wrong[AUTH_CODE_LEN + 1];

	with_app(h, &u);
	snprintf(wrong, sizeof(wrong), "%s", app(&u, 100));
	for (int i = 0; i < 2 * AUTH_TOTP_WRONG; i++) {
		if (i % 5 == 0)
			assert_int_equal(
			    h_login(h, "ada", PASSWORD), NX__STATUS__OK);
		assert_int_equal(h_verify(h, LOGIN_VERIFY, EMAIL, wrong, NULL),
		    NX__STATUS__UNAUTHENTICATED);
	}
	assert_int_equal(auth_totp_get(h->a.db, 1, &row), 1);
	assert_int_equal(row.wrong, AUTH_TOTP_WRONG);
	assert_int_equal(sign_in(h, app(&u, 0)), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_verify(h, LOGIN_VERIFY, EMAIL, h->mail.code, NULL),
	    NX__STATUS__OK);
	h_advance(AUTH_TOTP_WINDOW);
	assert_int_equal(sign_in(h, app(&u, 0)), NX__STATUS__OK);
}

/* Strangers to a login that waits try the mail's code only. */
static void
test_stranger(void **state)
{
	struct harness *h = *state;
	struct account u;
	struct h_reply out;

	with_app(h, &u);
	assert_int_equal(h_login(h, "ada", PASSWORD), NX__STATUS__OK);
	assert_int_equal(h_verify_from(h, LOGIN_VERIFY, EMAIL, app(&u, 0),
			     "198.51.100.7", NULL, &out),
	    NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(
	    h_verify(h, LOGIN_VERIFY, EMAIL, app(&u, 0), NULL), NX__STATUS__OK);
	/* without a login nothing waits */
	assert_int_equal(h_verify(h, LOGIN_VERIFY, EMAIL, u.codes[0], NULL),
	    NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_verify(h, REGISTER_VERIFY, EMAIL, u.codes[0], NULL),
	    NX__STATUS__INVALID);
}

/* Not by whoever finds a session open. */
static void
test_fresh(void **state)
{
	static const Nx__Method methods[] = {NX__METHOD__TOTP_BEGIN,
	    NX__METHOD__TOTP_REMOVE, NX__METHOD__RECOVERY_MAKE};
	struct harness *h = *state;
	struct account u;
	struct h_reply out;

	with_app(h, &u);
	h_advance(601);
	for (size_t i = 0; i < NX_ARRAY_SIZE(methods); i++)
		assert_int_equal(
		    call(h, methods[i], u.token, &out), NX__STATUS__REAUTH);
	assert_int_equal(set_factors(h, u.token, "mail"), NX__STATUS__REAUTH);
	assert_int_equal(confirm(h, &u, app(&u, 0)), NX__STATUS__REAUTH);
	assert_int_equal(
	    call(h, NX__METHOD__FACTOR_STATE, u.token, &out), NX__STATUS__OK);
	h_free(&out);
	assert_int_equal(call(h, NX__METHOD__FACTOR_STATE, "x", &out),
	    NX__STATUS__UNAUTHENTICATED);
}

static void
test_setting_up(void **state)
{
	struct harness *h = *state;
	struct account u = {0};
	uint8_t first[AUTH_TOTP_SECRET];
	struct h_reply out;

	h_user(h, "ada", u.token);
	assert_int_equal(confirm(h, &u, "123456"), NX__STATUS__NOT_FOUND);
	begin(h, &u);
	memcpy(first, u.secret, sizeof(first));
	/* begun anew it is another one; nothing of it counts yet */
	begin(h, &u);
	assert_memory_not_equal(first, u.secret, sizeof(first));
	assert_int_equal(sign_in(h, app(&u, 0)), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(confirm(h, &u, app(&u, 100)), NX__STATUS__INVALID);
	assert_int_equal(confirm(h, &u, "12345"), NX__STATUS__INVALID);
	assert_int_equal(confirm(h, &u, app(&u, 0)), NX__STATUS__OK);
	assert_int_equal(confirm(h, &u, app(&u, 1)), NX__STATUS__CONFLICT);
	assert_int_equal(call(h, NX__METHOD__TOTP_BEGIN, u.token, &out),
	    NX__STATUS__CONFLICT);
}

/* A row put in another user's place does not open. */
static void
test_sealed(void **state)
{
	struct harness *h = *state;
	struct account u;
	struct auth_totp row;

	with_app(h, &u);
	assert_int_equal(auth_totp_get(h->a.db, 1, &row), 1);
	assert_null(memmem(row.sealed, sizeof(row.sealed), u.secret, 4));
	row.sealed[AUTH_TOTP_SEALED - 1] ^= 1;
	assert_int_equal(auth_totp_put(h->a.db, 1, &row), 0);
	assert_int_equal(sign_in(h, app(&u, 0)), NX__STATUS__UNAUTHENTICATED);
}

#define T(name) cmocka_unit_test_setup_teardown(name, h_setup, h_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_app),
	    T(test_without_mail),
	    T(test_recovery),
	    T(test_guessing),
	    T(test_stranger),
	    T(test_fresh),
	    T(test_setting_up),
	    T(test_sealed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
