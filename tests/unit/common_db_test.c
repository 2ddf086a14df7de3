/* Group commit: what arrives together is committed together, and each write
 * succeeds or fails alone. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/db.h"

static const char *const schema[] = {
    "CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT NOT NULL) STRICT",
    "ALTER TABLE t ADD COLUMN w INTEGER",
};

static struct event_base *base;
static struct nx_db *db;
static char dir[64], path[96];

static int
setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/nexus-db-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/test.db", dir);
	base = event_base_new();
	return nx_db_open(base, path, schema, 2, &db);
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	db = nx_db_close(db);
	event_base_free(base);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

struct put {
	int64_t key;
	int result, fail;
	unsigned *order, came;
};

static int
put(struct nx_db *d, void *arg)
{
	struct put *p = arg;
	int r = nx_db_exec(
	    d, "INSERT INTO t (k, v) VALUES (?, ?)", "is", p->key, "x");

	return r < 0 ? r : p->fail;
}

static void
was_put(int result, void *arg)
{
	struct put *p = arg;

	p->result = result;
	p->came = ++*p->order;
}

static int64_t
count(void)
{
	sqlite3_stmt *s;
	int64_t n;

	assert_int_equal(nx_db_query(db, &s, "SELECT count(*) FROM t", ""), 1);
	n = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return n;
}

static unsigned commits;

static int
on_commit(void *arg)
{
	(void)arg;
	commits++;
	return 0;
}

static void
commits_together(void **state)
{
	struct put puts[50];
	unsigned order = 0, i;

	(void)state;
	commits = 0;
	sqlite3_commit_hook(nx_db_handle(db), on_commit, NULL);
	for (i = 0; i < 50; i++) {
		puts[i] = (struct put){.key = i, .order = &order};
		nx_db_write(db, put, was_put, &puts[i]);
	}
	assert_int_equal(order, 0);
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(commits, 1);
	for (i = 0; i < 50; i++) {
		assert_int_equal(puts[i].result, 0);
		assert_int_equal(puts[i].came, i + 1);
	}
	assert_int_equal(count(), 50);
}

static void
fails_alone(void **state)
{
	unsigned order = 0;
	struct put a = {.key = 1, .order = &order};
	struct put again = {.key = 1, .order = &order};
	struct put undone = {.key = 2, .fail = 3, .order = &order};
	struct put b = {.key = 4, .order = &order};

	(void)state;
	nx_db_write(db, put, was_put, &a);
	nx_db_write(db, put, was_put, &again);
	nx_db_write(db, put, was_put, &undone);
	nx_db_write(db, put, was_put, &b);
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(a.result, 0);
	assert_int_equal(again.result, -EEXIST);
	assert_int_equal(undone.result, 3);
	assert_int_equal(b.result, 0);
	assert_int_equal(count(), 2);
}

static void
writes_now_what_waits_first(void **state)
{
	unsigned order = 0;
	struct put a = {.key = 1, .order = &order};
	struct put b = {.key = 1, .order = &order};

	(void)state;
	nx_db_write(db, put, was_put, &a);
	assert_int_equal(nx_db_write_now(db, put, &b), -EEXIST);
	assert_int_equal(a.result, 0);
	assert_int_equal(a.came, 1);
}

/* What nobody waits for has no part in others' commits: it comes after them,
 * one a turn, each in a commit of its own. */
static void
lets_others_go_first(void **state)
{
	unsigned order = 0, before;
	struct put behind[3], first, second;

	(void)state;
	for (int i = 0; i < 3; i++) {
		behind[i] = (struct put){.key = 10 + i, .order = &order};
		nx_db_write_behind(db, put, was_put, &behind[i]);
	}
	first = (struct put){.key = 1, .order = &order};
	second = (struct put){.key = 2, .order = &order};
	nx_db_write(db, put, was_put, &first);
	nx_db_write(db, put, was_put, &second);
	commits = 0;
	sqlite3_commit_hook(nx_db_handle(db), on_commit, NULL);
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(commits, 1);
	assert_int_equal(first.came, 1);
	assert_int_equal(second.came, 2);
	assert_int_equal(order, 2);
	for (unsigned i = 0; i < 3; i++) {
		before = commits;
		event_base_loop(base, EVLOOP_ONCE);
		assert_int_equal(commits, before + 1);
		assert_int_equal(behind[i].came, 3 + i);
	}
	assert_int_equal(count(), 5);
}

/* Others who leave no turn free cannot keep it out for ever. */
static void
comes_in_at_last(void **state)
{
	unsigned order = 0;
	struct put behind = {.key = 1000000, .order = &order};
	struct put others[1000];
	int i;

	(void)state;
	nx_db_write_behind(db, put, was_put, &behind);
	for (i = 0; i < 1000 && behind.came == 0; i++) {
		others[i] = (struct put){.key = i, .order = &order};
		nx_db_write(db, put, was_put, &others[i]);
		event_base_loop(base, EVLOOP_ONCE);
	}
	assert_in_range(i, 100, 999);
	assert_int_equal(behind.result, 0);
}

static void
survives_closing(void **state)
{
	unsigned order = 0;
	struct put a = {.key = 9, .order = &order};
	struct put behind = {.key = 8, .order = &order};
	struct stat st;

	(void)state;
	nx_db_write(db, put, was_put, &a);
	nx_db_write_behind(db, put, was_put, &behind);
	db = nx_db_close(db);
	assert_int_equal(a.came, 1);
	assert_int_equal(behind.came, 2);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(nx_db_open(base, path, schema, 2, &db), 0);
	assert_int_equal(count(), 2);
}

static void
refuses_a_newer_schema(void **state)
{
	struct nx_db *other = NULL;

	(void)state;
	db = nx_db_close(db);
	assert_int_equal(
	    nx_db_open(base, path, schema, 1, &other), -EPROTONOSUPPORT);
	assert_null(other);
	assert_int_equal(nx_db_open(base, path, schema, 2, &db), 0);
}

static void
refuses_a_damaged_file(void **state)
{
	struct nx_db *other = NULL;
	FILE *f;

	(void)state;
	db = nx_db_close(db);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fprintf(f, "%4096s", "this is no database");
	(void)fclose(f);
	assert_int_equal(nx_db_open(base, path, schema, 2, &other), -EBADMSG);
	assert_null(other);
}

/* No room for the commit: every write of the batch is told, none is there. */
static void
tells_a_full_disk(void **state)
{
	unsigned order = 0, i;
	struct put puts[2000];

	(void)state;
	assert_int_equal(sqlite3_exec(nx_db_handle(db),
			     "PRAGMA max_page_count=6", NULL, NULL, NULL),
	    0);
	for (i = 0; i < 2000; i++) {
		puts[i] = (struct put){.key = i, .order = &order};
		nx_db_write(db, put, was_put, &puts[i]);
	}
	while (order < 2000)
		event_base_loop(base, EVLOOP_ONCE);
	for (i = 0, order = 0; i < 2000; i++)
		order += puts[i].result == 0;
	assert_true(order < 2000);
	assert_int_equal(count(), order);
	assert_int_equal(puts[1999].result, -ENOSPC);
}

/* Text and blobs come out whole, or not at all. */
static void
columns_are_copied(void **state)
{
	static const struct {
		const char *sql;
		bool text, blob; /* into 5 bytes, of 4 bytes */
	} cases[] = {
	    {"SELECT ''", true, false},
	    {"SELECT 'abcd'", true, true},
	    {"SELECT 'abcde'", false, false},
	    {"SELECT 'ab' || char(0) || 'd'", false, true},
	    {"SELECT x'61626364'", true, true},
	    {"SELECT 1234", true, true},
	    {"SELECT NULL", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[8] = "#######", blob[5] = "####";
		sqlite3_stmt *s = NULL;

		assert_int_equal(nx_db_query(db, &s, cases[i].sql, ""), 1);
		assert_int_equal(nx_db_text(s, 0, text, 5), cases[i].text);
		assert_true(text[0] == '\0' || cases[i].text);
		assert_memory_equal(text + 5, "##", 3);
		assert_int_equal(nx_db_blob(s, 0, blob, 4), cases[i].blob);
		assert_true(blob[0] != '#' || !cases[i].blob);
		sqlite3_reset(s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	    T(commits_together),
	    T(fails_alone),
	    T(writes_now_what_waits_first),
	    T(lets_others_go_first),
	    T(comes_in_at_last),
	    T(survives_closing),
	    T(refuses_a_newer_schema),
	    T(refuses_a_damaged_file),
	    T(tells_a_full_disk),
	    T(columns_are_copied),
	};

	return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
