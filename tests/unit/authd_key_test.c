/* Access keys: what is kept of them, what they open, and for how long. */
#include "proto/key.pb-c.h"
#include "tests/unit/authd_harness.h"

#define ADDRESS "192.0.2.7"

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
ask(struct harness *h, enum nx_role role, Nx__Method method,
    const ProtobufCMessage *m, struct h_reply *out)
{
	h_begin(h, role, method, m, out);
	h_wait(h, out);
	return out->status;
}

struct made {
	char id[33], secret[129];
};

static Nx__Status
make_as(struct harness *h, const char *who, const char *name, const char *right,
    const char *place, uint64_t expires, struct made *ret)
{
	Nx__KeyMakeRequest q = NX__KEY_MAKE_REQUEST__INIT;
	char *rights[] = {(char *)(uintptr_t)right};
	struct h_reply out;
	Nx__Status status;

	q.token = (char *)(uintptr_t)who;
	q.name = (char *)(uintptr_t)name;
	q.rights = rights;
	q.n_rights = right ? 1 : 0;
	q.place = (char *)(uintptr_t)place;
	q.expires_at = expires;
	status = ask(h, NX_ROLE_GATEWAY, NX__METHOD__KEY_MAKE, &q.base, &out);
	if (status == NX__STATUS__OK && ret) {
		const Nx__KeyMakeReply *m = (const void *)out.body;

		snprintf(ret->id, sizeof(ret->id), "%s", m->key->id);
		snprintf(ret->secret, sizeof(ret->secret), "%s", m->secret);
	}
	h_free(&out);
	return status;
}

static Nx__Status
make(struct harness *h, const char *name, const char *right, const char *place,
    struct made *ret)
{
	return make_as(h, token, name, right, place, 0, ret);
}

/* Its storage ticket, if it has one. */
static Nx__Status
check(
    struct harness *h, const char *key, const char *user, struct nx_ticket *ret)
{
	Nx__CheckKeyRequest q = NX__CHECK_KEY_REQUEST__INIT;
	struct h_reply out;
	Nx__Status status;

	q.key = (char *)(uintptr_t)key;
	q.client = (char[]){ADDRESS};
	q.named = user != NULL;
	q.username = (char *)(uintptr_t)(user ? user : "");
	status =
	    ask(h, NX_ROLE_GATEWAY, NX__METHOD__AUTH_CHECK_KEY, &q.base, &out);
	if (status == NX__STATUS__OK && ret) {
		const Nx__CheckTokenReply *m = (const void *)out.body;

		memset(ret, 0, sizeof(*ret));
		assert_true(m->storage_ticket.len <= sizeof(*ret));
		memcpy(ret, m->storage_ticket.data, m->storage_ticket.len);
	}
	h_free(&out);
	return status;
}

static void
give_key(struct harness *h)
{
	Nx__TicketKey q = NX__TICKET_KEY__INIT;
	static uint8_t key[NX_TICKET_KEY_LEN];
	struct h_reply out;

	q.epoch = 1;
	q.key = (ProtobufCBinaryData){sizeof(key), key};
	assert_int_equal(
	    ask(h, NX_ROLE_STORAGE, NX__METHOD__AUTH_TICKET_KEY, &q.base, &out),
	    NX__STATUS__OK);
	h_free(&out);
}

/* --- what it opens ----------------------------------------------------------*/

static void
test_rights_and_place(void **state)
{
	struct harness *h = *state;
	struct nx_ticket t;
	struct made k;

	give_key(h);
	assert_int_equal(
	    make(h, "backup", "create", "/backups", &k), NX__STATUS__OK);
	assert_int_equal(strlen(k.secret), AUTH_KEY_TEXT);
	assert_int_equal(check(h, k.secret, NULL, &t), NX__STATUS__OK);
	assert_int_equal(t.rights, NX_RIGHT_CREATE);
	assert_string_equal(t.place, "/backups");
	assert_int_equal(t.user_id, 1);
	assert_int_equal(make(h, "all", "write", "", &k), NX__STATUS__OK);
	assert_int_equal(check(h, k.secret, NULL, &t), NX__STATUS__OK);
	assert_int_equal(t.rights, NX_RIGHT_WRITE);
	assert_int_equal(t.place_len, 0);
	assert_int_equal(
	    make(h, "repo", "repository", "/r", &k), NX__STATUS__OK);
	assert_int_equal(check(h, k.secret, NULL, &t), NX__STATUS__OK);
	assert_int_equal(
	    t.rights, NX_RIGHT_REPOSITORY | NX_RIGHT_READ | NX_RIGHT_CREATE);
}

static void
test_whose_name(void **state)
{
	struct harness *h = *state;
	struct made k;

	assert_int_equal(make(h, "k", "read", "", &k), NX__STATUS__OK);
	assert_int_equal(check(h, k.secret, "alice", NULL), NX__STATUS__OK);
	assert_int_equal(check(h, k.secret, "ALICE", NULL), NX__STATUS__OK);
	assert_int_equal(check(h, k.secret, "", NULL), NX__STATUS__OK);
	assert_int_equal(
	    check(h, k.secret, "alice@example.org", NULL), NX__STATUS__OK);
	assert_int_equal(
	    check(h, k.secret, "bob", NULL), NX__STATUS__UNAUTHENTICATED);
}

/* --- what it does not -------------------------------------------------------*/

static void
test_wrong_ones(void **state)
{
	struct harness *h = *state;
	struct made k;
	char other[129];

	assert_int_equal(make(h, "k", "read", "", &k), NX__STATUS__OK);
	for (size_t i = 0; i < AUTH_KEY_TEXT; i++) {
		memcpy(other, k.secret, sizeof(other));
		other[i] = other[i] == 'a' ? 'b' : 'a';
		assert_int_equal(
		    check(h, other, NULL, NULL), NX__STATUS__UNAUTHENTICATED);
	}
	memcpy(other, k.secret, sizeof(other));
	other[AUTH_KEY_TEXT - 1] = '\0';
	assert_int_equal(
	    check(h, other, NULL, NULL), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(check(h, "", NULL, NULL), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(
	    check(h, token, NULL, NULL), NX__STATUS__UNAUTHENTICATED);
}

/* However many wrong ones come from its address, the right one gets in. */
static void
test_nobody_is_locked_out(void **state)
{
	struct harness *h = *state;
	char other[AUTH_KEY_TEXT + 1];
	struct made k;
	unsigned refused = 0;

	assert_int_equal(make(h, "k", "read", "", &k), NX__STATUS__OK);
	memcpy(other, k.secret, sizeof(other));
	other[30] = other[30] == 'a' ? 'b' : 'a';
	for (unsigned i = 0; i < 350; i++)
		refused += check(h, other, NULL, NULL) == NX__STATUS__LIMIT;
	assert_true(refused >= 49 && refused <= 51);
	assert_int_equal(check(h, k.secret, NULL, NULL), NX__STATUS__OK);
}

static void
test_expiry(void **state)
{
	struct harness *h = *state;
	uint64_t soon = h_wall() / 1000000 + 100;
	struct made k;

	assert_int_equal(
	    make_as(h, token, "k", "read", "", soon, &k), NX__STATUS__OK);
	assert_int_equal(check(h, k.secret, NULL, NULL), NX__STATUS__OK);
	h_shift_us += 101 * 1000000LL;
	assert_int_equal(
	    check(h, k.secret, NULL, NULL), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(make_as(h, token, "past", "read", "", soon, NULL),
	    NX__STATUS__INVALID);
}

static void
test_revoked(void **state)
{
	struct harness *h = *state;
	Nx__KeyRequest q = NX__KEY_REQUEST__INIT;
	struct h_reply out;
	struct made k;

	assert_int_equal(make(h, "k", "read", "", &k), NX__STATUS__OK);
	q.token = token;
	q.id = k.id;
	assert_int_equal(
	    ask(h, NX_ROLE_GATEWAY, NX__METHOD__KEY_REVOKE, &q.base, &out),
	    NX__STATUS__OK);
	h_free(&out);
	assert_int_equal(h->revokes[NX_ROLE_STORAGE], 1);
	assert_false(h->last_whole);
	assert_int_equal(
	    check(h, k.secret, NULL, NULL), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(
	    ask(h, NX_ROLE_GATEWAY, NX__METHOD__KEY_REVOKE, &q.base, &out),
	    NX__STATUS__NOT_FOUND);
	h_free(&out);
}

static void
test_disabled_and_deleted(void **state)
{
	Nx__UserSetDisabledRequest d = NX__USER_SET_DISABLED_REQUEST__INIT;
	Nx__UserGetRequest g = NX__USER_GET_REQUEST__INIT;
	struct harness *h = *state;
	struct h_reply out;
	struct made k;

	assert_int_equal(make(h, "k", "read", "", &k), NX__STATUS__OK);
	d.username = g.username = (char[]){"alice"};
	d.disabled = true;
	assert_int_equal(ask(h, NX_ROLE_ADMIN,
			     NX__METHOD__AUTH_USER_SET_DISABLED, &d.base, &out),
	    NX__STATUS__OK);
	h_free(&out);
	assert_int_equal(
	    check(h, k.secret, NULL, NULL), NX__STATUS__UNAUTHENTICATED);
	d.disabled = false;
	assert_int_equal(ask(h, NX_ROLE_ADMIN,
			     NX__METHOD__AUTH_USER_SET_DISABLED, &d.base, &out),
	    NX__STATUS__OK);
	h_free(&out);
	assert_int_equal(check(h, k.secret, NULL, NULL), NX__STATUS__OK);
	assert_int_equal(
	    ask(h, NX_ROLE_ADMIN, NX__METHOD__AUTH_USER_DELETE, &g.base, &out),
	    NX__STATUS__OK);
	h_free(&out);
	assert_int_equal(
	    check(h, k.secret, NULL, NULL), NX__STATUS__UNAUTHENTICATED);
}

/* --- who makes them ---------------------------------------------------------*/

static void
test_makers(void **state)
{
	struct harness *h = *state;
	Nx__KeyMakeRequest q = NX__KEY_MAKE_REQUEST__INIT;
	char *rights[] = {(char[]){"read"}};
	char bob[2049];
	struct h_reply out;
	struct made k;

	h_user(h, "bob", bob);
	assert_int_equal(make(h, "k", "read", "", &k), NX__STATUS__OK);
	/* No key makes another. */
	assert_int_equal(
	    make_as(h, k.secret, "x", "read", "", 0, NULL), NX__STATUS__DENIED);
	assert_int_equal(make_as(h, "", "x", "read", "", 0, NULL),
	    NX__STATUS__UNAUTHENTICATED);
	/* Nobody makes one for somebody else, but an administrator. */
	q.token = bob;
	q.username = (char[]){"alice"};
	q.name = (char[]){"theirs"};
	q.rights = rights;
	q.n_rights = 1;
	assert_int_equal(
	    ask(h, NX_ROLE_GATEWAY, NX__METHOD__KEY_MAKE, &q.base, &out),
	    NX__STATUS__NOT_FOUND);
	h_free(&out);
	q.token = (char[]){""};
	assert_int_equal(
	    ask(h, NX_ROLE_ADMIN, NX__METHOD__KEY_MAKE, &q.base, &out),
	    NX__STATUS__OK);
	h_free(&out);
	/* Whoever signed in long ago proves again who they are. */
	h_shift_us += 11 * 60 * 1000000LL;
	assert_int_equal(make(h, "late", "read", "", NULL), NX__STATUS__REAUTH);
}

static void
test_bad_wishes(void **state)
{
	struct harness *h = *state;
	char name[] = "k0";

	assert_int_equal(make(h, "", "read", "", NULL), NX__STATUS__INVALID);
	assert_int_equal(make(h, "k", NULL, "", NULL), NX__STATUS__INVALID);
	assert_int_equal(make(h, "k", "all", "", NULL), NX__STATUS__INVALID);
	assert_int_equal(
	    make(h, "k", "read", "/a/../b", NULL), NX__STATUS__INVALID);
	assert_int_equal(
	    make(h, "k", "nodes", "/a", NULL), NX__STATUS__INVALID);
	assert_int_equal(
	    make(h, "k", "repository", "bucket", NULL), NX__STATUS__INVALID);
	assert_int_equal(
	    make(h, "k", "repository", "", NULL), NX__STATUS__INVALID);
	assert_int_equal(make(h, "k", "read", "", NULL), NX__STATUS__OK);
	assert_int_equal(make(h, "k", "read", "", NULL), NX__STATUS__EXISTS);
	for (unsigned i = 0; i < 4; i++, name[1]++)
		assert_int_equal(
		    make(h, name, "read", "", NULL), NX__STATUS__OK);
	assert_int_equal(
	    make(h, "many", "read", "", NULL), NX__STATUS__CONFLICT);
}

/* Neither the text nor a part of it is in the database. */
static void
test_at_rest(void **state)
{
	struct harness *h = *state;
	struct made k;
	sqlite3_stmt *s;

	assert_int_equal(make(h, "k", "read", "", &k), NX__STATUS__OK);
	assert_int_equal(
	    sqlite3_prepare_v2(nx_db_handle(h->a.db),
		"SELECT count(*) FROM access_keys WHERE hex(secret) LIKE ?"
		" OR id || name || place LIKE ?",
		-1, &s, NULL),
	    SQLITE_OK);
	k.secret[60] = '\0';
	memmove(k.secret + 1, k.secret + 20, 41);
	k.secret[0] = '%';
	k.secret[40] = '%';
	k.secret[41] = '\0';
	sqlite3_bind_text(s, 1, k.secret, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 2, k.secret, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(s, 0), 0);
	sqlite3_finalize(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, h_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_rights_and_place),
	    T(test_whose_name),
	    T(test_wrong_ones),
	    T(test_nobody_is_locked_out),
	    T(test_expiry),
	    T(test_revoked),
	    T(test_disabled_and_deleted),
	    T(test_makers),
	    T(test_bad_wishes),
	    T(test_at_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
