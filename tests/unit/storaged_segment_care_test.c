/*
 * Small chunks that rot: whatever bit it is, of the data, of what describes them
 * or of the segment's header, it is never served, found, and healed where a copy
 * exists; what is good nowhere is named.
 */
#include "storaged_scrub_lab.h"

#define SIZE 5000

static const char node1[] = LAB_NODE("1"), node2[] = LAB_NODE("2");

static void
two_volumes(void)
{
	LAB_OK(lab_volume(node1, 64 * MIB));
	LAB_OK(lab_volume(node2, 64 * MIB));
	scrub_at(1ULL << 30);
}

/* A bit @at bytes behind the beginning of the record of the @i-th replica, or,
 * with @header, of its segment. */
static void
rot(const struct catalog_chunk *c, size_t i, bool header, off_t at)
{
	char name[64];

	assert_true(c->at[i] != 0);
	snprintf(
	    name, sizeof(name), ".segments/%08x", segment_number(c->at[i]));
	lab_flip(holder(c, i), name,
	    header ? at : (off_t)segment_offset(c->at[i]) + at);
}

static void
is_healed(const char *id, const struct catalog_chunk *before, size_t i)
{
	struct catalog_chunk c;
	size_t k;

	lab_first_chunk(id, &c);
	assert_int_equal(c.n_replicas, before->n_replicas);
	k = catalog_replica_on(&c, before->volumes[i]);
	assert_true(k < CATALOG_REPLICAS);
	assert_true(c.at[k] != before->at[i]); /* it is elsewhere now */
	assert_int_equal(scrub().bad, 0);
	assert_string_equal(condition(id), "good");
}

/* Read by somebody: the other replica is served, and this one is healed. */
static void
test_read(void **state)
{
	uint8_t *data = lab_random(SIZE);
	struct catalog_chunk c;
	char id[33];

	(void)state;
	two_volumes();
	upload("a", 2, data, SIZE, id);
	lab_first_chunk(id, &c);
	rot(&c, 0, false, SEGMENT_RECORD + 1234);
	for (int i = 0; i < 4; i++)
		LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	lab_settle();
	assert_int_equal(lab_status()->repaired, 1);
	is_healed(id, &c, 0);
	free(data);
}

/* Read by nobody: a cycle finds each kind. */
static void
test_scrub(void **state)
{
	static const struct {
		bool header;
		off_t at;
	} bits[] = {{false, SEGMENT_RECORD + 4999}, {false, 0}, {false, 9},
	    {false, SEGMENT_RECORD - 1}, {true, 3}, {true, 30},
	    {true, SEGMENT_PAGE - 1}};
	uint8_t *data = lab_random(SIZE);

	(void)state;
	two_volumes();
	for (size_t i = 0; i < NX_ARRAY_SIZE(bits); i++) {
		uint64_t repaired = lab_status()->repaired;
		struct catalog_chunk c;
		char id[33];

		upload("a", 2, data, SIZE, id);
		lab_first_chunk(id, &c);
		rot(&c, 1, bits[i].header, bits[i].at);
		assert_true(scrub().bad >= 1);
		lab_settle();
		assert_true(lab_status()->repaired > repaired);
		is_healed(id, &c, 1);
		LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	}
	free(data);
}

/* The only replica: what describes it can be made anew, its data cannot. */
static void
test_only_one(void **state)
{
	uint8_t *data = lab_random(SIZE);
	struct catalog_chunk c;
	char id[33];

	(void)state;
	two_volumes();
	upload("a", 1, data, SIZE, id);
	lab_first_chunk(id, &c);
	rot(&c, 0, false, 5);
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	assert_int_equal(scrub().bad, 1);
	lab_settle();
	is_healed(id, &c, 0);
	lab_first_chunk(id, &c);
	rot(&c, 0, false, SEGMENT_RECORD + 77);
	assert_int_equal(scrub().bad, 1);
	assert_string_equal(condition(id), "damaged");
	assert_int_equal(
	    lab_read(7, id, NULL, 0, 0, NULL), NX__STATUS__CORRUPT);
	free(data);
}

/* A segment that is not there any more. */
static void
test_lost_segment(void **state)
{
	uint8_t *data = lab_random(SIZE);
	struct catalog_chunk c;
	char id[33], path[512];

	(void)state;
	two_volumes();
	upload("a", 2, data, SIZE, id);
	lab_first_chunk(id, &c);
	snprintf(path, sizeof(path), "%s/storage/mnt/%s/chunks/.segments/%08x",
	    lab.dir, holder(&c, 0)->node, segment_number(c.at[0]));
	assert_int_equal(unlink(path), 0);
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	lab_stop();
	lab_start();
	scrub_at(1ULL << 30);
	(void)scrub();
	lab_settle();
	assert_int_equal(scrub().bad, 0);
	assert_string_equal(condition(id), "good");
	for (int i = 0; i < 4; i++)
		LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	free(data);
}

/* Volumes are emptied of small chunks as of large ones. */
static void
test_drain(void **state)
{
	uint8_t *data = lab_random(SIZE);
	char ids[20][33];

	(void)state;
	LAB_OK(lab_volume(node1, 64 * MIB));
	for (int i = 0; i < 20; i++)
		upload("a", 1, data, (size_t)(SIZE - i), ids[i]);
	LAB_OK(lab_volume(node2, 64 * MIB));
	LAB_OK(lab_volume_delete(node1, false));
	for (int i = 0; i < 20; i++)
		LAB_OK(lab_read(7, ids[i], NULL, 0, 0, data));
	assert_int_equal(lab_chunk_files(), 20);
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_read),
	    T(test_scrub),
	    T(test_only_one),
	    T(test_lost_segment),
	    T(test_drain),
	};

	LAB_OR_SKIP("storaged_segment_care");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
