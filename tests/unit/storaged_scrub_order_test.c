/*
 * How scrubbing goes: where it is survives a restart, nothing is left out, it
 * keeps to its pace and passes over what is not well.
 */
#include "storaged_scrub_lab.h"
#include "storaged/care/scrub_pace.h"

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

/* Who asks in the middle of a cycle is told of everything there is: what was
 * read before they asked is read once more. */
static void
test_asked_meanwhile(void **state)
{
	uint8_t *data = lab_random(MIB);
	struct catalog_chunk c;
	char ids[4][33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	for (int i = 0; i < 4; i++)
		upload("a", 1, data, MIB, ids[i]);
	scrub_at(5 * MIB);
	assert_int_equal(scrub_begin(lab.s.scrub), 1);
	while (status().cycle.chunks < 2)
		event_base_loop(lab.base, EVLOOP_ONCE);
	lab_first_chunk(ids[0], &c);
	lab_flip(holder(&c, 0), c.id.text, 0);
	lab.s.conf.scrub_rate = 1ULL << 30;
	assert_int_equal(scrub().bad, 1);
	assert_int_equal(status().cycle.cycle, 2);
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
	for (int i = 0; i < 60000 && lab_status()->repaired == 0; i++)
		usleep(500);
	assert_int_equal(status().cycle.cycle, 1);
	assert_int_equal(status().cycle.chunks, 2);
	assert_int_equal(status().cycle.bad, 1);
	free(data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_goes_on_after_a_restart),
	    T(test_asked_meanwhile),
	    T(test_oldest),
	    cmocka_unit_test(test_pace),
	    T(test_rests),
	    T(test_off),
	    T(test_suspect_is_passed_over),
	};

	LAB_OR_SKIP("how scrubbing goes");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
