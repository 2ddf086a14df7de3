/*
 * What the tests of scrubbing share: a pace, whole cycles, and what a file is
 * said to be.
 */
#ifndef STORAGED_SCRUB_LAB_H
#define STORAGED_SCRUB_LAB_H

#include "storaged_lab.h"

#define MIB (1024 * 1024)

static inline struct scrub_status
status(void)
{
	struct scrub_status st;

	assert_int_equal(scrub_status(lab.s.scrub, &st), 0);
	return st;
}

/* From now on: @rate bytes a second, and no cycle that nobody asked for. */
static inline void
scrub_at(uint64_t rate)
{
	lab.s.conf.scrub_rate = rate;
	lab.s.conf.scrub_cpu = 100;
	lab.s.conf.scrub_interval = 86400;
	scrub_start(lab.s.scrub);
}

static inline void
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
static inline struct catalog_scrub
scrub(void)
{
	LAB_OK(lab_call(
	    0, NX__METHOD__STORAGE_SCRUB, &(Nx__Empty)NX__EMPTY__INIT));
	run_until_over(LAB_BODY(Nx__ScrubReply)->cycle);
	return status().cycle;
}

static inline const char *
condition(const char *id)
{
	Nx__FileRequest q = NX__FILE_REQUEST__INIT;

	q.id = (char *)(uintptr_t)id;
	LAB_OK(lab_call(7, NX__METHOD__FILE_STAT, &q));
	return LAB_BODY(Nx__FileInfo)->condition;
}

static inline void
upload(const char *name, uint32_t replicas, const uint8_t *data, size_t size,
    char ret_id[33])
{
	struct lab_upload u = {.name = name, .replicas = replicas};

	LAB_OK(lab_upload(7, &u, data, size, ret_id));
}

static inline struct volume *
holder(const struct catalog_chunk *chunk, size_t i)
{
	return volume_by_key(lab.s.volumes, chunk->volumes[i]);
}

static inline int
scrub_teardown(void **state)
{
	lab.s.conf.scrub_rate = 0;
	return lab_teardown(state);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, scrub_teardown)

#endif
