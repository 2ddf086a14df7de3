/*
 * What a transaction changed, applied elsewhere, makes the same rows: whatever
 * was written, rolled back, replaced, cascaded or done by triggers.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/db.h"
#include "common/db_ship.h"
#include "common/err.h"

#define TABLES                                                           \
	"CREATE TABLE a(k INTEGER PRIMARY KEY AUTOINCREMENT,"            \
	" u TEXT NOT NULL UNIQUE, b BLOB, r REAL) STRICT;"               \
	"CREATE TABLE c(x INTEGER NOT NULL, y TEXT NOT NULL, n INTEGER," \
	" PRIMARY KEY(y, x)) STRICT, WITHOUT ROWID;"                     \
	"CREATE TABLE d(k INTEGER PRIMARY KEY REFERENCES a ON DELETE"    \
	" CASCADE, n INTEGER NOT NULL DEFAULT 0) STRICT;"                \
	"CREATE TABLE s(one INTEGER PRIMARY KEY, n INTEGER NOT NULL)"    \
	" STRICT; INSERT INTO s VALUES(1, 0);"                           \
	"CREATE TABLE own(one INTEGER PRIMARY KEY, seq INTEGER) STRICT;" \
	"INSERT INTO own VALUES(1, 0);"                                  \
	"CREATE TABLE w(v INTEGER NOT NULL, t TEXT) STRICT;"             \
	"CREATE TABLE y(v TEXT PRIMARY KEY, t TEXT) STRICT;"             \
	"CREATE TRIGGER came AFTER INSERT ON c BEGIN"                    \
	" UPDATE s SET n = n + new.x; END;"                              \
	"CREATE TRIGGER went AFTER DELETE ON c BEGIN"                    \
	" UPDATE s SET n = n - old.x; END;"
static const char *const schema[] = {TABLES};

static struct event_base *base;
static struct nx_db *db;
static sqlite3 *other;
static struct nx_db_applier *applier;
static char dir[64], path[96];
static struct {
	uint8_t *data;
	size_t len;
	unsigned shipped, committed, undone, settled;
	bool sync;
	int fail;
} seen;

static int
ship(struct nx_db *d, const void *data, size_t len, bool sync, void *arg)
{
	(void)arg;
	free(seen.data);
	seen.data = malloc(len + 1);
	memcpy(seen.data, data, len);
	seen.len = len;
	seen.sync = sync;
	seen.shipped++;
	if (seen.fail < 0)
		return seen.fail;
	return nx_db_exec(d, "UPDATE own SET seq = seq + 1", "");
}

static void
over(bool committed, void *arg)
{
	(void)arg;
	seen.committed += committed;
	seen.undone += !committed;
	if (!committed)
		return;
	assert_int_equal(
	    sqlite3_exec(other, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(nx_db_apply(applier, seen.data, seen.len), 0);
	assert_int_equal(
	    sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
}

static void
settle(void *arg)
{
	(void)arg;
	seen.settled++;
}

static const struct nx_db_shipper shipper = {ship, over, settle};

static int
setup(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof(seen));
	(void)snprintf(dir, sizeof(dir), "/tmp/nexus-ship-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/test.db", dir);
	base = event_base_new();
	if (nx_db_open(base, path, schema, 1, &db) != 0 ||
	    sqlite3_open(":memory:", &other) != SQLITE_OK ||
	    sqlite3_exec(other, TABLES, NULL, NULL, NULL) != SQLITE_OK ||
	    nx_db_applier_new(other, &applier) != 0)
		return -1;
	return nx_db_ship(db, &shipper, NULL);
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	db = nx_db_close(db);
	event_base_free(base);
	applier = nx_db_applier_free(applier);
	sqlite3_close(other);
	free(seen.data);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* --- comparing --------------------------------------------------------------*/

static char *
all_rows(sqlite3 *of, const char *table)
{
	char sql[128], *text = strdup("");
	sqlite3_stmt *stmt;

	(void)snprintf(sql, sizeof(sql), "SELECT %s* FROM %s ORDER BY 1, 2",
	    table[0] == 'w' || table[0] == 'y' ? "rowid, " : "", table);
	assert_int_equal(
	    sqlite3_prepare_v2(of, sql, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(stmt); i++) {
			const unsigned char *v = sqlite3_column_text(stmt, i);
			char *more;

			assert_true(
			    asprintf(&more, "%s%d:%s%s", text,
				sqlite3_column_type(stmt, i),
				v ? (const char *)v : "null",
				i + 1 < sqlite3_column_count(stmt) ? ","
								   : "\n") > 0);
			free(text);
			text = more;
		}
	sqlite3_finalize(stmt);
	return text;
}

static void
compare(void)
{
	static const char *const tables[] = {"a", "c", "d", "s", "w", "y"};

	for (size_t i = 0; i < NX_ARRAY_SIZE(tables); i++) {
		char *here = all_rows(nx_db_handle(db), tables[i]);
		char *there = all_rows(other, tables[i]);

		assert_string_equal(here, there);
		free(here);
		free(there);
	}
}

/* --- writing ----------------------------------------------------------------*/

static const char *text_now;

static int
run(struct nx_db *d, void *arg)
{
	int rc = sqlite3_exec(
	    nx_db_handle(d), arg ? arg : text_now, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : -EEXIST;
}

static void
write_now(const char *sql, int expected)
{
	text_now = sql;
	assert_int_equal(nx_db_write_now(db, run, NULL), expected);
	compare();
}

static void
test_kinds(void **state)
{
	(void)state;
	write_now("INSERT INTO a(u, b, r) VALUES('x', x'0001', 1.5), ('y',"
		  " NULL, NULL), ('', x'', -0.0)",
	    0);
	write_now("UPDATE a SET u = 'z' WHERE k = 1", 0);
	write_now("UPDATE a SET k = 77 WHERE u = 'y'", 0);
	write_now("INSERT INTO d(k) SELECT k FROM a", 0);
	write_now("INSERT INTO c VALUES(1, 'p', 3), (2, 'p', NULL)", 0);
	write_now("UPDATE c SET y = 'q' WHERE x = 2", 0);
	write_now("INSERT OR REPLACE INTO a(k, u) VALUES(500, 'z')", 0);
	write_now("DELETE FROM a WHERE k = 77", 0); /* and of d */
	write_now("DELETE FROM c", 0);              /* all, by triggers */
	/* unique values change places */
	write_now("INSERT INTO a(k, u) VALUES(1, 'one'), (2, 'two')", 0);
	write_now("UPDATE a SET u = 'three' WHERE k = 1;"
		  "UPDATE a SET u = 'one' WHERE k = 2;"
		  "UPDATE a SET u = 'two' WHERE k = 1",
	    0);
	write_now("INSERT INTO w VALUES(1, 'a'), (1, 'a'), (2, NULL)", 0);
	write_now("UPDATE w SET t = 'b' WHERE v = 2; DELETE FROM w"
		  " WHERE rowid = 1",
	    0);
	write_now("INSERT INTO y VALUES('k', 'v'), ('n', 'z')", 0);
	write_now("INSERT OR REPLACE INTO y VALUES('k', 'w')", 0);
	write_now("DELETE FROM y WHERE v = 'n'", 0);
	assert_int_equal(seen.committed, 16);
	assert_int_equal(seen.undone, 0);
}

/* What a write did before it failed is not shipped, also where the statement
 * alone was undone. */
static void
test_undone(void **state)
{
	(void)state;
	write_now("INSERT INTO a(u) VALUES('x')", 0);
	write_now("INSERT INTO a(u) VALUES('w'); INSERT INTO a(u) VALUES('x')",
	    -EEXIST);
	write_now("INSERT INTO a(u) VALUES('v'), ('x')", -EEXIST);
	write_now("INSERT OR IGNORE INTO a(u) VALUES('x'), ('n')", 0);
	write_now("INSERT INTO a(k, u) VALUES(900, 'gone');"
		  "DELETE FROM a WHERE k = 900",
	    0);
	write_now("SELECT 1", 0);
	/* a temporary table is nobody's */
	write_now("CREATE TEMP TABLE t(k INTEGER PRIMARY KEY);"
		  "INSERT INTO t VALUES(1)",
	    0);
}

static void
test_behind(void **state)
{
	(void)state;
	nx_db_write_behind(db, run, NULL,
	    (void *)(uintptr_t) "INSERT INTO a(u) VALUES('behind')");
	while (seen.committed == 0)
		event_base_loop(base, EVLOOP_ONCE);
	assert_false(seen.sync);
	compare();
	write_now("INSERT INTO a(u) VALUES('sync')", 0);
	assert_true(seen.sync);
}

/* Who cannot ship lets nothing be committed. */
static void
test_refused(void **state)
{
	(void)state;
	seen.fail = -ENOMEM;
	write_now("INSERT INTO a(u) VALUES('x')", -ENOMEM);
	seen.fail = 0;
	write_now("INSERT INTO a(u) VALUES('x')", 0);
	assert_int_equal(seen.committed, 1);
}

static void
test_settles(void **state)
{
	(void)state;
	for (int i = 0; i < 1200 && seen.settled == 0; i++)
		write_now("INSERT INTO a(u, b) VALUES(hex(randomblob(8)),"
			  " zeroblob(8000)); DELETE FROM a WHERE k < (SELECT"
			  " max(k) FROM a) - 5",
		    0);
	assert_true(seen.settled > 0);
}

static void
test_random(void **state)
{
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	static const char *const kinds[] = {
	    "INSERT OR REPLACE INTO a(k, u) VALUES(abs(random()) %% 20,"
	    " abs(random()) %% 20);",
	    "DELETE FROM a WHERE k = abs(random()) %% 20;",
	    "UPDATE OR REPLACE a SET u = abs(random()) %% 20"
	    " WHERE k %% 3 = abs(random()) %% 3;",
	    "INSERT OR IGNORE INTO d SELECT k, 1 FROM a;",
	    "UPDATE d SET n = n + 1;",
	    "INSERT OR REPLACE INTO c VALUES(abs(random()) %% 9,"
	    " abs(random()) %% 5, %d);",
	    "UPDATE OR IGNORE c SET x = abs(random()) %% 9;",
	    "UPDATE a SET u = 'same';", /* fails, most times */
	    "INSERT INTO w VALUES(%d, 'r');",
	    "DELETE FROM w WHERE rowid %% 3 = abs(random()) %% 3;",
	    "DELETE FROM c WHERE n %% 2 = abs(random()) %% 2;",
	};
	char sql[400], *at;

	(void)state;
	srand(20260101);
	for (int i = 0; i < 3000; i++) {
		at = sql;
		for (int n = rand() % 3; n >= 0; n--)
			at += snprintf(at, 130,
			    kinds[rand() % (int)NX_ARRAY_SIZE(kinds)], i);
		text_now = sql;
		(void)nx_db_write_now(db, run, NULL);
		compare();
	}
}

/* What no one shipped changes nothing and breaks nothing. */
static void
test_nonsense(void **state)
{
	uint8_t bad[64];

	(void)state;
	write_now("INSERT INTO a(u, b) VALUES('x', x'010203')", 0);
	srand(7);
	assert_int_equal(
	    sqlite3_exec(other, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
	for (size_t len = 1; len < seen.len; len++)
		assert_int_equal(
		    nx_db_apply(applier, seen.data, len), -EBADMSG);
	for (int i = 0; i < 20000; i++) {
		memcpy(bad, seen.data, seen.len < 64 ? seen.len : 64);
		for (int n = 0; n < 3; n++)
			bad[rand() % 64] = (uint8_t)rand();
		(void)nx_db_apply(applier, bad, seen.len < 64 ? seen.len : 64);
	}
	assert_int_equal(
	    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	compare();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_kinds),
	    T(test_undone),
	    T(test_behind),
	    T(test_refused),
	    T(test_settles),
	    T(test_random),
	    T(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
