/* What writes put off to the end of their transaction is paid there, once, and
 * owed by nobody who is undone. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static struct {
	int64_t sum, bad; /* what cannot be paid */
	unsigned paid, forgotten;
} debt;

static int
pay(struct nx_db *d, void *arg)
{
	int64_t sum = debt.sum;

	(void)arg;
	debt.sum = 0;
	if (sum == 0)
		return 0;
	if (debt.bad && (sum & debt.bad))
		return -EBADMSG;
	debt.paid++;
	return nx_db_exec(d,
	    "INSERT INTO t(k, v, w) VALUES(0, 'sum', ?1)"
	    " ON CONFLICT(k) DO UPDATE SET w = w + ?1",
	    "i", sum);
}

static void
forget(void *arg)
{
	(void)arg;
	debt.sum = 0;
	debt.forgotten++;
}

static int
put_owing(struct nx_db *d, void *arg)
{
	debt.sum += ((struct put *)arg)->key;
	return put(d, arg);
}

static int64_t
sum(void)
{
	sqlite3_stmt *s;
	int64_t n = 0;

	if (nx_db_query(db, &s, "SELECT w FROM t WHERE k = 0", "") > 0) {
		n = sqlite3_column_int64(s, 0);
		sqlite3_reset(s);
	}
	return n;
}

static int
put_sum(struct nx_db *d, void *arg)
{
	((struct put *)arg)->fail = (int)sum();
	return nx_db_exec(d, "INSERT INTO t(k, v) VALUES(?, 'y')", "i",
	    ((struct put *)arg)->key);
}

/* Keys 1, 2, 4 and 8, so that a sum says whose it is. */
static void
put_four(struct put puts[4], unsigned *order)
{
	static const struct nx_db_owed owed = {pay, forget};

	memset(&debt, 0, sizeof(debt));
	nx_db_owe(db, &owed, NULL);
	for (unsigned i = 0; i < 4; i++)
		puts[i] = (struct put){.key = 1 << i, .order = order};
}

static void
pays_once(void **state)
{
	struct put puts[4];
	unsigned order = 0;

	(void)state;
	put_four(puts, &order);
	for (unsigned i = 0; i < 4; i++)
		nx_db_write_owing(db, put_owing, was_put, &puts[i]);
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(order, 4);
	assert_int_equal(debt.paid, 1);
	assert_int_equal(sum(), 15);
}

static void
pays_before_others(void **state)
{
	struct put puts[4];
	unsigned order = 0;

	(void)state;
	put_four(puts, &order);
	nx_db_write_owing(db, put_owing, was_put, &puts[0]);
	nx_db_write_owing(db, put_owing, was_put, &puts[1]);
	nx_db_write(db, put_sum, was_put, &puts[2]);
	nx_db_write_owing(db, put_owing, was_put, &puts[3]);
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(puts[2].fail, 3);
	assert_int_equal(debt.paid, 2);
	assert_int_equal(sum(), 11);
}

static void
undone_owes_nothing(void **state)
{
	struct put puts[4];
	unsigned order = 0;

	(void)state;
	put_four(puts, &order);
	puts[1].fail = 3;
	for (unsigned i = 0; i < 4; i++)
		nx_db_write_owing(db, put_owing, was_put, &puts[i]);
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(puts[1].result, 3);
	assert_int_equal(sum(), 13);
	assert_int_equal(count(), 4);
	/* Alone, so there is nobody else to undo. */
	puts[1].key = 16;
	nx_db_write_owing(db, put_owing, was_put, &puts[1]);
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(puts[1].result, 3);
	assert_int_equal(sum(), 13);
}

static void
cannot_pay_alone(void **state)
{
	struct put puts[4];
	unsigned order = 0;

	(void)state;
	put_four(puts, &order);
	debt.bad = 4;
	for (unsigned i = 0; i < 4; i++)
		nx_db_write_owing(db, put_owing, was_put, &puts[i]);
	event_base_loop(base, EVLOOP_ONCE);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(puts[i].result, i == 2 ? -EBADMSG : 0);
	assert_int_equal(sum(), 11);
	assert_int_equal(count(), 4);
}

/* After a write that was undone there are savepoints, and each pays itself. */
static void
cannot_pay_beside_undone(void **state)
{
	struct put puts[4];
	unsigned order = 0;

	(void)state;
	put_four(puts, &order);
	debt.bad = 4;
	puts[0].fail = 3;
	for (unsigned i = 0; i < 4; i++)
		nx_db_write_owing(db, put_owing, was_put, &puts[i]);
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(puts[0].result, 3);
	assert_int_equal(puts[1].result, 0);
	assert_int_equal(puts[2].result, -EBADMSG);
	assert_int_equal(puts[3].result, 0);
	assert_int_equal(sum(), 10);
	assert_int_equal(count(), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	    T(pays_once),
	    T(pays_before_others),
	    T(undone_owes_nothing),
	    T(cannot_pay_alone),
	    T(cannot_pay_beside_undone),
	};

	return cmocka_run_group_tests_name("owed", tests, NULL, NULL);
}
