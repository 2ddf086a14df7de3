/*
 * Short reads that come in the reply itself: the same bytes, checked the same
 * way, from whichever replica has them.
 */
#include "storaged_lab.h"

#define MIB     (1024 * 1024)
#define LONGEST (48 * 1024)

static int
setup(void **state)
{
	int r = lab_setup(state);

	if (r != 0)
		return r;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	return 0;
}

static Nx__Status
read_short(const char *path, uint64_t offset, uint64_t length)
{
	Nx__OpenReadRequest q = NX__OPEN_READ_REQUEST__INIT;

	q.path = (char *)(uintptr_t)path;
	q.offset = offset;
	q.length = length;
	q.max_segments = 4;
	q.in_reply = LONGEST;
	return lab_call(1, NX__METHOD__FILE_OPEN_READ, &q);
}

/* In the reply, and nothing else is. */
static void
check_short(const uint8_t *data, uint64_t offset, size_t length)
{
	const Nx__OpenReadReply *a = LAB_BODY(Nx__OpenReadReply);

	assert_true(a->whole);
	assert_int_equal(a->n_segments + reply.n_fds, 0);
	assert_int_equal(a->next + a->session, 0);
	assert_int_equal(a->content.len, length);
	if (length > 0)
		assert_memory_equal(a->content.data, data + offset, length);
}

static void
test_short(void **state)
{
	static const struct {
		uint64_t offset, length;
		bool whole;
	} cases[] = {
	    {0, 1, true},
	    {0, LONGEST, true},
	    {1, LONGEST, true},
	    {0, LONGEST + 1, false},
	    {CRC_BLOCK - 5, 10, true},
	    {CRC_BLOCK - 5, LONGEST, true},
	    {CHUNK_SIZE - 100, 200, true}, /* of two chunks */
	    {CHUNK_SIZE + MIB - 7, 0, true},
	    {CHUNK_SIZE, 0, false},
	};
	size_t size = CHUNK_SIZE + MIB;
	uint8_t *data = lab_random(size);

	(void)state;
	LAB_OK(lab_put(1, "/f", data, size));
	for (size_t i = 0; i < NX_ARRAY_SIZE(cases); i++) {
		uint64_t length = cases[i].length;

		if (length == 0)
			length = size - cases[i].offset;
		LAB_OK(read_short("/f", cases[i].offset, cases[i].length));
		if (cases[i].whole)
			check_short(data, cases[i].offset, length);
		else
			assert_false(LAB_BODY(Nx__OpenReadReply)->whole);
	}
	for (size_t n = 0; n <= LONGEST; n += LONGEST / 4) {
		LAB_OK(lab_put(1, "/s", data, n));
		LAB_OK(read_short("/s", 0, 0));
		check_short(data, 0, n);
	}
	free(data);
}

static void
test_refused(void **state)
{
	Nx__OpenReadRequest q = NX__OPEN_READ_REQUEST__INIT;
	uint8_t data[100] = {1};

	(void)state;
	LAB_OK(lab_put(1, "/f", data, sizeof(data)));
	assert_int_equal(read_short("/g", 0, 0), NX__STATUS__NOT_FOUND);
	assert_int_equal(read_short("/", 0, 0), NX__STATUS__CONFLICT);
	assert_int_equal(read_short("/f", 50, 51), NX__STATUS__INVALID);
	q.path = (char *)(uintptr_t) "/f";
	q.max_segments = 1;
	q.in_reply = LONGEST + 1;
	assert_int_equal(
	    lab_call(1, NX__METHOD__FILE_OPEN_READ, &q), NX__STATUS__INVALID);
	/* another user's */
	q.in_reply = 100;
	assert_int_equal(
	    lab_call(2, NX__METHOD__FILE_OPEN_READ, &q), NX__STATUS__NOT_FOUND);
}

/* --- damage -----------------------------------------------------------------*/

/* A byte of the first chunk of @path, on node @node. */
static void
spoil(const char *path, const char *node, uint64_t at)
{
	struct volume *v = volume_find(lab.s.volumes, node);
	struct catalog_entry entry;
	struct catalog_chunk chunk;
	struct path p;

	assert_null(path_parse(path, strlen(path), &p));
	assert_int_equal(catalog_stat(lab.s.catalog, 1, &p, &entry), 0);
	lab_first_chunk(entry.id, &chunk);
	lab_flip(v, chunk.id.text, (off_t)at);
}

static void
test_damaged(void **state)
{
	uint8_t *data = lab_random(MIB);

	(void)state;
	LAB_OK(lab_put(1, "/f", data, MIB));
	spoil("/f", LAB_NODE("1"), 10);
	spoil("/f", LAB_NODE("2"), CRC_BLOCK + 10);
	/* each block from where it is good, and never the bad one */
	for (int i = 0; i < 4; i++) {
		LAB_OK(read_short("/f", CRC_BLOCK - 1000, 2000));
		check_short(data, CRC_BLOCK - 1000, 2000);
	}
	lab_settle();
	assert_int_equal(lab_status()->repaired, 2);
	spoil("/f", LAB_NODE("1"), 0);
	spoil("/f", LAB_NODE("2"), 1);
	assert_int_equal(read_short("/f", 0, 100), NX__STATUS__CORRUPT);
	LAB_OK(read_short("/f", CRC_BLOCK, 100));
	free(data);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_short),
	    T(test_refused),
	    T(test_damaged),
	};

	LAB_OR_SKIP("short reads");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
