/*
 * Going on without a disk that has the newest copy of the catalogue: what is
 * stored from then on is what there is, also when that disk is back.
 */
#include "tests/unit/storaged_ledger_lab.h"

static void
put_some(const char *folder, unsigned n)
{
	char path[64];

	LAB_OK(lab_mkdir(7, folder, false));
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%u", folder, i);
		LAB_OK(lab_put(7, path, path, sizeof(path)));
	}
}

static bool
is_there(const char *path)
{
	return lab_fs(7, NX__METHOD__FS_STAT, path) == NX__STATUS__OK;
}

/* One that is known and is not there. */
static void
name_missing_disk(void)
{
	char path[160];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/storage/nexus-disks", lab.dir);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fprintf(
	    f, "%s /nowhere/that/is\n", "0123456789abcdef0123456789abcdef");
	assert_int_equal(fclose(f), 0);
}

/* base-1 has what was before, base-2 what came after that, and is away. */
static void
lose_the_newest(void)
{
	put_some("/before", 1);
	lab_stop();
	rename_image("base-1", ".img", ".away");
	lab_start();
	await_copies(1);
	put_some("/lost", 60);
	lab_stop();
	rename_image("base-1", ".away", ".img");
	rename_image("base-2", ".img", ".away");
	lose_database();
}

static void
test_newest_comes_back(void **state)
{
	(void)state;
	await_copies(1);
	second_volume();
	lose_the_newest();
	name_missing_disk();
	assert_int_equal(rebuild(false), -ENODEV);
	assert_int_equal(rebuild(true), 0);
	lab_start();
	assert_true(is_there("/before/0"));
	assert_false(is_there("/lost"));
	await_copies(1);
	put_some("/after", 1);
	lab_stop();
	rename_image("base-2", ".away", ".img");
	/* What is there is used as it is. */
	lab_start();
	assert_true(is_there("/after/0"));
	lab_stop();
	lose_database();
	if (rebuild(false) != 0)
		fail_msg("%s", last_rescue.text);
	lab_start();
	assert_true(is_there("/before/0"));
	assert_true(is_there("/after/0"));
	assert_false(is_there("/lost"));
	await_copies(2);
}

#define L(f) cmocka_unit_test_setup_teardown(f, ledger_lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    L(test_newest_comes_back),
	};

	LAB_OR_SKIP("storaged_parted");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
