/* What a user may store: to the byte, together, and by no trick of arithmetic. */
#include "storaged_lab.h"

#define MIB (1024 * 1024)

static void
test_quota(void **state)
{
	Nx__SetQuotaRequest q = NX__SET_QUOTA_REQUEST__INIT;
	struct lab_upload u = {
	    .name = "a", .has_size = true, .declared = 3 * MIB};
	struct lab_upload v = {.name = "b"};
	uint8_t *data = lab_random(4 * MIB);
	uint64_t id = 0, id2 = 0;
	int fd = -1, fd2 = -1;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	q.user_id = 7;
	q.quota = 4 * MIB;
	LAB_OK(lab_call(0, NX__METHOD__STORAGE_SET_QUOTA, &q));
	LAB_OK(lab_open_upload(7, &u, &id, &fd));
	assert_int_equal(lab_usage(7)->reserved, 3 * MIB);
	/* reserved counts */
	assert_int_equal(lab_open_upload(7, &u, &id2, &fd2), NX__STATUS__QUOTA);
	/* undeclared: may take what is left, not a byte more */
	LAB_OK(lab_open_upload(7, &v, &id2, &fd2));
	lab_feed(fd2, data, MIB + 1);
	nx_close(&fd2);
	assert_int_equal(lab_finish(7, id2, MIB + 1), NX__STATUS__QUOTA);
	LAB_OK(lab_open_upload(7, &v, &id2, &fd2));
	lab_feed(fd2, data, MIB);
	nx_close(&fd2);
	LAB_OK(lab_finish(7, id2, MIB));
	lab_feed(fd, data, 3 * MIB);
	nx_close(&fd);
	LAB_OK(lab_finish(7, id, 3 * MIB));
	assert_int_equal(lab_usage(7)->used, 4 * MIB);
	assert_int_equal(lab_usage(7)->reserved, 0);
	assert_int_equal(lab_upload(7, &v, data, 1, NULL), NX__STATUS__QUOTA);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 2);
	free(data);
}

/* Many uploads at once of unknown size: together never beyond the quota. */
static void
test_quota_together(void **state)
{
	enum { N = 64 };
	Nx__SetQuotaRequest q = NX__SET_QUOTA_REQUEST__INIT;
	struct lab_upload u = {.name = "a"};
	uint8_t *data = lab_random(MIB);
	uint64_t id[N], stored = 0;
	int fd[N];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 128 * MIB));
	q.user_id = 7;
	q.quota = 20 * MIB + 17;
	LAB_OK(lab_call(0, NX__METHOD__STORAGE_SET_QUOTA, &q));
	for (int i = 0; i < N; i++)
		LAB_OK(lab_open_upload(7, &u, &id[i], &fd[i]));
	for (int at = 0; at < 16; at++)
		for (int i = 0; i < N; i++)
			lab_feed(fd[i], data, MIB / 16);
	for (int i = 0; i < N; i++)
		nx_close(&fd[i]);
	for (int i = 0; i < N; i++) {
		Nx__Status status = lab_finish(7, id[i], MIB);

		assert_true(
		    status == NX__STATUS__OK || status == NX__STATUS__QUOTA);
		if (status == NX__STATUS__OK)
			stored += MIB;
		assert_true(lab_usage(7)->used <= q.quota);
	}
	lab_settle();
	assert_int_equal(lab_usage(7)->used, stored);
	assert_int_equal(lab_usage(7)->reserved, 0);
	assert_int_equal(lab_chunk_files(), stored / MIB);
	free(data);
}

/* A size that becomes small when something is added to it, from whoever speaks for
 * the gateway: nobody's history is given up for it. */
static void
test_size_beyond_all(void **state)
{
	Nx__OpenUploadRequest q = NX__OPEN_UPLOAD_REQUEST__INIT;
	Nx__About about = NX__ABOUT__INIT;
	uint64_t sizes[] = {UINT64_MAX, UINT64_MAX - 4, INT64_MAX};

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	about.content_type = (char *)(uintptr_t) "text/plain";
	q.name = (char *)(uintptr_t) "a";
	q.about = &about;
	q.has_size = true;
	for (size_t i = 0; i < NX_ARRAY_SIZE(sizes); i++) {
		q.size = sizes[i];
		assert_int_equal(lab_call(7, NX__METHOD__FILE_OPEN_UPLOAD, &q),
		    NX__STATUS__QUOTA);
	}
	assert_int_equal(lab_usage(7)->reserved, 0);
}

static void
test_replace_within_quota(void **state)
{
	Nx__SetQuotaRequest q = NX__SET_QUOTA_REQUEST__INIT;
	struct lab_upload u = {
	    .path = "/f", .has_size = true, .declared = 3 * MIB};
	uint8_t *data = lab_random(3 * MIB);

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	q.user_id = 7;
	q.quota = 4 * MIB;
	LAB_OK(lab_call(0, NX__METHOD__STORAGE_SET_QUOTA, &q));
	for (int i = 0; i < 3; i++) {
		LAB_OK(lab_upload(7, &u, data, 3 * MIB, NULL));
		assert_int_equal(lab_usage(7)->used, 3 * MIB);
	}
	u.create_only = true;
	assert_int_equal(
	    lab_upload(7, &u, data, 3 * MIB, NULL), NX__STATUS__EXISTS);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 1);
	free(data);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_quota),
	    T(test_quota_together),
	    T(test_size_beyond_all),
	    T(test_replace_within_quota),
	};

	LAB_OR_SKIP("quotas");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
