/* Where somebody is signed in, as they see it, name it and end it. */
#include "proto/session.pb-c.h"
#include "tests/unit/authd_harness.h"

#define MAIL "alice@example.org"

static char token[2049], other[2049], bob[2049];

static int
setup(void **state)
{
	int r = h_setup(state);
	struct harness *h = *state;

	if (r != 0)
		return r;
	h_attach(h, NX_ROLE_STORAGE);
	h_user(h, "bob", bob);
	h_user(h, "alice", token);
	h_shift_us += 2000000;
	assert_int_equal(h_login(h, "alice", PASSWORD), NX__STATUS__OK);
	assert_int_equal(h_verify(h, LOGIN_VERIFY, MAIL, h->mail.code, other),
	    NX__STATUS__OK);
	return 0;
}

static Nx__Status
ask(struct harness *h, enum nx_role role, Nx__Method method,
    const ProtobufCMessage *m)
{
	struct h_reply out;
	Nx__Status status;

	h_begin(h, role, method, m, &out);
	h_wait(h, &out);
	status = out.status;
	h_free(&out);
	return status;
}

struct seen {
	size_t n;
	char id[4][33], name[4][65], address[4][65];
	uint64_t seen_at[4];
	bool current[4];
};

static struct seen
list(struct harness *h, enum nx_role role, const char *who, const char *user)
{
	Nx__SessionListRequest q = NX__SESSION_LIST_REQUEST__INIT;
	const Nx__SessionListReply *m;
	struct h_reply out;
	struct seen s = {0};

	q.token = (char *)(uintptr_t)who;
	q.username = (char *)(uintptr_t)user;
	h_begin(h, role, NX__METHOD__SESSION_LIST, &q.base, &out);
	h_wait(h, &out);
	assert_int_equal(out.status, NX__STATUS__OK);
	m = (const void *)out.body;
	assert_true(m->n_sessions <= 4);
	for (; s.n < m->n_sessions; s.n++) {
		const Nx__SessionInfo *i = m->sessions[s.n];

		strcpy(s.id[s.n], i->id);
		strcpy(s.name[s.n], i->name);
		strcpy(s.address[s.n], i->address);
		s.seen_at[s.n] = i->seen_at;
		s.current[s.n] = i->current;
	}
	h_free(&out);
	return s;
}

static Nx__Status
end(struct harness *h, const char *who, const char *id)
{
	Nx__SessionEndRequest q = NX__SESSION_END_REQUEST__INIT;

	q.token = (char *)(uintptr_t)who;
	q.id = (char *)(uintptr_t)id;
	return ask(h, NX_ROLE_GATEWAY, NX__METHOD__SESSION_END, &q.base);
}

static void
test_list(void **state)
{
	struct harness *h = *state;
	struct seen s = list(h, NX_ROLE_GATEWAY, token, "");

	assert_int_equal(s.n, 2);
	assert_false(s.current[0]); /* the newest first */
	assert_true(s.current[1]);
	s = list(h, NX_ROLE_GATEWAY, other, "");
	assert_int_equal(s.n, 2);
	assert_true(s.current[0]);
	s = list(h, NX_ROLE_ADMIN, "", "bob");
	assert_int_equal(s.n, 1);
	assert_false(s.current[0]);
}

static void
test_end_one(void **state)
{
	struct harness *h = *state;
	struct seen s = list(h, NX_ROLE_GATEWAY, token, "");
	struct seen theirs = list(h, NX_ROLE_GATEWAY, bob, "");

	assert_int_equal(end(h, token, theirs.id[0]), NX__STATUS__NOT_FOUND);
	assert_int_equal(end(h, token, "xyz"), NX__STATUS__NOT_FOUND);
	assert_int_equal(h_check(h, bob), NX__STATUS__OK);
	assert_int_equal(end(h, token, s.id[0]), NX__STATUS__OK);
	assert_int_equal(h_check(h, other), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_check(h, token), NX__STATUS__OK);
	assert_int_equal(h->revokes[NX_ROLE_STORAGE], 1);
	assert_false(h->last_whole);
	assert_int_equal(end(h, token, s.id[0]), NX__STATUS__NOT_FOUND);
}

static void
test_end_others(void **state)
{
	struct harness *h = *state;

	assert_int_equal(end(h, other, ""), NX__STATUS__OK);
	assert_int_equal(h_check(h, token), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_check(h, other), NX__STATUS__OK);
	assert_int_equal(end(h, other, ""), NX__STATUS__OK); /* of none */
	assert_int_equal(h_check(h, bob), NX__STATUS__OK);
}

static void
test_admin_ends(void **state)
{
	struct harness *h = *state;
	Nx__SessionEndRequest q = NX__SESSION_END_REQUEST__INIT;

	q.username = (char[]){"alice"};
	assert_int_equal(
	    ask(h, NX_ROLE_ADMIN, NX__METHOD__SESSION_END, &q.base),
	    NX__STATUS__OK);
	assert_int_equal(h_check(h, token), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_check(h, other), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_check(h, bob), NX__STATUS__OK);
}

static void
test_rename(void **state)
{
	struct harness *h = *state;
	struct seen s = list(h, NX_ROLE_GATEWAY, token, "");
	Nx__SessionRenameRequest q = NX__SESSION_RENAME_REQUEST__INIT;

	q.token = token;
	q.id = s.id[0];
	q.name = (char[]){"the laptop"};
	assert_int_equal(
	    ask(h, NX_ROLE_GATEWAY, NX__METHOD__SESSION_RENAME, &q.base),
	    NX__STATUS__OK);
	s = list(h, NX_ROLE_GATEWAY, token, "");
	assert_string_equal(s.name[0], "the laptop");
	q.token = bob;
	assert_int_equal(
	    ask(h, NX_ROLE_GATEWAY, NX__METHOD__SESSION_RENAME, &q.base),
	    NX__STATUS__NOT_FOUND);
}

/* When it was used last, and from where: to a minute. */
static void
test_seen(void **state)
{
	struct harness *h = *state;
	Nx__TokenRequest q = NX__TOKEN_REQUEST__INIT;
	struct seen before = list(h, NX_ROLE_GATEWAY, token, ""), now;

	q.token = token;
	q.client = (char[]){"192.0.2.99"};
	h_shift_us += 100 * 1000000LL;
	assert_int_equal(
	    ask(h, NX_ROLE_GATEWAY, NX__METHOD__AUTH_CHECK_TOKEN, &q.base),
	    NX__STATUS__OK);
	for (int i = 0; i < 200; i++) {
		now = list(h, NX_ROLE_GATEWAY, token, "");
		if (strcmp(now.address[1], q.client) == 0)
			break;
	}
	assert_string_equal(now.address[1], q.client);
	assert_true(now.seen_at[1] >= before.seen_at[1] + 100);
	assert_int_equal(now.seen_at[0], before.seen_at[0]);
}

/* Who finds a session open ends no others by it. */
static void
test_fresh(void **state)
{
	struct harness *h = *state;
	struct seen s = list(h, NX_ROLE_GATEWAY, token, "");

	h_shift_us += 11 * 60 * 1000000LL;
	assert_int_equal(end(h, token, s.id[0]), NX__STATUS__REAUTH);
	assert_int_equal(end(h, token, ""), NX__STATUS__REAUTH);
	assert_int_equal(end(h, token, s.id[1]), NX__STATUS__OK);
	assert_int_equal(h_check(h, token), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(h_check(h, other), NX__STATUS__OK);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, h_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_list),
	    T(test_end_one),
	    T(test_end_others),
	    T(test_admin_ends),
	    T(test_rename),
	    T(test_seen),
	    T(test_fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
