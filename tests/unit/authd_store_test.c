/* The database of authd: from an older one, and what a user leaves. */
#include "tests/unit/authd_harness.h"

static void
run(struct nx_db *db, const char *sql)
{
	char *error = NULL;

	if (sqlite3_exec(nx_db_handle(db), sql, NULL, NULL, &error) !=
	    SQLITE_OK)
		fail_msg("%s: %s", sql, error);
}

static int64_t
number(struct nx_db *db, const char *sql)
{
	sqlite3_stmt *s;
	int64_t n;

	assert_int_equal(
	    sqlite3_prepare_v2(nx_db_handle(db), sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

/* --- from an older one ------------------------------------------------------*/

/* What step 2 had: an account, a session, a code that waits. */
static const char before[] =
    "INSERT INTO users (username, email, password, created_at) VALUES"
    " ('ada', 'ada@example.org', 'hash', 1000),"
    " ('bob', 'bob@example.org', 'hash', 1001);"
    "INSERT INTO sessions VALUES (x'00112233445566778899aabbccddeeff', 1,"
    " 2000, 1 << 40);"
    "INSERT INTO codes (txn, kind, user_id, username, email, password, mac,"
    " tries, created_at, expires_at, client, near) VALUES"
    " (x'00112233445566778899aabbccddee01', 2, 1, 'ada', 'ada@example.org',"
    " '', x'ff', 4, 3000, 1 << 40, x'aa', 3);";

static void
test_an_older_one(void **state)
{
	struct event_base *base = event_base_new();
	char dir[] = "/tmp/nexus-auth-XXXXXX", path[64];
	struct auth_user user, other;
	struct nx_db *db;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/auth.db", dir);
	assert_int_equal(nx_db_open(base, path, auth_schema, 2, &db), 0);
	run(db, before);
	nx_db_close(db);
	assert_int_equal(
	    nx_db_open(base, path, auth_schema, auth_schema_count, &db), 0);
	assert_int_equal(auth_user_by_name(db, "ada", &user), 1);
	assert_int_equal(auth_user_by_name(db, "bob", &other), 1);
	assert_int_equal(user.role, AUTH_ROLE_USER);
	assert_int_equal(user.factors, AUTH_FACTOR_MAIL);
	assert_int_equal(user.password_at, 1000);
	assert_memory_not_equal(user.handle, other.handle, sizeof(user.handle));
	assert_int_equal(number(db, "SELECT auth_at FROM sessions"), 2000);
	assert_int_equal(
	    number(db, "SELECT near FROM codes WHERE tries = 4"), 3);
	/* Of every kind what is tried when there is nothing. */
	assert_int_equal(
	    number(db, "SELECT count(*) FROM codes WHERE email = ''"), 5);
	nx_db_close(db);
	event_base_free(base);
	h_remove(dir);
}

/* --- what a user leaves -----------------------------------------------------*/

static bool
is_deleted(const char *table)
{
	char begin[96];

	snprintf(begin, sizeof(begin), "DELETE FROM %s WHERE user_id", table);
	for (size_t i = 0; auth_user_deletes[i]; i++)
		if (strstr(auth_user_deletes[i], begin))
			return true;
	return strcmp(table, "audit") == 0 || strcmp(table, "notices") == 0;
}

/* Whoever adds a table of users' things has it emptied of theirs. */
static void
test_every_table_is_emptied(void **state)
{
	struct harness *h = *state;
	sqlite3_stmt *s;
	int n = 0;

	assert_int_equal(
	    sqlite3_prepare_v2(nx_db_handle(h->a.db),
		"SELECT m.name FROM sqlite_master m JOIN"
		" pragma_table_info(m.name) c ON c.name = 'user_id'"
		" WHERE m.type = 'table'",
		-1, &s, NULL),
	    SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW) {
		const char *table = (const char *)sqlite3_column_text(s, 0);

		if (!is_deleted(table))
			fail_msg("%s keeps what is a deleted user's", table);
		n++;
	}
	sqlite3_finalize(s);
	assert_true(n >= 5);
}

/* --- sessions ---------------------------------------------------------------*/

static int
write_sessions(struct nx_db *db, void *arg)
{
	struct auth_session s = {.user_id = 1};
	int r = 0;

	(void)arg;
	for (int i = 0; i < AUTH_SESSIONS_LIVE + 5 && r == 0; i++) {
		s.created_at = 1000 + i;
		s.expires_at = 1 << 30;
		randombytes_buf(s.id, sizeof(s.id));
		r = auth_session_insert(db, &s);
	}
	return r;
}

static void
test_the_oldest_session_makes_room(void **state)
{
	struct harness *h = *state;

	assert_int_equal(nx_db_write_now(h->a.db, write_sessions, NULL), 0);
	assert_int_equal(number(h->a.db, "SELECT count(*) FROM sessions"),
	    AUTH_SESSIONS_LIVE);
	assert_int_equal(
	    number(h->a.db, "SELECT min(created_at) FROM sessions"), 1005);
}

/* --- sealed -----------------------------------------------------------------*/

static void
test_sealed(void **state)
{
	struct harness *h = *state;
	const uint8_t *key = h->a.keys.seal;
	struct auth_seal_place place = {"totp", 7, "row"}, other = place;
	uint8_t sealed[6 + AUTH_SEAL_EXTRA];
	char secret[6];

	auth_seal(key, &place, "secret", 6, sealed);
	assert_int_equal(
	    auth_unseal(key, &place, sealed, sizeof(sealed), secret), 0);
	assert_memory_equal(secret, "secret", 6);
	other.user_id = 8;
	assert_int_equal(
	    auth_unseal(key, &other, sealed, sizeof(sealed), secret), -EBADMSG);
	other = (struct auth_seal_place){"totp", 7, NULL};
	assert_int_equal(
	    auth_unseal(key, &other, sealed, sizeof(sealed), secret), -EBADMSG);
	sealed[3] ^= 1;
	assert_int_equal(
	    auth_unseal(key, &place, sealed, sizeof(sealed), secret), -EBADMSG);
	assert_int_equal(auth_unseal(key, &place, sealed, 3, secret), -EBADMSG);
}

static void
test_secrets(void **state)
{
	struct harness *h = *state;
	char one[AUTH_SECRET_TEXT + 1], two[AUTH_SECRET_TEXT + 1];
	uint8_t a[AUTH_SECRET_HASH_LEN], b[AUTH_SECRET_HASH_LEN];

	auth_secret_new(one);
	auth_secret_new(two);
	assert_int_equal(strlen(one), AUTH_SECRET_TEXT);
	assert_string_not_equal(one, two);
	auth_secret_hash(h->a.keys.pepper, one, a);
	auth_secret_hash(h->a.keys.pepper, two, b);
	assert_memory_not_equal(a, b, sizeof(a));
	auth_secret_hash(h->a.keys.pepper, one, b);
	assert_memory_equal(a, b, sizeof(a));
}

#define T(f) cmocka_unit_test_setup_teardown(f, h_setup, h_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_an_older_one),
	    T(test_every_table_is_emptied),
	    T(test_the_oldest_session_makes_room),
	    T(test_sealed),
	    T(test_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
