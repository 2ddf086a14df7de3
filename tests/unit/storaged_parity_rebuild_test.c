/*
 * A lost catalogue that is made anew knows files with parity as they were: which
 * parts they have, how much they want, and what folders want for what comes.
 */
#include "tests/unit/storaged_ledger_lab.h"
#include "storaged_parity_lab.h"

static int
setup(void **state)
{
	int r = ledger_lab_setup(state);

	if (r == 0)
		lab_make_volumes(4);
	return r;
}

static void
lose_and_rebuild(void)
{
	lab_stop();
	lose_database();
	if (rebuild(false) != 0)
		fail_msg("%s", last_rescue.text);
	assert_int_equal(last_rescue.found, 0);
	lab_start();
}

static void
assert_coded(const char *path)
{
	struct catalog_file file;

	lab_file_at(path, &file);
	assert_int_equal(file.code, catalog_code((struct erasure){2, 1}));
	assert_int_equal(file.want, 2);
	assert_int_equal(file.replicas, 2);
	assert_int_equal(lab_check_stripes(path), 2);
}

static void
assert_policy(const char *path, const char *policy, const char *from)
{
	const Nx__FsPolicyReply *now;

	LAB_OK(lab_fs(7, NX__METHOD__FS_POLICY, path));
	now = LAB_BODY(Nx__FsPolicyReply);
	assert_string_equal(now->policy, policy);
	assert_string_equal(now->from, from);
}

static void
test_files(void **state)
{
	static struct catalog_chunk parts[ERASURE_PARTS_MAX];
	size_t size = 13 * MIB + 77;
	uint8_t *data = lab_random(size);
	struct catalog_chunk first;

	(void)state;
	await_copies(1);
	LAB_OK(lab_code_file("/f", "2+1", true, data, size));
	LAB_OK(lab_code_file("/g", "2+1", false, data, size));
	lose_and_rebuild();
	assert_coded("/f");
	assert_coded("/g");
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
	/* what makes a part of others knows of them all */
	assert_true(lab_chunk_at("/g", 0, &first));
	assert_int_equal(catalog_stripe(lab.s.catalog, &first, parts), 0);
	lab_lose_chunk(&parts[1]);
	LAB_OK(lab_read(7, NULL, "/g", 0, 0, data));
	lab_settle();
	assert_coded("/g");
	await_copies(1);
	lose_and_rebuild();
	assert_coded("/g");
	LAB_OK(lab_read(7, NULL, "/g", 0, 0, data));
	assert_int_equal(lab_findings(), 0);
	free(data);
}

static void
test_policies(void **state)
{
	uint8_t *data = lab_random(11 * MIB);

	(void)state;
	await_copies(1);
	LAB_OK(lab_mkdir(7, "/a/b", true));
	LAB_OK(lab_mkdir(7, "/gone", false));
	LAB_OK(lab_set_policy("/a", "2+1", 0));
	LAB_OK(lab_set_policy("/a/b", NULL, 3));
	LAB_OK(lab_set_policy("/gone", "2+1", 0));
	LAB_OK(lab_fs(7, NX__METHOD__FS_DELETE, "/gone"));
	lose_and_rebuild();
	assert_policy("/a", "2+1", "/a");
	assert_policy("/a/b", "3 replicas", "/a/b");
	assert_policy("/", "the default", "");
	LAB_OK(lab_code_file("/a/f", NULL, true, data, 11 * MIB));
	assert_coded("/a/f");
	assert_int_equal(lab_findings(), 0);
	free(data);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_files),
	    T(test_policies),
	};

	LAB_OR_SKIP("files with parity and a lost catalogue");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
