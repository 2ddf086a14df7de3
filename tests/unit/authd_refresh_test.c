/* Sessions that are carried on: each refresh token once, a moment's grace, and the
 * end of the session when one is in two hands. */
#include "proto/account.pb-c.h"
#include "proto/key.pb-c.h"
#include "tests/unit/authd_harness.h"

#define SECOND 1000000ULL
#define MAIL   "alice@example.org"

/* What a login or a refresh gave. */
struct given {
	Nx__Status status;
	char error[512];
	char token[2049], refresh[129], session[33], device[65];
	uint64_t expires_at, refresh_expires_at;
};

static struct given
take(struct h_reply *out)
{
	const Nx__VerifyReply *m = (const void *)out->body;
	struct given g = {.status = out->status};

	strcpy(g.error, out->error);
	if (m) {
		strcpy(g.token, m->token);
		strcpy(g.refresh, m->refresh_token);
		strcpy(g.session, m->session);
		strcpy(g.device, m->device);
		g.expires_at = m->expires_at;
		g.refresh_expires_at = m->refresh_expires_at;
	}
	h_free(out);
	return g;
}

static struct given
sign_in(struct harness *h)
{
	Nx__VerifyRequest q = NX__VERIFY_REQUEST__INIT;
	struct h_reply out;

	assert_int_equal(h_login(h, "alice", PASSWORD), NX__STATUS__OK);
	q.email = (char[]){MAIL};
	q.code = h->mail.code;
	h_begin(h, NX_ROLE_GATEWAY, LOGIN_VERIFY, &q.base, &out);
	h_wait(h, &out);
	return take(&out);
}

static void
begin(struct harness *h, const char *refresh, struct h_reply *out)
{
	Nx__RefreshRequest q = NX__REFRESH_REQUEST__INIT;

	q.refresh_token = (char *)(uintptr_t)refresh;
	q.client = (char[]){"192.0.2.1"};
	h_begin(h, NX_ROLE_GATEWAY, NX__METHOD__AUTH_REFRESH, &q.base, out);
}

static struct given
refresh(struct harness *h, const char *text)
{
	struct h_reply out;

	begin(h, text, &out);
	h_wait(h, &out);
	return take(&out);
}

static int64_t
rows(struct harness *h, const char *sql)
{
	sqlite3_stmt *s;
	int64_t n;

	assert_int_equal(nx_db_query(h->a.db, &s, sql, ""), 1);
	n = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return n;
}

static int
setup(void **state)
{
	int r = h_setup(state);

	if (r == 0) {
		h_attach(*state, NX_ROLE_STORAGE);
		h_user(*state, "alice", NULL);
	}
	return r;
}

/* --- carrying on ------------------------------------------------------------*/

static void
test_carry_on(void **state)
{
	struct harness *h = *state;
	struct given first = sign_in(h), next;

	assert_int_equal(strlen(first.refresh), AUTH_REFRESH_TEXT);
	assert_int_equal(first.refresh_expires_at - first.expires_at,
	    30 * 86400 - 24 * 3600);
	h_advance(23 * 3600);
	next = refresh(h, first.refresh);
	assert_int_equal(next.status, NX__STATUS__OK);
	assert_string_equal(next.session, first.session);
	assert_string_not_equal(next.refresh, first.refresh);
	assert_int_equal(next.refresh_expires_at, first.refresh_expires_at);
	/* Another mark would be another budget to guess with. */
	assert_string_equal(next.device, "");
	assert_int_equal(h_check(h, first.token), NX__STATUS__OK);
	h_advance(2 * 3600);
	assert_int_equal(h_check(h, first.token), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_check(h, next.token), NX__STATUS__OK);
	h_stop_authd(h);
	h_start_authd(h);
	h_attach(h, NX_ROLE_GATEWAY);
	h_attach(h, NX_ROLE_MAIL);
	next = refresh(h, next.refresh);
	assert_int_equal(next.status, NX__STATUS__OK);
	assert_int_equal(h_check(h, next.token), NX__STATUS__OK);
}

/* No token outlives its session, no ticket its token. */
static void
test_life(void **state)
{
	struct harness *h = *state;
	struct given g;
	struct h_reply out;

	h->conf.token_minutes = 5;
	h->conf.session_days = 1;
	g = sign_in(h);
	assert_int_equal(g.refresh_expires_at - g.expires_at, 86400 - 5 * 60);
	h_advance(5 * 60 - 20);
	assert_int_equal(
	    h_token(h, NX__METHOD__AUTH_CHECK_TOKEN, g.token, &out),
	    NX__STATUS__OK);
	assert_true(((Nx__CheckTokenReply *)out.body)->valid_until <=
	    h_mono() + 21 * SECOND);
	h_free(&out);
	h_advance(21);
	assert_int_equal(h_check(h, g.token), NX__STATUS__UNAUTHENTICATED);
	h_advance(86400 - 5 * 60 - 120);
	g = refresh(h, g.refresh);
	assert_int_equal(g.status, NX__STATUS__OK);
	assert_int_equal(g.expires_at, g.refresh_expires_at);
	h_advance(240);
	assert_int_equal(h_check(h, g.token), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(
	    refresh(h, g.refresh).status, NX__STATUS__UNAUTHENTICATED);
}

/* Two tabs with one token: both go on, each with its own. */
static void
test_two_at_once(void **state)
{
	struct harness *h = *state;
	struct given g = sign_in(h), one, two;
	struct h_reply a, b;

	begin(h, g.refresh, &a);
	begin(h, g.refresh, &b);
	h_wait(h, &a);
	h_wait(h, &b);
	one = take(&a);
	two = take(&b);
	assert_int_equal(one.status, NX__STATUS__OK);
	assert_int_equal(two.status, NX__STATUS__OK);
	assert_string_not_equal(one.refresh, two.refresh);
	h_advance(3600);
	assert_int_equal(refresh(h, one.refresh).status, NX__STATUS__OK);
	h_advance(3600);
	assert_int_equal(refresh(h, two.refresh).status, NX__STATUS__OK);
}

/* --- in two hands -----------------------------------------------------------*/

static void
test_reuse(void **state)
{
	struct harness *h = *state;
	struct given g = sign_in(h), next, sibling;
	unsigned mails;

	h->conf.refresh_window = 300;
	next = refresh(h, g.refresh);
	h_advance(250);
	sibling = refresh(h, g.refresh);
	assert_int_equal(sibling.status, NX__STATUS__OK);
	h_advance(51);
	mails = h->mails;
	g = refresh(h, g.refresh);
	assert_int_equal(g.status, NX__STATUS__UNAUTHENTICATED);
	assert_non_null(strstr(g.error, "used before"));
	/* All of the family, and who gave tickets knows. */
	assert_int_equal(h_check(h, next.token), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(
	    refresh(h, next.refresh).status, NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(
	    refresh(h, sibling.refresh).status, NX__STATUS__UNAUTHENTICATED);
	h_settle(h);
	assert_int_equal(h->revokes[NX_ROLE_STORAGE], 1);
	assert_false(h->last_whole);
	/* Told once, however often it is shown. */
	assert_int_equal(h->mails, mails + 1);
	assert_string_equal(h->mail.to, MAIL);
	assert_non_null(strstr(h->mail.subject, "signed out"));
	assert_int_equal(rows(h,
			     "SELECT count(*) FROM audit WHERE event ="
			     " 'refresh-token-reused' AND result = 'refused'"),
	    1);
	assert_int_equal(rows(h, "SELECT count(*) FROM refresh"), 1);
}

/* A thief who goes on and on with it until no row is left of what was stolen is
 * found out all the same. */
static void
test_reuse_of_an_old_one(void **state)
{
	struct harness *h = *state;
	struct given g = sign_in(h), thief = g;

	for (int i = 0; i < 2 * AUTH_REFRESH_ROWS; i++) {
		thief = refresh(h, thief.refresh);
		assert_int_equal(thief.status, NX__STATUS__OK);
	}
	assert_true(
	    rows(h, "SELECT count(*) FROM refresh") <= AUTH_REFRESH_ROWS + 1);
	g = refresh(h, g.refresh);
	assert_int_equal(g.status, NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_check(h, thief.token), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(
	    refresh(h, thief.refresh).status, NX__STATUS__UNAUTHENTICATED);
}

static void
test_clock_backwards(void **state)
{
	struct harness *h = *state;
	struct given g = sign_in(h);

	assert_int_equal(refresh(h, g.refresh).status, NX__STATUS__OK);
	h_wall_shift_us = -3600 * (int64_t)SECOND;
	assert_int_equal(
	    refresh(h, g.refresh).status, NX__STATUS__UNAUTHENTICATED);
}

static int
write_times(struct nx_db *db, void *arg)
{
	const uint64_t window = 10 * SECOND;
	struct harness *h = arg;
	struct auth_refresh_id id;
	char text[AUTH_REFRESH_TEXT + 1];
	uint8_t session[NX_SESSION_LEN] = {1};

	auth_refresh_new(h->a.keys.pepper, session, &id, text);
	assert_int_equal(auth_refresh_use(db, &id, 1, window), 0);
	assert_int_equal(auth_refresh_put(db, &id, 100 * SECOND), 0);
	assert_int_equal(auth_refresh_use(db, &id, 200 * SECOND, window), 1);
	assert_int_equal(auth_refresh_use(db, &id, 209900000, window), 1);
	assert_int_equal(auth_refresh_use(db, &id, 210000000, window), 1);
	assert_int_equal(auth_refresh_use(db, &id, 210000001, window), 0);
	assert_int_equal(auth_refresh_use(db, &id, 210100000, window), 0);
	assert_int_equal(auth_refresh_use(db, &id, 190000000, window), 1);
	assert_int_equal(auth_refresh_use(db, &id, 189999999, window), 0);
	assert_int_equal(auth_refresh_use(db, &id, 200000001, 0), 0);
	/* What is purged was used, too. */
	assert_int_equal(auth_refresh_purge(db, 801 * SECOND), 0);
	assert_int_equal(auth_refresh_use(db, &id, 200 * SECOND, window), 0);
	return 0;
}

static void
test_times(void **state)
{
	struct harness *h = *state;

	assert_int_equal(nx_db_write_now(h->a.db, write_times, h), 0);
}

/* --- what ends a session ends them ------------------------------------------*/

static void
ask(struct harness *h, enum nx_role role, Nx__Method method,
    const ProtobufCMessage *m)
{
	struct h_reply out;

	h_begin(h, role, method, m, &out);
	h_wait(h, &out);
	assert_int_equal(out.status, NX__STATUS__OK);
	h_free(&out);
}

static void
log_out(struct harness *h, const struct given *g)
{
	Nx__TokenRequest q = NX__TOKEN_REQUEST__INIT;

	q.token = (char *)(uintptr_t)g->token;
	ask(h, NX_ROLE_GATEWAY, NX__METHOD__AUTH_LOGOUT, &q.base);
}

static void
disable(struct harness *h, const struct given *g)
{
	Nx__UserSetDisabledRequest q = NX__USER_SET_DISABLED_REQUEST__INIT;

	(void)g;
	q.username = (char[]){"alice"};
	q.disabled = true;
	ask(h, NX_ROLE_ADMIN, NX__METHOD__AUTH_USER_SET_DISABLED, &q.base);
	q.disabled = false;
	ask(h, NX_ROLE_ADMIN, NX__METHOD__AUTH_USER_SET_DISABLED, &q.base);
}

static void
change_password(struct harness *h, const struct given *g)
{
	Nx__ChangePasswordRequest q = NX__CHANGE_PASSWORD_REQUEST__INIT;
	struct given other = sign_in(h);

	(void)g;
	q.token = other.token;
	q.client = (char[]){"192.0.2.1"};
	q.old_password = (char[]){PASSWORD};
	q.new_password = (char[]){"another horse battery"};
	ask(h, NX_ROLE_GATEWAY, NX__METHOD__ACCOUNT_CHANGE_PASSWORD, &q.base);
	assert_int_equal(refresh(h, other.refresh).status, NX__STATUS__OK);
}

static void
reset(struct harness *h, const struct given *g)
{
	Nx__ResetInitRequest i = NX__RESET_INIT_REQUEST__INIT;
	Nx__ResetVerifyRequest v = NX__RESET_VERIFY_REQUEST__INIT;

	(void)g;
	i.email = v.email = (char[]){MAIL};
	i.client = v.client = (char[]){"192.0.2.1"};
	ask(h, NX_ROLE_GATEWAY, NX__METHOD__ACCOUNT_RESET_INIT, &i.base);
	v.code = h->mail.code;
	v.password = (char[]){"another horse battery"};
	ask(h, NX_ROLE_GATEWAY, NX__METHOD__ACCOUNT_RESET_VERIFY, &v.base);
}

static void delete (struct harness *h, const struct given *g)
{
	Nx__UserGetRequest q = NX__USER_GET_REQUEST__INIT;

	(void)g;
	q.username = (char[]){"alice"};
	ask(h, NX_ROLE_ADMIN, NX__METHOD__AUTH_USER_DELETE, &q.base);
}

static void
check_end(void **state, void (*end)(struct harness *, const struct given *))
{
	struct harness *h = *state;
	struct given g = sign_in(h);

	end(h, &g);
	g = refresh(h, g.refresh);
	assert_int_equal(g.status, NX__STATUS__UNAUTHENTICATED);
	assert_non_null(strstr(g.error, "has ended"));
	assert_int_equal(rows(h,
			     "SELECT count(*) FROM refresh WHERE session NOT IN"
			     " (SELECT id FROM sessions)"),
	    0);
}

static void
test_logout(void **state)
{
	check_end(state, log_out);
}

static void
test_disabled(void **state)
{
	check_end(state, disable);
}

static void
test_password_changed(void **state)
{
	check_end(state, change_password);
}

static void
test_password_reset(void **state)
{
	check_end(state, reset);
}

static void
test_deleted(void **state)
{
	check_end(state, delete);
}

/* --- what is none -----------------------------------------------------------*/

static void
test_not_one(void **state)
{
	struct harness *h = *state;
	struct given g = sign_in(h), bad;
	char key[AUTH_KEY_TEXT + 1], id[AUTH_KEY_ID + 1], text[128];
	uint8_t other[AUTH_PEPPER_LEN] = {0};
	struct auth_refresh_id of;

	auth_access_key_new(id, key);
	bad = refresh(h, key);
	assert_int_equal(bad.status, NX__STATUS__DENIED);
	assert_non_null(strstr(bad.error, "access key"));
	assert_int_equal(
	    refresh(h, g.token).status, NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(refresh(h, "").status, NX__STATUS__UNAUTHENTICATED);
	assert_true(auth_refresh_read(h->a.keys.pepper, g.refresh, &of));
	auth_refresh_new(other, of.session, &of, text);
	assert_int_equal(refresh(h, text).status, NX__STATUS__UNAUTHENTICATED);
	for (size_t i = 0; i < AUTH_REFRESH_TEXT; i++) {
		strcpy(text, g.refresh);
		text[i] = text[i] == 'A' ? 'B' : 'A';
		assert_false(auth_refresh_read(h->a.keys.pepper, text, &of));
		text[i] = '\0';
		assert_false(auth_refresh_read(h->a.keys.pepper, text, &of));
	}
	/* Nor is a refresh token a token; and none of it ended the session. */
	assert_int_equal(h_check(h, g.refresh), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(refresh(h, g.refresh).status, NX__STATUS__OK);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, h_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_carry_on),
	    T(test_life),
	    T(test_two_at_once),
	    T(test_reuse),
	    T(test_reuse_of_an_old_one),
	    T(test_clock_backwards),
	    T(test_times),
	    T(test_logout),
	    T(test_disabled),
	    T(test_password_changed),
	    T(test_password_reset),
	    T(test_deleted),
	    T(test_not_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
