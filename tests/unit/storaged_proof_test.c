/*
 * Suspect volumes that prove well are trusted again, by themselves and by
 * command; volumes that vanish count, and what they held is copied anew.
 */
#include "storaged_lab.h"
#include "storaged/care/proof.h"

#define MIB (1024 * 1024)

static Nx__Status
trust(const char *name)
{
	Nx__VolumeRequest q = NX__VOLUME_REQUEST__INIT;

	q.node = (char *)(uintptr_t)name;
	return lab_call(0, NX__METHOD__VOLUME_TRUST, &q);
}

static void
test_trusted_by_command(void **state)
{
	struct volume *v;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	for (int i = 0; i < 5; i++) {
		char path[16];

		snprintf(path, sizeof(path), "/%d", i);
		LAB_OK(lab_put(7, path, "hello", 5));
	}
	v = volume_find(lab.s.volumes, LAB_NODE("1"));
	volume_suspect(lab.s.volumes, v, -EIO);
	assert_int_equal(lab_put(7, "/g", "x", 1), NX__STATUS__CONFLICT);
	assert_int_equal(lab_status()->suspect, 1);
	assert_int_equal(trust(LAB_NODE("9")), NX__STATUS__NOT_FOUND);
	LAB_OK(trust(LAB_NODE("1")));
	assert_int_equal(LAB_BODY(Nx__VolumeTrustReply)->checked, 5);
	assert_false(LAB_BODY(Nx__VolumeTrustReply)->volume->suspect);
	LAB_OK(lab_put(7, "/g", "x", 1));
	/* the probe is gone, and it is known after a restart */
	assert_int_equal(lab_chunk_files(), 6);
	lab_stop();
	lab_start();
	LAB_OK(lab_put(7, "/h", "x", 1));
}

static void
test_damage_is_not_trusted(void **state)
{
	struct lab_upload u = {.name = "a"};
	uint8_t *data = lab_random(MIB);
	struct catalog_chunk c;
	struct volume *v;
	char id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	LAB_OK(lab_upload(7, &u, data, MIB, id));
	lab_first_chunk(id, &c);
	v = volume_by_key(lab.s.volumes, c.volumes[0]);
	lab_flip(v, c.id.text, 77777);
	volume_suspect(lab.s.volumes, v, -EIO);
	assert_int_equal(trust(v->node), NX__STATUS__CONFLICT);
	assert_non_null(strstr(reply.error, "1 of 1 chunks"));
	assert_true(v->suspect);
	/* repaired on a third one, so nothing bad is left on it */
	LAB_OK(lab_volume(LAB_NODE("3"), 64 * MIB));
	healer_report(lab.s.healer, c.key, v->key);
	lab_settle();
	LAB_OK(trust(v->node));
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	free(data);
}

static void
test_trusted_by_itself(void **state)
{
	struct volume *v;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	v = volume_find(lab.s.volumes, LAB_NODE("1"));
	volume_suspect(lab.s.volumes, v, -EIO);
	v->proof_us = 1; /* as if a minute had passed */
	for (int i = 0; i < 1500 && v->suspect; i++) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(10000);
	}
	assert_false(v->suspect);
}

/* --- volumes that vanish ----------------------------------------------------*/

static void
hide(const char *node, bool back)
{
	char path[256], hidden[256];

	snprintf(path, sizeof(path), "%s/volumes/%s.img", lab.dir, node);
	snprintf(hidden, sizeof(hidden), "%s/volumes/%s.away", lab.dir, node);
	assert_int_equal(back ? rename(hidden, path) : rename(path, hidden), 0);
}

static void
test_vanished_counts(void **state)
{
	uint8_t *data = lab_random(MIB);

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	for (int i = 0; i < 3; i++) {
		char path[16];

		snprintf(path, sizeof(path), "/%d", i);
		LAB_OK(lab_put(7, path, data, MIB));
	}
	lab_stop();
	hide(LAB_NODE("2"), false);
	lab_start();
	healer_kick(lab.s.healer);
	lab_settle();
	assert_int_equal(lab_status()->away, 1);
	assert_int_equal(lab_status()->degraded_files, 3);
	/* within the grace time nothing is copied */
	LAB_OK(lab_volume(LAB_NODE("3"), 64 * MIB));
	lab_settle();
	assert_int_equal(lab_status()->degraded_files, 3);
	/* it comes back as it was */
	lab_stop();
	hide(LAB_NODE("2"), true);
	lab_start();
	healer_kick(lab.s.healer);
	lab_settle();
	assert_int_equal(lab_status()->degraded_files, 0);
	free(data);
}

static int
setup_no_grace(void **state)
{
	lab.away_grace = 1;
	return lab_setup(state);
}

static int
teardown_no_grace(void **state)
{
	lab.away_grace = 0;
	return lab_teardown(state);
}

static void
test_vanished_is_copied_anew(void **state)
{
	uint8_t *data = lab_random(MIB);

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	for (int i = 0; i < 3; i++) {
		char path[16];

		snprintf(path, sizeof(path), "/%d", i);
		LAB_OK(lab_put(7, path, data, MIB));
	}
	lab_stop();
	hide(LAB_NODE("2"), false);
	lab_start();
	sleep(2);
	LAB_OK(lab_volume(LAB_NODE("3"), 64 * MIB));
	lab_settle();
	assert_int_equal(lab_status()->degraded_files, 0);
	/* the first may go now: the third has all of it */
	LAB_OK(lab_volume_delete_for(8, LAB_NODE("1"), LAB_PLAIN));
	for (int i = 0; i < 3; i++) {
		char path[16];

		snprintf(path, sizeof(path), "/%d", i);
		LAB_OK(lab_read(7, NULL, path, 0, 0, data));
	}
	/* what comes back late is no third replica */
	lab_stop();
	hide(LAB_NODE("2"), true);
	lab_start();
	collector_kick(lab.s.collector);
	healer_kick(lab.s.healer);
	for (int i = 0; i < 1200 && lab_status()->degraded_files > 0; i++) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(10000);
	}
	lab_settle();
	assert_int_equal(lab_chunk_files(), 6);
	free(data);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_trusted_by_command),
	    T(test_damage_is_not_trusted),
	    T(test_trusted_by_itself),
	    T(test_vanished_counts),
	    cmocka_unit_test_setup_teardown(test_vanished_is_copied_anew,
		setup_no_grace, teardown_no_grace),
	};

	LAB_OR_SKIP("suspect and vanished volumes");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
