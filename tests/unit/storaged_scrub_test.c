/*
 * Scrubbing: what is bad is found without anybody reading it, healed where that
 * can be and named where not; where it is survives a restart; it keeps to its
 * pace and passes over what is not well.
 */
#include "storaged_lab.h"
#include "storaged/care/scrub_pace.h"

#define MIB (1024 * 1024)

static struct scrub_status
status(void)
{
	struct scrub_status st;

	assert_int_equal(scrub_status(lab.s.scrub, &st), 0);
	return st;
}

/* From now on: @rate bytes a second, and no cycle that nobody asked for. */
static void
scrub_at(uint64_t rate)
{
	lab.s.conf.scrub_rate = rate;
	lab.s.conf.scrub_cpu = 100;
	lab.s.conf.scrub_interval = 86400;
	scrub_start(lab.s.scrub);
}

static void
run_until_over(uint64_t cycle)
{
	struct scrub_status st = status();

	for (int i = 0; i < 60000; i++, st = status()) {
		if (st.cycle.cycle >= cycle && st.cycle.ended_at != 0)
			return;
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(500);
	}
	fail_msg("cycle %d is not over", (int)cycle);
}

/* A whole cycle, as the admin asks for it; what came of it. */
static struct catalog_scrub
scrub(void)
{
	LAB_OK(lab_call(
	    0, NX__METHOD__STORAGE_SCRUB, &(Nx__Empty)NX__EMPTY__INIT));
	run_until_over(LAB_BODY(Nx__ScrubReply)->cycle);
	return status().cycle;
}

static const char *
condition(const char *id)
{
	Nx__FileRequest q = NX__FILE_REQUEST__INIT;

	q.id = (char *)(uintptr_t)id;
	LAB_OK(lab_call(7, NX__METHOD__FILE_STAT, &q));
	return LAB_BODY(Nx__FileInfo)->condition;
}

static void
upload(const char *name, uint32_t replicas, const uint8_t *data, size_t size,
    char ret_id[33])
{
	struct lab_upload u = {.name = name, .replicas = replicas};

	LAB_OK(lab_upload(7, &u, data, size, ret_id));
}

static struct volume *
holder(const struct catalog_chunk *chunk, size_t i)
{
	return volume_by_key(lab.s.volumes, chunk->volumes[i]);
}

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

/* On the disk, while the page cache still has it good. */
static void
rot_below(const char *node, const uint8_t *needle, size_t len)
{
	size_t size = 64 * MIB;
	uint8_t *image = malloc(size), *found;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/volumes/%s.img", lab.dir, node);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, image, size, 0), size);
	found = memmem(image, size, needle, len);
	assert_non_null(found);
	found[5] ^= 4;
	assert_int_equal(pwrite(fd, found, len, found - image), len);
	assert_int_equal(fsync(fd), 0);
	close(fd);
	free(image);
}

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
	rot_below(holder(&c, 0)->node, data + 3 * CRC_BLOCK, 64);
	assert_int_equal(scrub().bad, 1);
	assert_int_equal(lab_status()->repaired, 1);
	assert_int_equal(scrub().bad, 0);
	free(data);
}

/* --- where it is ------------------------------------------------------------*/

/* What was read before a restart is not read again after it. */
static void
test_goes_on_after_a_restart(void **state)
{
	uint8_t *data = lab_random(MIB);
	struct scrub_status st;
	struct catalog_chunk c;
	char ids[5][33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	for (int i = 0; i < 5; i++)
		upload("a", 1, data, MIB, ids[i]);
	scrub_at(5 * MIB);
	assert_int_equal(scrub_begin(lab.s.scrub), 1);
	while (status().cycle.chunks < 2)
		event_base_loop(lab.base, EVLOOP_ONCE);
	lab_stop();
	lab.s.conf.scrub_rate = 1ULL << 30;
	lab_start();
	st = status();
	assert_int_equal(st.cycle.cycle, 1);
	assert_int_equal(st.cycle.ended_at, 0);
	assert_true(st.cycle.chunks >= 2 && st.cycle.chunks < 5);
	assert_int_equal(st.cycle.bytes, st.cycle.chunks * MIB);
	lab_first_chunk(ids[0], &c);
	lab_flip(holder(&c, 0), c.id.text, 0);
	lab.s.conf.scrub_rate = 1ULL << 30;
	scrub_wake(lab.s.scrub);
	run_until_over(1);
	assert_int_equal(status().cycle.cycle, 1);
	assert_int_equal(status().cycle.chunks, 5);
	assert_int_equal(status().cycle.bad, 0);
	assert_int_equal(scrub().bad, 1);
	free(data);
}

/* Everything was read, or written, after that. */
static void
test_oldest(void **state)
{
	uint8_t *data = lab_random(MIB);
	uint64_t before, began;
	char id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	assert_int_equal(status().sums.since, 0);
	upload("a", 1, data, MIB, id);
	before = status().sums.since;
	assert_true(before > 0 && before <= (uint64_t)time(NULL));
	sleep(2);
	scrub_at(1ULL << 30);
	began = (uint64_t)time(NULL);
	(void)scrub();
	assert_true(status().sums.since >= began);
	/* a volume nobody can look at keeps its date */
	volume_suspect(
	    lab.s.volumes, volume_find(lab.s.volumes, LAB_NODE("1")), -EIO);
	before = status().sums.since;
	sleep(1);
	(void)scrub();
	assert_int_equal(status().sums.since, before);
	free(data);
}

/* --- pace -------------------------------------------------------------------*/

static void
test_pace(void **state)
{
	struct scrub_part p = {.bytes = MIB, .cpu_us = 1000, .took_us = 3000};

	(void)state;
	/* by the bytes: a tenth of a second each */
	assert_int_equal(scrub_rest(10 * MIB, 5, &p), 97000);
	/* by the processor: 1 ms is 5 % of 20 ms */
	assert_int_equal(scrub_rest(1000ULL * MIB, 5, &p), 17000);
	assert_int_equal(scrub_rest(1000ULL * MIB, 1, &p), 97000);
	/* a slow disk: it has had its rest */
	p.took_us = 500000;
	assert_int_equal(scrub_rest(10 * MIB, 5, &p), 1000);
	p.crowded = true;
	assert_int_equal(scrub_rest(10 * MIB, 5, &p), 1000000);
	assert_int_equal(scrub_rest(MIB / 4, 5, &p), 3500000);
}

/* A part is read, and then none while it rests; others are served. */
static void
test_rests(void **state)
{
	uint8_t *data = lab_random(4 * MIB);
	char id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	upload("a", 1, data, 4 * MIB, id);
	scrub_at(1024); /* a thousand seconds for each part */
	assert_int_equal(scrub_begin(lab.s.scrub), 1);
	for (int i = 0; i < 20; i++) {
		lab_settle();
		LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	}
	assert_int_equal(status().cycle.bytes, MIB);
	assert_int_equal(status().state, SCRUB_READING);
	free(data);
}

static void
test_off(void **state)
{
	(void)state;
	assert_int_equal(status().state, SCRUB_OFF);
	assert_int_equal(
	    lab_call(0, NX__METHOD__STORAGE_SCRUB, &(Nx__Empty)NX__EMPTY__INIT),
	    NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "scrub_rate"));
}

/* --- volumes that are not well ----------------------------------------------*/

static void
test_suspect_is_passed_over(void **state)
{
	uint8_t *data = lab_random(MIB);
	const Nx__ScrubStatusReply *told;
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
	lab_flip(v, c.id.text, 9);
	volume_suspect(lab.s.volumes, v, -EIO);
	assert_int_equal(scrub().chunks, 1);
	assert_int_equal(status().cycle.bad, 0);
	LAB_OK(lab_call(
	    0, NX__METHOD__STORAGE_SCRUB_STATUS, &(Nx__Empty)NX__EMPTY__INIT));
	told = LAB_BODY(Nx__ScrubStatusReply);
	assert_int_equal(told->skipped, 1);
	assert_non_null(strstr(told->skipped_note, v->node));
	assert_non_null(strstr(told->skipped_note, "suspect"));
	/* it is looked at as soon as it is trusted, in the same cycle */
	volume_trust(lab.s.volumes, v);
	scrub_wake(lab.s.scrub);
	for (int i = 0; i < 20000 && lab_status()->repaired == 0; i++)
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
	assert_int_equal(status().cycle.cycle, 1);
	assert_int_equal(status().cycle.chunks, 2);
	assert_int_equal(status().cycle.bad, 1);
	free(data);
}

static int
teardown(void **state)
{
	lab.s.conf.scrub_rate = 0;
	return lab_teardown(state);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_flipped_in_one_of_two),
	    T(test_flipped_in_the_only_one),
	    T(test_missing),
	    T(test_the_disk_not_the_cache),
	    T(test_goes_on_after_a_restart),
	    T(test_oldest),
	    cmocka_unit_test(test_pace),
	    T(test_rests),
	    T(test_off),
	    T(test_suspect_is_passed_over),
	};

	LAB_OR_SKIP("scrubbing");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
