/*
 * What scrubbing finds: what is bad is found without anybody reading it, healed
 * where that can be and named where not; what is no damage is not taken for it.
 */
#include "storaged_scrub_lab.h"

/* --- what it finds ----------------------------------------------------------*/

static void
test_flipped_in_one_of_two(void **state)
{
	size_t size = 3 * MIB + 77;
	uint8_t *data = lab_random(size);
	struct catalog_scrub cycle;
	struct catalog_chunk c;
	char id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	scrub_at(1ULL << 30);
	upload("a", 2, data, size, id);
	lab_first_chunk(id, &c);
	lab_flip(holder(&c, 1), c.id.text, (off_t)size - 3);
	cycle = scrub();
	assert_int_equal(cycle.chunks, 2);
	assert_int_equal(cycle.bad, 1);
	assert_int_equal(cycle.missing, 0);
	assert_int_equal(lab_status()->repaired, 1);
	assert_string_equal(condition(id), "good");
	/* it is well again: the other one may go */
	cycle = scrub();
	assert_int_equal(cycle.bad, 0);
	assert_int_equal(cycle.bytes, 2 * size);
	assert_int_equal(chunk_remove(holder(&c, 0)->store, &c.id), 0);
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	free(data);
}

static void
test_flipped_in_the_only_one(void **state)
{
	uint8_t *data = lab_random(MIB);
	struct catalog_chunk c;
	char id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	scrub_at(1ULL << 30);
	upload("a", 1, data, MIB, id);
	lab_first_chunk(id, &c);
	lab_flip(holder(&c, 0), c.id.text, 5 * CRC_BLOCK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(scrub().bad, 1);
		assert_string_equal(condition(id), "damaged");
		assert_int_equal(status().sums.damaged_files, 1);
	}
	lab_stop();
	lab_start();
	assert_string_equal(condition(id), "damaged");
	/* it comes back as it was */
	lab_flip(holder(&c, 0), c.id.text, 5 * CRC_BLOCK);
	assert_int_equal(scrub().bad, 0);
	assert_string_equal(condition(id), "good");
	free(data);
}

static void
test_missing(void **state)
{
	uint8_t *data = lab_random(MIB);
	struct catalog_chunk c;
	char two[33], one[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	scrub_at(1ULL << 30);
	upload("two", 2, data, MIB, two);
	upload("one", 1, data, MIB, one);
	lab_first_chunk(two, &c);
	assert_int_equal(chunk_remove(holder(&c, 0)->store, &c.id), 0);
	lab_first_chunk(one, &c);
	assert_int_equal(chunk_remove(holder(&c, 0)->store, &c.id), 0);
	assert_int_equal(scrub().missing, 2);
	assert_int_equal(lab_status()->repaired, 1);
	assert_int_equal(lab_chunk_files(), 2);
	assert_string_equal(condition(two), "good");
	assert_string_equal(condition(one), "missing");
	free(data);
}

/* Rotten on the disk, while the page cache still has it good. */
static void
test_the_disk_not_the_cache(void **state)
{
	uint8_t *data = lab_random(MIB);
	struct catalog_chunk c;
	char id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	scrub_at(1ULL << 30);
	upload("a", 2, data, MIB, id);
	for (int i = 0; i < 4; i++)
		LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	lab_first_chunk(id, &c);
	lab_rot(holder(&c, 0)->node, data + 3 * CRC_BLOCK, 64);
	assert_int_equal(scrub().bad, 1);
	assert_int_equal(lab_status()->repaired, 1);
	assert_int_equal(scrub().bad, 0);
	free(data);
}

/* --- what is no damage ------------------------------------------------------*/

static struct {
	int error;
	unsigned times;
} lack;
static const struct chunk_store_ops *good_ops;

static int
lacking_open(struct chunk_store *store, const struct chunk_place *place,
    bool cold, struct chunk_reader **ret_reader)
{
	if (lack.times == 0 || !cold)
		return good_ops->open(store, place, cold, ret_reader);
	lack.times--;
	return lack.error;
}

/* What storaged lacks for a moment is no chunk's fault; what the disk does not
 * give is, and is written anew. */
static void
test_whose_fault(void **state)
{
	uint8_t *data = lab_random(MIB);
	struct chunk_store_ops ops;
	struct catalog_chunk c;
	struct volume *v;
	char id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	scrub_at(1ULL << 30);
	upload("a", 2, data, MIB, id);
	lab_first_chunk(id, &c);
	v = holder(&c, 0);
	good_ops = v->store->ops;
	ops = *good_ops;
	ops.open = lacking_open;
	v->store->ops = &ops;
	lack.error = -EMFILE;
	lack.times = 1;
	assert_int_equal(scrub().bad, 0);
	assert_int_equal(lack.times, 0);
	assert_int_equal(status().cycle.bytes, 2 * MIB);
	lack.error = -EIO;
	lack.times = 2; /* the healer comes upon it too */
	assert_int_equal(scrub().bad, 1);
	assert_int_equal(lab_status()->repaired, 1);
	v->store->ops = good_ops;
	assert_string_equal(condition(id), "good");
	free(data);
}

static void
test_deleted_meanwhile(void **state)
{
	Nx__FileRequest q = NX__FILE_REQUEST__INIT;
	uint8_t *data = lab_random(3 * MIB);
	char id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	upload("a", 1, data, 3 * MIB, id);
	scrub_at(1024);
	assert_int_equal(scrub_begin(lab.s.scrub), 1);
	while (status().cycle.bytes == 0)
		event_base_loop(lab.base, EVLOOP_ONCE);
	q.id = id;
	LAB_OK(lab_call(7, NX__METHOD__FILE_DELETE, &q));
	lab_settle();
	assert_int_equal(lab_chunk_files(), 0);
	lab.s.conf.scrub_rate = 1ULL << 30;
	scrub_wake(lab.s.scrub);
	run_until_over(1);
	assert_int_equal(status().cycle.missing, 0);
	assert_int_equal(status().cycle.bad, 0);
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_flipped_in_one_of_two),
	    T(test_flipped_in_the_only_one),
	    T(test_missing),
	    T(test_the_disk_not_the_cache),
	    T(test_whose_fault),
	    T(test_deleted_meanwhile),
	};

	LAB_OR_SKIP("what scrubbing finds");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
