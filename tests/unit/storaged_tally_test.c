/*
 * Files that have too few replicas are counted without any turn of the loop that
 * counts all: few of them at once, many in steps.
 */
#include "storaged_lab.h"
#include "storaged/care/healer_internal.h"
#include "storaged/catalog/catalog_internal.h"

static void
sql(const char *text)
{
	assert_int_equal(sqlite3_exec(nx_db_handle(lab.s.catalog->db), text,
			     NULL, NULL, NULL),
	    SQLITE_OK);
}

/* Files without a replica, some in between that have what they want. */
static void
plant(unsigned n)
{
	char text[400];

	(void)snprintf(text, sizeof(text),
	    "INSERT INTO files(id, owner, name, tree, size, chunks, want,"
	    " replicas, md5, created_at) WITH RECURSIVE n(i) AS (SELECT 1"
	    " UNION ALL SELECT i + 1 FROM n WHERE i < %u) SELECT hex("
	    "randomblob(16)), 7, 'f', 0, 0, 0, iif(i %% 3 = 0, 0, 1), 0, '', 1"
	    " FROM n",
	    n);
	sql(text);
}

static bool
is_counted(void)
{
	return !lab.s.healer->tally.counting;
}

static void
count_anew(void)
{
	tally_tick(lab.s.healer);
	for (int i = 0; i < 2000 && !is_counted(); i++) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(5000);
	}
	assert_true(is_counted());
}

static void
test_few(void **state)
{
	(void)state;
	assert_int_equal(lab_status()->degraded_files, 0);
	plant(3000);
	assert_int_equal(lab_status()->degraded_files, 2000);
	sql("UPDATE files SET replicas = 1 WHERE file % 2 = 0");
	assert_int_equal(lab_status()->degraded_files, 1000);
}

static void
test_many(void **state)
{
	(void)state;
	plant(30000);
	/* As much as is counted at once, until it has been counted. */
	assert_int_equal(lab_status()->degraded_files, TALLY_SLICE);
	tally_tick(lab.s.healer);
	assert_false(is_counted());
	count_anew();
	assert_int_equal(lab_status()->degraded_files, 20000);
	/* The last known figure, until the next count. */
	plant(3000);
	assert_int_equal(lab_status()->degraded_files, 20000);
	count_anew();
	assert_int_equal(lab_status()->degraded_files, 22000);
	/* Few again: exact at once. */
	sql("UPDATE files SET replicas = want WHERE file > 30");
	assert_int_equal(lab_status()->degraded_files, 20);
	sql("UPDATE files SET replicas = want");
	assert_int_equal(lab_status()->degraded_files, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_few),
	    T(test_many),
	};

	LAB_OR_SKIP("counting degraded files");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
