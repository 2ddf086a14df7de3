/*
 * Dead bytes in segments: the status says how many there are, and however much
 * is overwritten, what is kept of it is bounded by what is alive.
 */
#include "storaged/care/compact_internal.h"
#include "storaged_lab.h"

#define MIB   (1024 * 1024)
#define SMALL 20000U
#define LARGE 200000U
#define FILES 300U

static uint8_t *data;

static void
put_all(unsigned round)
{
	for (unsigned i = 0; i < FILES; i++) {
		char path[32];

		(void)snprintf(path, sizeof(path), "/f%u", i);
		LAB_OK(lab_put(1, path, data + round % 64 + i, SMALL));
	}
}

static void
compact(void)
{
	struct compact *c = lab.s.compact;

	c->wait_us = 0;
	if (!c->running)
		compact_start(c);
	for (int walk = 0; walk < 2; walk++) {
		compact_look(c);
		for (int i = 0; i < 20000; i++) {
			event_base_loop(lab.base, EVLOOP_NONBLOCK);
			if (!c->busy && c->look_us != 0 &&
			    c->volume_key == INT64_MAX &&
			    TAILQ_EMPTY(&c->emptied) && c->segment.number == 0)
				break;
			usleep(500);
		}
	}
}

static void
test_status(void **state)
{
	uint64_t alive = (uint64_t)FILES * SMALL;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	put_all(0);
	compact();
	/* What fills pages, and what is before each record. */
	assert_in_range(lab_status()->dead_bytes, 0, FILES * 4096);
	assert_int_equal(lab_status()->segments_emptied, 0);
	for (unsigned i = 0; i < FILES; i += 4) {
		char path[32];

		(void)snprintf(path, sizeof(path), "/f%u", i);
		LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, path));
	}
	collector_kick(lab.s.collector);
	lab_settle();
	compact();
	/* A quarter: too little to be moved for it. */
	assert_in_range(lab_status()->dead_bytes, alive / 4,
	    alive / 4 + (uint64_t)FILES * 4096);
	assert_int_equal(lab_status()->records_moved, 0);
	for (unsigned i = 1; i < FILES; i++)
		if (i % 4 != 0 && i % 8 != 1) {
			char path[32];

			(void)snprintf(path, sizeof(path), "/f%u", i);
			LAB_OK(lab_fs(1, NX__METHOD__FS_DELETE, path));
		}
	collector_kick(lab.s.collector);
	lab_settle();
	compact();
	assert_true(lab_status()->segments_emptied > 0);
	assert_int_equal(lab_status()->segments_left, 0);
}

/* However often they are overwritten: no more is dead than alive, but for what
 * fills pages and the segments that are being appended to. */
static void
test_overwritten(void **state)
{
	uint64_t alive = (uint64_t)FILES * SMALL;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	for (unsigned round = 0; round < 12; round++) {
		put_all(round);
		if (round % 4 != 3)
			continue;
		collector_kick(lab.s.collector);
		lab_settle();
		compact();
		compact_look(lab.s.compact);
		compact();
		assert_in_range(lab_status()->dead_bytes, 0,
		    alive + (uint64_t)FILES * 4096 + 2 * MIB);
	}
	assert_true(lab_status()->segments_emptied > 8);
}

/* Faster than anything is freed: whoever does it waits, and nobody else. */
static void
test_others_have_room(void **state)
{
	Nx__Status status = NX__STATUS__OK;
	struct compact *c = lab.s.compact;
	unsigned i;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	compact_start(c);
	c->look_us = c->wait_us = UINT64_MAX / 4;
	for (i = 0; i < 1000 && status == NX__STATUS__OK; i++)
		status = lab_put(1, "/f", data + i % 64, LARGE);
	assert_int_equal(status, NX__STATUS__LIMIT);
	assert_non_null(strstr(reply.error, "still being freed"));
	assert_true(compact_dead(c, 1) > 16 * MIB);
	assert_true(compact_dead(c, 1) > volumes_room(lab.s.volumes));
	assert_int_equal(compact_dead(c, 2), 0);
	LAB_OK(lab_put(2, "/f", data, LARGE));
	LAB_OK(lab_put(2, "/f", data + 1, LARGE));
	/* Who waits is what it looks for. */
	c->look_us = UINT64_MAX / 4;
	c->wait_us = 0;
	assert_int_equal(lab_put(1, "/g", data, LARGE), NX__STATUS__LIMIT);
	assert_true(c->look_us <= nx_now_us());
	compact();
	compact();
	assert_int_equal(compact_dead(c, 1), 0);
	LAB_OK(lab_put(1, "/f", data, LARGE));
}

/* Much has died: it looks though its time has not come. */
static void
test_looks_at_once(void **state)
{
	struct compact *c = lab.s.compact;
	unsigned i;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	c->wait_us = 0;
	compact_start(c);
	c->look_us = UINT64_MAX / 4;
	for (i = 0; i < 30000 && c->st.emptied == 0; i++) {
		if (lab_put(1, "/f", data + i % 64, LARGE) == NX__STATUS__OK)
			continue;
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(1000);
	}
	assert_true(c->st.emptied > 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_status),
	    T(test_overwritten),
	    T(test_others_have_room),
	    T(test_looks_at_once),
	};
	int r;

	LAB_OR_SKIP("dead bytes");
	data = lab_random(LARGE + 1000);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	free(data);
	return r;
}
