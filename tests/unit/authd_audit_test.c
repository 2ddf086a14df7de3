/* The audit: what is written to it, who reads it, and that its gaps show. */
#include "proto/audit.pb-c.h"
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

/* --- the audit --------------------------------------------------------------*/

static void
refused(struct nx_db *db, const char *sql)
{
	assert_int_equal(
	    sqlite3_exec(nx_db_handle(db), sql, NULL, NULL, NULL) & 0xff,
	    SQLITE_CONSTRAINT);
}

static void
test_it_tells(void **state)
{
	struct harness *h = *state;
	char token[2049];

	h_user(h, "alice", token);
	assert_int_equal(number(h->a.db,
			     "SELECT count(*) FROM audit"
			     " WHERE event = 'registered' AND result = 'ok'"
			     " AND username = 'alice' AND user_id = 1"
			     " AND client <> '' AND session <> ''"),
	    1);
	assert_int_equal(
	    number(h->a.db,
		"SELECT last_seq = (SELECT max(seq) FROM audit)"
		" AND last_mac = (SELECT mac FROM audit ORDER BY seq DESC"
		" LIMIT 1) FROM audit_ends"),
	    1);
	refused(h->a.db, "UPDATE audit SET result = 'refused'");
	refused(h->a.db, "DELETE FROM audit");
	run(h->a.db, "UPDATE audit_ends SET first_seq = last_seq");
	run(h->a.db, "DELETE FROM audit");
}

static void
test_any_text(void **state)
{
	struct harness *h = *state;
	char longest[2000];
	struct auth_event e = {.event = "tried",
	    .username = "a\nresult=ok",
	    .client = longest,
	    .detail = "a\x01z"};

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	auth_audit_alone(&h->a, &e);
	h_settle(h);
	for (int i = 0;
	     i < 100 && number(h->a.db, "SELECT count(*) FROM audit") == 0; i++)
		event_base_loop(h->base, EVLOOP_ONCE);
	assert_int_equal(
	    number(h->a.db,
		"SELECT count(*) FROM audit WHERE length(client) = 256"
		" AND detail = 'a?z'"),
	    1);
}

/* --- reading ----------------------------------------------------------------*/

static size_t
list(struct harness *h, enum nx_role role, const char *token, const char *user,
    const char *event)
{
	Nx__AuditListRequest q = NX__AUDIT_LIST_REQUEST__INIT;
	struct h_reply out;
	size_t n = 0;

	q.token = (char *)(uintptr_t)token;
	q.username = (char *)(uintptr_t)user;
	q.event = (char *)(uintptr_t)event;
	q.limit = 3;
	do {
		const Nx__AuditListReply *m;

		h_begin(h, role, NX__METHOD__AUDIT_LIST, &q.base, &out);
		h_wait(h, &out);
		if (out.status != NX__STATUS__OK) {
			h_free(&out);
			return SIZE_MAX;
		}
		m = (const void *)out.body;
		n += m->n_entries;
		for (size_t i = 0; i < m->n_entries; i++)
			assert_true(m->entries[i]->seq > q.after);
		q.after = m->next;
		h_free(&out);
	} while (q.after != 0);
	return n;
}

static void
wait_for(struct harness *h, const char *sql, int64_t n)
{
	for (int i = 0; i < 500 && number(h->a.db, sql) < n; i++)
		event_base_loop(h->base, EVLOOP_ONCE);
	assert_int_equal(number(h->a.db, sql), n);
}

static void
test_who_reads(void **state)
{
	struct harness *h = *state;
	char alice[2049], bob[2049];

	h_user(h, "alice", alice);
	h_user(h, "bob", bob);
	for (int i = 0; i < 5; i++)
		assert_int_equal(h_login(h, "alice", "not hers at all"),
		    NX__STATUS__UNAUTHENTICATED);
	wait_for(h, "SELECT count(*) FROM audit WHERE result = 'refused'", 5);
	assert_int_equal(list(h, NX_ROLE_ADMIN, "", "", ""), 7);
	assert_int_equal(list(h, NX_ROLE_ADMIN, "", "alice", ""), 6);
	assert_int_equal(list(h, NX_ROLE_ADMIN, "", "", "login"), 5);
	assert_int_equal(list(h, NX_ROLE_ADMIN, "", "bob", "login"), 0);
	assert_int_equal(list(h, NX_ROLE_ADMIN, "", "nobody", ""), SIZE_MAX);
	/* One's own, whoever is named. */
	assert_int_equal(list(h, NX_ROLE_GATEWAY, bob, "", ""), 1);
	assert_int_equal(list(h, NX_ROLE_GATEWAY, bob, "alice", ""), 1);
	assert_int_equal(list(h, NX_ROLE_GATEWAY, "", "", ""), SIZE_MAX);
}

static void
test_no_name_of_nobody(void **state)
{
	struct harness *h = *state;

	assert_int_equal(h_login(h, "my secret password", "typed wrong"),
	    NX__STATUS__UNAUTHENTICATED);
	h_settle(h);
	assert_int_equal(number(h->a.db, "SELECT count(*) FROM audit"), 0);
}

/* --- the chain --------------------------------------------------------------*/

#define ROWS 1200 /* more than one step */

static int
write_many(struct nx_db *db, void *arg)
{
	struct harness *h = arg;
	struct auth_event e = {.event = "tried", .user_id = 1};
	int r = 0;

	for (int i = 0; i < ROWS && r == 0; i++)
		r = auth_audit(&h->a, db, &e);
	return r;
}

/* The first that is broken, or 0. */
static uint64_t
verify(struct harness *h, char ret_why[129], uint64_t *ret_rows)
{
	struct h_reply out;
	const Nx__AuditVerifyReply *m;
	uint64_t broken;

	h_begin(
	    h, NX_ROLE_ADMIN, NX__METHOD__AUDIT_VERIFY, &nx_empty.base, &out);
	h_wait(h, &out);
	assert_int_equal(out.status, NX__STATUS__OK);
	m = (const void *)out.body;
	broken = m->broken;
	snprintf(ret_why, 129, "%s", m->why);
	*ret_rows = m->rows;
	h_free(&out);
	return broken;
}

static void
test_what_was_changed(void **state)
{
	static const struct {
		const char *sql;
		uint64_t broken;
	} all[] = {
	    {"UPDATE audit SET result = 'ok ' WHERE seq = 700", 700},
	    {"UPDATE audit SET at = at + 1 WHERE seq = 1", 1},
	    {"UPDATE audit SET user_id = 2 WHERE seq = 1200", 1200},
	    {"UPDATE audit SET mac = zeroblob(32) WHERE seq = 600", 600},
	    {"UPDATE audit SET mac = x'00' WHERE seq = 600", 600},
	    {"DELETE FROM audit WHERE seq = 500", 500},
	    {"DELETE FROM audit WHERE seq = 1", 1},
	    {"DELETE FROM audit WHERE seq = 1200", 1200},
	    {"DELETE FROM audit WHERE seq > 300", 301},
	    {"DELETE FROM audit", 1},
	    /* With the ends made to fit. */
	    {"DELETE FROM audit WHERE seq > 300; UPDATE audit_ends SET"
	     " last_seq = 300, last_mac = (SELECT mac FROM audit"
	     " WHERE seq = 300)",
		1},
	    {"UPDATE audit_ends SET first_seq = 300, first_mac ="
	     " (SELECT mac FROM audit WHERE seq = 300);"
	     "DELETE FROM audit WHERE seq <= 300",
		301},
	    {"DELETE FROM audit; UPDATE audit_ends SET first_seq = 0,"
	     " first_mac = zeroblob(32), last_seq = 0,"
	     " last_mac = zeroblob(32), mac = zeroblob(32)",
		1},
	    {"INSERT INTO audit SELECT 1201, at, source, event, actor,"
	     " user_id, username, client, session, result, detail, mac"
	     " FROM audit WHERE seq = 1200",
		1201},
	    {"UPDATE audit SET seq = -seq WHERE seq IN (10, 11);"
	     "UPDATE audit SET seq = 21 + seq WHERE seq IN (-10, -11)",
		10},
	};
	struct harness *h = *state;
	uint64_t rows;
	char why[129];

	assert_int_equal(nx_db_write_now(h->a.db, write_many, h), 0);
	assert_int_equal(verify(h, why, &rows), 0);
	assert_int_equal(rows, ROWS);
	run(h->a.db, "DROP TRIGGER audit_stays; DROP TRIGGER audit_goes");
	for (size_t i = 0; i < NX_ARRAY_SIZE(all); i++) {
		run(h->a.db, "SAVEPOINT t");
		run(h->a.db, all[i].sql);
		if (verify(h, why, &rows) != all[i].broken || !*why)
			fail_msg("%s: not seen", all[i].sql);
		run(h->a.db, "ROLLBACK TO t; RELEASE t");
	}
	assert_int_equal(verify(h, why, &rows), 0);
}

struct purging {
	struct harness *h;
	bool more;
};

static int
write_purge(struct nx_db *db, void *arg)
{
	struct purging *p = arg;
	int r = auth_audit_purge(db, p->h->a.keys.audit, 0, 100);

	p->more = r == 1;
	return r < 0 ? r : 0;
}

static void
test_retention(void **state)
{
	struct harness *h = *state;
	uint64_t rows;
	char why[129];
	struct purging p = {.h = h};
	int steps = 0;

	assert_int_equal(nx_db_write_now(h->a.db, write_many, h), 0);
	do {
		assert_int_equal(nx_db_write_now(h->a.db, write_purge, &p), 0);
		steps++;
	} while (p.more);
	assert_true(steps >= 3);
	assert_int_equal(number(h->a.db, "SELECT count(*) FROM audit"), 100);
	assert_int_equal(number(h->a.db, "SELECT min(seq) FROM audit"), 1101);
	assert_int_equal(verify(h, why, &rows), 0);
	assert_int_equal(rows, 100);
	/* And goes on where it was. */
	assert_int_equal(nx_db_write_now(h->a.db, write_many, h), 0);
	assert_int_equal(verify(h, why, &rows), 0);
}

/* What was forged is not made good by what is written after it. */
static void
test_forged_stays_forged(void **state)
{
	struct harness *h = *state;
	uint64_t rows;
	char why[129];

	assert_int_equal(nx_db_write_now(h->a.db, write_many, h), 0);
	run(h->a.db,
	    "UPDATE audit_ends SET first_seq = 300, first_mac ="
	    " (SELECT mac FROM audit WHERE seq = 300);"
	    "DELETE FROM audit WHERE seq <= 300");
	assert_int_equal(nx_db_write_now(h->a.db, write_many, h), 0);
	assert_int_equal(verify(h, why, &rows), 301);
	/* Nor by a start. */
	h_stop_authd(h);
	h_start_authd(h);
	h_attach(h, NX_ROLE_ADMIN);
	assert_int_equal(verify(h, why, &rows), 301);
}

#define T(f) cmocka_unit_test_setup_teardown(f, h_setup, h_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_it_tells),
	    T(test_any_text),
	    T(test_who_reads),
	    T(test_no_name_of_nobody),
	    T(test_what_was_changed),
	    T(test_retention),
	    T(test_forged_stays_forged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
