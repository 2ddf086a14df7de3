/*
 * Files with parity: what is written can be read, whatever part of a stripe is
 * lost or damaged, and is made whole again.
 */
#include "storaged_parity_lab.h"

static int
setup(void **state)
{
	int r = lab_setup(state);

	if (r == 0)
		lab_make_volumes(4);
	return r;
}

/* --- writing ----------------------------------------------------------------*/

static void
test_sizes(void **state)
{
	static const size_t sizes[] = {300 << 10, 5 * MIB - 1, 5 * MIB,
	    5 * MIB + 1, 10 * MIB, 10 * MIB + 7, 15 * MIB + 70000, 21 * MIB};
	uint8_t *data = lab_random(21 * MIB);

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(sizes); i++)
		for (int sized = 0; sized < 2; sized++) {
			struct catalog_file file;
			size_t size = sizes[i];

			LAB_OK(lab_code_file("/f", "2+1", sized, data, size));
			lab_file_at("/f", &file);
			assert_int_equal(file.size, size);
			assert_int_equal(
			    file.code, catalog_code((struct erasure){2, 1}));
			assert_int_equal(file.want, 2);
			assert_int_equal(file.replicas, 2);
			assert_true(lab_check_stripes("/f") >=
			    (size - 256 * 1024) / (10 * MIB));
			LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
			LAB_OK(lab_read(
			    7, NULL, "/f", size / 2 + 1, size / 3, data));
			assert_int_equal(lab_usage(7)->used, size);
		}
	assert_int_equal(lab_findings(), 0);
	LAB_OK(lab_fs(7, NX__METHOD__FS_DELETE, "/f"));
	lab_disconnect(NX_ROLE_ADMIN);
	lab_connect(NX_ROLE_ADMIN);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 0);
	free(data);
}

/* What is at most 256 KiB has whole copies: m + 1. */
static void
test_small(void **state)
{
	uint8_t *data = lab_random(10 * MIB + 5);
	struct catalog_chunk chunk;
	struct catalog_file file;

	(void)state;
	LAB_OK(lab_code_file("/s", "2+1", true, data, 256 << 10));
	lab_file_at("/s", &file);
	assert_int_equal(file.code, 0);
	assert_int_equal(file.want, 2);
	assert_true(lab_chunk_at("/s", 0, &chunk));
	assert_int_equal(chunk.n_replicas, 2);
	/* so has the end of a large one */
	LAB_OK(lab_code_file("/l", "2+1", true, data, 10 * MIB + 5));
	assert_true(lab_chunk_at("/l", 2, &chunk));
	assert_int_equal(chunk.sums.size, 5);
	assert_int_equal(chunk.code, 0);
	assert_int_equal(chunk.n_replicas, 2);
	assert_int_equal(lab_check_stripes("/l"), 1);
	LAB_OK(lab_read(7, NULL, "/l", 0, 0, data));
	assert_int_equal(lab_findings(), 0);
	free(data);
}

/* Who has as much memory for parity as they may gets it made of what is
 * durable. */
static void
test_read_back(void **state)
{
	enum { N = 5 };
	uint64_t ids[N];
	size_t size = 12 * MIB + 1234;
	uint8_t *data = lab_random(size);
	int fds[N];

	(void)state;
	for (int i = 0; i < N; i++) {
		char path[16];
		struct lab_upload u = {.path = path, .erasure = "2+1"};

		snprintf(path, sizeof(path), "/f%d", i);
		LAB_OK(lab_open_upload(7, &u, &ids[i], &fds[i]));
		assert_int_equal(lab_feed(fds[i], data, MIB), MIB);
		lab_settle();
	}
	for (int i = 0; i < N; i++) {
		assert_int_equal(
		    lab_feed(fds[i], data + MIB, size - MIB), size - MIB);
		nx_close(&fds[i]);
		LAB_OK(lab_finish(7, ids[i], size));
	}
	for (int i = 0; i < N; i++) {
		struct catalog_chunk chunk;
		char path[16];

		snprintf(path, sizeof(path), "/f%d", i);
		assert_int_equal(lab_check_stripes(path), 2);
		/* the parity is right: it is what the parts are made of */
		assert_true(lab_chunk_at(path, 1, &chunk));
		lab_lose_chunk(&chunk);
		LAB_OK(lab_read(7, NULL, path, 0, 0, data));
	}
	assert_int_equal(lab_findings(), 0);
	free(data);
}

static void
test_refused(void **state)
{
	static const char *const wrong[] = {
	    "1+1", "2+4", "9+1", "2", "+", "2+1x", "a+b"};
	struct lab_upload both = {
	    .path = "/f", .erasure = "2+1", .replicas = 2};
	uint64_t id;
	int fd;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(wrong); i++) {
		assert_int_equal(lab_code_file("/f", wrong[i], true, NULL, 0),
		    NX__STATUS__INVALID);
		assert_non_null(strstr(reply.error, "2+1 or 4+2"));
	}
	assert_int_equal(
	    lab_open_upload(7, &both, &id, &fd), NX__STATUS__INVALID);
	assert_non_null(strstr(reply.error, "either"));
	assert_int_equal(
	    lab_code_file("/f", "4+2", true, NULL, 0), NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "6 active volumes"));
	assert_non_null(strstr(reply.error, "there are 4"));
	assert_int_equal(lab_usage(7)->files, 0);
}

/* --- what is lost -----------------------------------------------------------*/

/* Each part of the first stripe in turn, data and parity. */
static void
test_lost_part(void **state)
{
	static struct catalog_chunk parts[ERASURE_PARTS_MAX];
	size_t size = 13 * MIB + 77;
	uint8_t *data = lab_random(size);
	struct catalog_chunk first;

	(void)state;
	LAB_OK(lab_code_file("/f", "2+1", true, data, size));
	for (unsigned i = 0; i < 3; i++) {
		assert_true(lab_chunk_at("/f", 0, &first));
		assert_int_equal(
		    catalog_stripe(lab.s.catalog, &first, parts), 0);
		lab_lose_chunk(&parts[i]);
		LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
		LAB_OK(lab_read(7, NULL, "/f", 5 * MIB - 3, 100, data));
		/* nobody reads parity: as scrubbing would say */
		healer_report(lab.s.healer, parts[i].key, parts[i].volumes[0]);
		lab_settle();
		LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
		assert_int_equal(lab_check_stripes("/f"), 2);
		assert_true(lab_is_whole("/f"));
	}
	assert_true(lab.s.repaired >= 3);
	/* one more than it can do without */
	assert_true(lab_chunk_at("/f", 0, &first));
	assert_int_equal(catalog_stripe(lab.s.catalog, &first, parts), 0);
	lab_lose_chunk(&parts[0]);
	lab_lose_chunk(&parts[2]);
	assert_int_equal(
	    lab_read(7, NULL, "/f", 0, 0, data), NX__STATUS__CORRUPT);
	LAB_OK(lab_read(7, NULL, "/f", 5 * MIB, 1000, data));
	free(data);
}

/* Bits, in each part at another place: block by block it is good. */
static void
test_rotten(void **state)
{
	static struct catalog_chunk parts[ERASURE_PARTS_MAX];
	size_t size = 10 * MIB;
	uint8_t *data = lab_random(size);
	struct catalog_chunk first;

	(void)state;
	LAB_OK(lab_code_file("/f", "2+1", true, data, size));
	assert_true(lab_chunk_at("/f", 0, &first));
	assert_int_equal(catalog_stripe(lab.s.catalog, &first, parts), 0);
	for (unsigned i = 0; i < 3; i++)
		lab_flip(lab_volume_of(&parts[i]), parts[i].id.text,
		    (off_t)(i * 2 + 1) * CRC_BLOCK + 99);
	for (unsigned i = 0; i < 3; i++) {
		struct volume *v = lab_volume_of(&parts[i]);
		struct chunk_place place = catalog_place(&parts[i], 0);

		chunk_forget(v->store, &place);
	}
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
	lab_settle();
	healer_report(lab.s.healer, parts[2].key, parts[2].volumes[0]);
	lab_settle();
	assert_true(lab.s.repaired >= 3);
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
	assert_true(lab_is_whole("/f"));
	free(data);
}

/* A volume goes, with one part of each stripe at most. */
static void
test_volume_goes(void **state)
{
	size_t size = 33 * MIB + 1;
	uint8_t *data = lab_random(size);

	(void)state;
	LAB_OK(lab_code_file("/f", "2+1", true, data, size));
	for (int i = 0; i < 2; i++) {
		LAB_OK(lab_volume_delete(lab_nodes[i], false));
		assert_int_equal(
		    LAB_BODY(Nx__VolumeDeleteReply)->files_lost, 0);
		LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
		if (i == 0)
			lab_until(lab_is_whole, "/f");
		assert_int_equal(lab_findings(), 0);
	}
	/* two volumes hold two parts of each at most: one more is refused */
	assert_false(lab_is_whole("/f"));
	assert_int_equal(
	    lab_volume_delete(lab_nodes[2], false), NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "1 file"));
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
	/* with a third one it is whole again */
	LAB_OK(lab_volume(lab_nodes[4], 64 * MIB));
	lab_until(lab_is_whole, "/f");
	assert_int_equal(lab_check_stripes("/f"), 4);
	assert_int_equal(lab_findings(), 0);
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
	free(data);
}

/* Any two of six. */
static void
test_four_and_two(void **state)
{
	static struct catalog_chunk parts[ERASURE_PARTS_MAX];
	size_t size = 12 * MIB + 500000;
	uint8_t *data = lab_random(size);
	struct catalog_chunk first;

	(void)state;
	LAB_OK(lab_volume(lab_nodes[4], 64 * MIB));
	LAB_OK(lab_volume(lab_nodes[5], 64 * MIB));
	for (unsigned a = 0; a < 6; a++)
		for (unsigned b = a + 1; b < 6; b++) {
			LAB_OK(lab_code_file("/f", "4+2", true, data, size));
			assert_int_equal(lab_check_stripes("/f"), 2);
			assert_true(lab_chunk_at("/f", 0, &first));
			assert_int_equal(
			    catalog_stripe(lab.s.catalog, &first, parts), 0);
			lab_lose_chunk(&parts[a]);
			lab_lose_chunk(&parts[b]);
			LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
			LAB_OK(lab_fs(7, NX__METHOD__FS_DELETE, "/f"));
			lab_disconnect(NX_ROLE_ADMIN);
			lab_connect(NX_ROLE_ADMIN);
			lab_settle();
		}
	free(data);
}

/* --- what folders want ------------------------------------------------------*/

static const Nx__FsPolicyReply *
policy_of(const char *path)
{
	LAB_OK(lab_fs(7, NX__METHOD__FS_POLICY, path));
	return LAB_BODY(Nx__FsPolicyReply);
}

static unsigned
want_of(const char *path, uint32_t *ret_code)
{
	struct catalog_file file;

	lab_file_at(path, &file);
	*ret_code = file.code;
	return file.want;
}

static void
test_policy(void **state)
{
	uint8_t *data = lab_random(MIB);
	uint32_t code;

	(void)state;
	LAB_OK(lab_mkdir(7, "/a/b/c", true));
	assert_string_equal(policy_of("/a")->policy, "the default");
	assert_string_equal(policy_of("/a")->from, "");
	LAB_OK(lab_set_policy("/a", "2+1", 0));
	LAB_OK(lab_set_policy("/a/b/c", NULL, 3));
	assert_string_equal(policy_of("/a/b")->policy, "2+1");
	assert_string_equal(policy_of("/a/b")->from, "/a");
	assert_string_equal(policy_of("/a/b/c")->policy, "3 replicas");
	LAB_OK(lab_code_file("/a/b/f", NULL, true, data, MIB));
	assert_int_equal(want_of("/a/b/f", &code), 2);
	assert_int_equal(code, catalog_code((struct erasure){2, 1}));
	LAB_OK(lab_code_file("/a/b/c/f", NULL, true, data, MIB));
	assert_int_equal(want_of("/a/b/c/f", &code), 3);
	assert_int_equal(code, 0);
	/* who says what they want is not overruled */
	LAB_OK(lab_code_file("/a/b/c/g", "2+1", true, data, MIB));
	assert_int_equal(want_of("/a/b/c/g", &code), 2);
	assert_int_not_equal(code, 0);
	/* it goes with its folder, and a moved file stays as it is */
	LAB_OK(lab_move(7, "/a/b/c", "/c", false));
	assert_string_equal(policy_of("/c")->policy, "3 replicas");
	LAB_OK(lab_set_policy("/c", NULL, 0));
	assert_string_equal(policy_of("/c")->policy, "the default");
	assert_int_equal(want_of("/c/f", &code), 3);
	/* the root may, too */
	LAB_OK(lab_set_policy("/", NULL, 1));
	assert_string_equal(policy_of("/c")->from, "/");
	LAB_OK(lab_fs(7, NX__METHOD__FS_DELETE, "/a"));
	LAB_OK(lab_mkdir(7, "/a", false));
	assert_string_equal(policy_of("/a")->from, "/");
	assert_int_equal(lab_findings(), 0);
	free(data);
}

static void
test_policy_refused(void **state)
{
	(void)state;
	LAB_OK(lab_mkdir(7, "/a", false));
	LAB_OK(lab_put(7, "/f", "x", 1));
	assert_int_equal(
	    lab_set_policy("/none", "2+1", 0), NX__STATUS__NOT_FOUND);
	assert_int_equal(lab_set_policy("/f", "2+1", 0), NX__STATUS__CONFLICT);
	assert_int_equal(lab_set_policy("/a", "2+9", 0), NX__STATUS__INVALID);
	assert_int_equal(lab_set_policy("/a", "2+1", 2), NX__STATUS__INVALID);
	assert_int_equal(lab_set_policy("/a", NULL, 9), NX__STATUS__INVALID);
	assert_int_equal(lab_set_policy("/a", "4+2", 0), NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "6 active volumes"));
	assert_string_equal(policy_of("/a")->policy, "the default");
	/* as long as there are enough; then it is said where the file comes */
	LAB_OK(lab_set_policy("/a", "3+1", 0));
	LAB_OK(lab_volume_delete(lab_nodes[0], false));
	assert_int_equal(lab_put(7, "/a/f", "x", 1), NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "3+1 needs 4 active volumes"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_sizes),
	    T(test_small),
	    T(test_read_back),
	    T(test_refused),
	    T(test_lost_part),
	    T(test_rotten),
	    T(test_volume_goes),
	    T(test_four_and_two),
	    T(test_policy),
	    T(test_policy_refused),
	};

	LAB_OR_SKIP("files with parity");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
