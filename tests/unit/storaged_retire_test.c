/*
 * A segment that is empty goes back to be used again by a thread that may come to
 * it late: what anybody was about to refer to when that was decided stays.
 */
#include <stdatomic.h>

#include "storaged/care/compact_internal.h"
#include "storaged_lab.h"

#define MIB (1024 * 1024)

static atomic_bool go;

static struct volume *
volume(void)
{
	return TAILQ_FIRST(&lab.s.volumes->list);
}

/* A record whose file has gone, in a segment that nothing is appended to. */
static struct chunk_place
dead_record(void)
{
	struct catalog_chunk chunk;

	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_put(1, "/f", "content", 7));
	lab_stop();
	lab_start();
	assert_int_equal(catalog_segment_next(lab.s.catalog, volume()->key, 0,
			     INT64_MAX, &chunk, 1),
	    1);
	LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, "/f"));
	lab_settle();
	return catalog_place(&chunk, 0);
}

static bool
can_be_read(const struct chunk_place *place)
{
	struct chunk_reader *reader;
	int r = chunk_open(volume()->store, place, &reader);

	if (r == 0)
		chunk_close(reader);
	return r == 0;
}

static void
busy_work(void *arg)
{
	(void)arg;
	while (!atomic_load(&go))
		usleep(1000);
}

static void
busy_done(void *arg)
{
	(void)arg;
}

/* No thread comes to anything until go. */
static void
hold_up(void)
{
	atomic_store(&go, false);
	for (int i = 0; i < 8; i++)
		assert_int_equal(
		    nx_workers_submit(lab.s.slow, busy_work, busy_done, NULL),
		    0);
}

static void
begin_to_retire(uint32_t number)
{
	struct compact *c = lab.s.compact;

	c->wait_us = 0;
	c->volume_key = volume()->key;
	compact_emptied(c, number);
	c->volume_key = INT64_MAX;
	TAILQ_FIRST(&c->emptied)->due_us = 0;
	assert_true(compact_retire(c));
}

static void
end_of_it(void)
{
	atomic_store(&go, true);
	while (lab.s.compact->busy || nx_workers_pending(lab.s.slow))
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
}

/* An upload that has appended there, and is committed before the thread comes. */
static void
test_committed_meanwhile(void **state)
{
	struct chunk_place place = dead_record();

	(void)state;
	chunk_hold(volume()->store, place.at);
	hold_up();
	begin_to_retire(segment_number(place.at));
	chunk_settle(volume()->store, place.at);
	end_of_it();
	assert_true(can_be_read(&place));
	begin_to_retire(segment_number(place.at));
	end_of_it();
	assert_false(can_be_read(&place));
}

/* What was there before the start, and cannot say what is in it, may have what
 * an older catalogue does not know. */
static void
test_cannot_be_told(void **state)
{
	struct chunk_place place = dead_record();
	struct compact *c = lab.s.compact;
	char name[32];

	(void)state;
	(void)snprintf(
	    name, sizeof(name), ".segments/%08x", segment_number(place.at));
	lab_flip_at(volume(), name, 3);
	c->wait_us = 0;
	compact_start(c);
	compact_look(c);
	while (c->look_us == 0 || c->busy)
		event_base_loop(lab.base, EVLOOP_ONCE);
	assert_int_equal(c->st.kept, 1);
	assert_true(can_be_read(&place));
}

static int
setup(void **state)
{
	int r = lab_setup(state);

	lab.s.conf.history = 0;
	return r;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_committed_meanwhile),
	    T(test_cannot_be_told),
	};

	LAB_OR_SKIP("storaged_retire");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
