/* What authd does when its database fails it: say so, and open no account. */
#include "tests/unit/authd_harness.h"

/* SQLite refuses to grow: what a full disk looks like to it. */
static void
limit_pages(struct harness *h, bool full)
{
	char sql[64];
	sqlite3_stmt *s;
	int pages;

	assert_int_equal(sqlite3_prepare_v2(nx_db_handle(h->a.db),
			     "PRAGMA page_count", -1, &s, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	pages = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%d",
	    full ? pages : 100000);
	assert_int_equal(
	    sqlite3_exec(nx_db_handle(h->a.db), sql, NULL, NULL, NULL),
	    SQLITE_OK);
}

static void
test_full(void **state)
{
	struct harness *h = *state;
	struct h_reply out;
	char token[2049], name[32], mail[64];
	unsigned i;

	h_user(h, "alice", token);
	limit_pages(h, true);
	/* Pages have some room left; it is used up before long. */
	for (i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "user%u", i);
		snprintf(mail, sizeof(mail), "user%u@example.org", i);
		if (h_register_from(h, name, PASSWORD, mail, "192.0.2.1",
			&out) != NX__STATUS__OK)
			break;
	}
	assert_int_equal(out.status, NX__STATUS__FULL);
	assert_true(strlen(out.error) > 10);
	/* What needs no room goes on: tokens, refusals. */
	assert_int_equal(h_check(h, token), NX__STATUS__OK);
	assert_int_equal(
	    h_login(h, name, PASSWORD), NX__STATUS__UNAUTHENTICATED);
	limit_pages(h, false);
	assert_int_equal(h_register(h, name, PASSWORD, mail), NX__STATUS__OK);
	assert_int_equal(h_verify(h, REGISTER_VERIFY, mail, h->mail.code, NULL),
	    NX__STATUS__OK);
}

/* A code that is right while the disk is full is not used up by it. */
static void
test_full_at_verify(void **state)
{
	struct harness *h = *state;
	const char *mail = "bob@example.org";
	Nx__Status s;
	unsigned i;

	h_register(h, "bob", PASSWORD, mail);
	assert_int_equal(
	    sqlite3_exec(nx_db_handle(h->a.db),
		"CREATE TRIGGER no_room BEFORE INSERT ON sessions BEGIN"
		" SELECT RAISE(ROLLBACK, 'no room'); END",
		NULL, NULL, NULL),
	    SQLITE_OK);
	for (i = 0; i < 7; i++) {
		s = h_verify(h, REGISTER_VERIFY, mail, h->mail.code, NULL);
		assert_int_not_equal(s, NX__STATUS__OK);
		assert_int_not_equal(s, NX__STATUS__UNAUTHENTICATED);
	}
	assert_int_equal(
	    h_login(h, "bob", PASSWORD), NX__STATUS__UNAUTHENTICATED);
	assert_int_equal(sqlite3_exec(nx_db_handle(h->a.db),
			     "DROP TRIGGER no_room", NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(h_verify(h, REGISTER_VERIFY, mail, h->mail.code, NULL),
	    NX__STATUS__OK);
	assert_int_equal(h_login(h, "bob", PASSWORD), NX__STATUS__OK);
}

static int
open_again(struct harness *h, char error[256])
{
	struct authd a = {.conf = &h->conf, .base = h->base};
	int r = auth_open(&a, h->dir, 1, error);

	auth_close(&a);
	return r;
}

static void
test_damaged(void **state)
{
	struct harness *h = *state;
	char path[128], error[256] = "", junk[8192];
	int fd;

	h_user(h, "carl", NULL);
	h_stop_authd(h);
	snprintf(path, sizeof(path), "%s/auth.db", h->dir);
	memset(junk, 'x', sizeof(junk));
	fd = open(path, O_RDWR);
	assert_int_equal(write(fd, junk, sizeof(junk)), sizeof(junk));
	close(fd);
	assert_int_equal(open_again(h, error), -EBADMSG);
	assert_non_null(strstr(error, "damaged"));
	assert_non_null(strstr(error, path));
	unlink(path);
	h_start_authd(h);
}

static void
test_newer(void **state)
{
	struct harness *h = *state;
	char error[256] = "";

	assert_int_equal(sqlite3_exec(nx_db_handle(h->a.db),
			     "PRAGMA user_version=99", NULL, NULL, NULL),
	    SQLITE_OK);
	h_stop_authd(h);
	assert_int_equal(open_again(h, error), -EPROTONOSUPPORT);
	h_remove(h->dir);
	mkdir(h->dir, 0700);
	h_start_authd(h);
}

static void
test_no_directory(void **state)
{
	struct harness *h = *state;
	char error[256] = "";

	h_stop_authd(h);
	h_remove(h->dir);
	assert_int_equal(open_again(h, error), -ENOENT);
	assert_non_null(strstr(error, h->dir));
	mkdir(h->dir, 0700);
	h_start_authd(h);
}

/* What is over is gone after a while, and nothing else. */
static void
test_purge(void **state)
{
	struct harness *h = *state;
	uint64_t users, sessions;
	char token[2049];

	h->conf.session_days = 1;
	h_user(h, "dora", NULL);
	h_advance(23 * 3600);
	h_login(h, "dora", PASSWORD);
	h_verify(h, LOGIN_VERIFY, "dora@example.org", h->mail.code, token);
	h_advance(2 * 3600);
	h_stop_authd(h);
	h_start_authd(h);
	h_attach(h, NX_ROLE_GATEWAY);
	assert_int_equal(auth_store_count(h->a.db, 0, &users, &sessions), 0);
	assert_int_equal(users, 1);
	assert_int_equal(sessions, 1);
	assert_int_equal(h_check(h, token), NX__STATUS__OK);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, h_setup, h_teardown)
	const struct CMUnitTest tests[] = {
	    T(test_full),
	    T(test_full_at_verify),
	    T(test_damaged),
	    T(test_newer),
	    T(test_no_directory),
	    T(test_purge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
