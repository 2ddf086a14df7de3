/* The platform's own volumes: files have a home before there is any node. */
#include "storaged_lab.h"

#define MIB (1024 * 1024)

static int
setup(void **state)
{
	lab.base_size = 32 * MIB;
	lab.base_max = 3;
	return lab_setup(state);
}

static int
teardown(void **state)
{
	lab.base_size = lab.base_max = 0;
	return lab_teardown(state);
}

static int
setup_small_disk(void **state)
{
	lab.tmpfs = "size=90M";
	return setup(state);
}

static unsigned
bases(void)
{
	struct volume *v;
	unsigned n = 0;

	TAILQ_FOREACH(v, &lab.s.volumes->list, entry)
		n += v->base && v->state == VOLUME_READY;
	return n;
}

static void
test_fresh_system(void **state)
{
	Nx__VolumeListRequest q = NX__VOLUME_LIST_REQUEST__INIT;
	struct stat st;
	char path[256];

	(void)state;
	LAB_OK(lab_put(7, "/f", "hello", 5));
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, (const uint8_t *)"hello"));
	LAB_OK(lab_call(0, NX__METHOD__VOLUME_LIST, &q));
	assert_int_equal(LAB_BODY(Nx__VolumeListReply)->n_volumes, 1);
	assert_string_equal(
	    LAB_BODY(Nx__VolumeListReply)->volumes[0]->node, "base-1");
	assert_true(LAB_BODY(Nx__VolumeListReply)->volumes[0]->platform);
	assert_true(LAB_BODY(Nx__VolumeListReply)->volumes[0]->active);
	assert_int_equal(lab_status()->base_volumes, 1);
	/* allocated in full */
	snprintf(path, sizeof(path), "%s/volumes/base-1.img", lab.dir);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_blocks * 512 >= 32 * MIB);
	/* the same one after a restart, not one more */
	lab_stop();
	lab_start();
	assert_int_equal(bases(), 1);
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, (const uint8_t *)"hello"));
}

/* No node's words reach it. */
static void
test_is_no_nodes(void **state)
{
	Nx__VolumeRequest attach = NX__VOLUME_REQUEST__INIT;
	Nx__VolumeSetActiveRequest active = NX__VOLUME_SET_ACTIVE_REQUEST__INIT;

	(void)state;
	attach.node = active.node = (char *)(uintptr_t) "base-1";
	assert_int_equal(lab_node_call(NX__METHOD__VOLUME_ATTACH, &attach),
	    NX__STATUS__NOT_FOUND);
	assert_int_equal(lab_node_call(NX__METHOD__VOLUME_SET_ACTIVE, &active),
	    NX__STATUS__NOT_FOUND);
	assert_int_equal(
	    lab_volume_delete("base-1", true), NX__STATUS__NOT_FOUND);
	LAB_OK(lab_put(7, "/f", "hello", 5));
}

static void
wait_for_bases(unsigned n)
{
	for (int i = 0; i < 400 && bases() < n; i++) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(10000);
	}
	lab_settle();
	assert_int_equal(bases(), n);
}

static void
test_another_when_full(void **state)
{
	struct lab_upload u = {.name = "a", .replicas = 1};
	uint8_t *data = lab_random(8 * MIB);

	(void)state;
	LAB_OK(lab_upload(7, &u, data, 8 * MIB, NULL));
	lab_settle();
	assert_int_equal(bases(), 1);
	LAB_OK(lab_upload(7, &u, data, 8 * MIB, NULL));
	LAB_OK(lab_upload(7, &u, data, 4 * MIB, NULL));
	wait_for_bases(2);
	/* to the limit and no further */
	while (lab_upload(7, &u, data, 8 * MIB, NULL) == NX__STATUS__OK)
		lab_settle();
	assert_int_equal(reply.status, NX__STATUS__FULL);
	assert_int_equal(bases(), 3);
	free(data);
}

/* A node's deletion finds room on it. */
static void
test_takes_what_a_node_leaves(void **state)
{
	struct lab_upload u = {.name = "a"};
	uint8_t *data = lab_random(MIB);
	char id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_upload(7, &u, data, MIB, id));
	LAB_OK(lab_volume_delete_for(8, LAB_NODE("1"), LAB_PLAIN));
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	free(data);
}

/* A disk without room for one: it starts all the same and says so. */
static void
test_no_room(void **state)
{
	struct lab_upload u = {.name = "a"};
	uint64_t id = 0;
	int fd;

	(void)state;
	assert_int_equal(bases(), 0);
	assert_int_equal(
	    lab_open_upload(7, &u, &id, &fd), NX__STATUS__CONFLICT);
	assert_non_null(strstr(lab_status()->base_note, "room"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_fresh_system, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_is_no_nodes, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_another_when_full, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_takes_what_a_node_leaves, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_no_room, setup_small_disk, teardown),
	};

	LAB_OR_SKIP("the platform's own volumes");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
