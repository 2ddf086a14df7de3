/* What breaks, goes and comes back under storaged: replicas, nodes, itself. */
#include "storaged_lab.h"

#define MIB (1024 * 1024)

static void
test_flipped_bit(void **state)
{
	struct lab_upload u = {.name = "a"};
	size_t size = 3 * MIB;
	uint8_t *data = lab_random(size);
	struct catalog_chunk c;
	char id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	LAB_OK(lab_upload(7, &u, data, size, id));
	lab_first_chunk(id, &c);
	assert_int_equal(c.n_replicas, 2);
	lab_flip(volume_by_key(lab.s.volumes, c.volumes[0]), c.id.text, MIB);
	for (int i = 0; i < 4; i++)
		LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	lab_settle();
	assert_true(lab_status()->corrupt >= 1);
	assert_int_equal(lab_status()->repaired, 1);
	/* it is whole again: the other one may break now */
	lab_flip(volume_by_key(lab.s.volumes, c.volumes[1]), c.id.text, 5);
	for (int i = 0; i < 4; i++)
		LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	lab_settle();
	assert_int_equal(lab_status()->repaired, 2);
	/* both broken: said, not served; other blocks still are */
	lab_flip(volume_by_key(lab.s.volumes, c.volumes[0]), c.id.text, MIB);
	lab_flip(volume_by_key(lab.s.volumes, c.volumes[1]), c.id.text, MIB);
	assert_int_equal(
	    lab_read(7, id, NULL, 0, 0, data), NX__STATUS__CORRUPT);
	lab_settle();
	LAB_OK(lab_read(7, id, NULL, 2 * MIB, 1000, data));
	assert_int_equal(
	    lab_read(7, id, NULL, MIB, 1, data), NX__STATUS__CORRUPT);
	free(data);
}

static void
test_missing_replica(void **state)
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
	v = volume_by_key(lab.s.volumes, c.volumes[1]);
	assert_int_equal(chunk_remove(v->store, &c.id), 0);
	for (int i = 0; i < 2; i++)
		LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	lab_settle();
	assert_int_equal(lab_status()->repaired, 1);
	assert_int_equal(lab_chunk_files(), 2);
	free(data);
}

static void
test_heals_when_a_node_comes(void **state)
{
	struct lab_upload u = {.name = "a"};
	uint8_t *data = lab_random(MIB);
	char id[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	LAB_OK(lab_upload(7, &u, data, MIB, id));
	LAB_OK(lab_volume_delete(LAB_NODE("2"), false));
	assert_int_equal(lab_status()->degraded_files, 1);
	LAB_OK(lab_volume(LAB_NODE("3"), 64 * MIB));
	lab_settle();
	assert_int_equal(lab_status()->degraded_files, 0);
	assert_int_equal(lab_chunk_files(), 2);
	LAB_OK(lab_volume_delete(LAB_NODE("1"), false));
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	free(data);
}

static void
test_delete_during_upload(void **state)
{
	struct lab_upload u = {.name = "a"};
	size_t size = CHUNK_SIZE + 1000;
	uint8_t *data = lab_random(size);
	uint64_t id = 0;
	int fd = -1;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_open_upload(7, &u, &id, &fd));
	lab_feed(fd, data, size);
	lab_settle();
	LAB_OK(lab_volume_delete(LAB_NODE("1"), false));
	nx_close(&fd);
	assert_int_equal(lab_finish(7, id, size), NX__STATUS__UNAVAILABLE);
	free(data);
}

/* With a replica elsewhere the upload does not even notice. */
static void
test_delete_beside_upload(void **state)
{
	struct lab_upload u = {.name = "a"};
	size_t size = CHUNK_SIZE + 2 * MIB;
	uint8_t *data = lab_random(size);
	uint64_t id = 0;
	int fd = -1;
	char file[33];

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	LAB_OK(lab_open_upload(7, &u, &id, &fd));
	lab_feed(fd, data, CHUNK_SIZE + MIB);
	lab_settle();
	LAB_OK(lab_volume_delete(LAB_NODE("1"), false));
	lab_feed(fd, data + CHUNK_SIZE + MIB, MIB);
	nx_close(&fd);
	LAB_OK(lab_finish(7, id, size));
	snprintf(file, sizeof(file), "%s",
	    LAB_BODY(Nx__FinishUploadReply)->file->id);
	assert_int_equal(LAB_BODY(Nx__FinishUploadReply)->file->replicas, 1);
	LAB_OK(lab_read(7, file, NULL, 0, 0, data));
	assert_int_equal(lab_status()->degraded_files, 1);
	LAB_OK(lab_volume(LAB_NODE("3"), 64 * MIB));
	lab_settle();
	assert_int_equal(lab_status()->degraded_files, 0);
	free(data);
}

static void
test_restart(void **state)
{
	struct lab_upload u = {.name = "a"};
	size_t size = CHUNK_SIZE + 1000;
	uint8_t *data = lab_random(size);
	Nx__VolumeRequest q = NX__VOLUME_REQUEST__INIT;
	char id[33], loop[32];
	int mount, fd = -1;
	uint64_t upload = 0;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_mkdir(7, "/d", false));
	LAB_OK(lab_put(7, "/d/f", data, 1000));
	LAB_OK(lab_upload(7, &u, data, size, id));
	/* a node holds a clone of the mount while storaged is away */
	q.node = (char *)(uintptr_t)LAB_NODE("1");
	LAB_OK(lab_node_call(NX__METHOD__VOLUME_ATTACH, &q));
	mount = nx_take_fd(&reply.fds[0]);
	snprintf(loop, sizeof(loop), "%s",
	    TAILQ_FIRST(&lab.s.volumes->list)->own.loop);
	LAB_OK(lab_open_upload(7, &u, &upload, &fd));
	lab_feed(fd, data, size);
	lab_stop();
	nx_close(&fd);
	lab_start();
	/* the same device, never a second one over the same image */
	assert_string_equal(loop, TAILQ_FIRST(&lab.s.volumes->list)->own.loop);
	assert_true(TAILQ_FIRST(&lab.s.volumes->list)->active);
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	LAB_OK(lab_read(7, NULL, "/d/f", 0, 0, data));
	assert_int_equal(lab_chunk_files(), 3);
	assert_int_equal(lab_finish(7, upload, size), NX__STATUS__UNAVAILABLE);
	close(mount);
	free(data);
}

static void
test_orphans(void **state)
{
	struct volume *v;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_put(7, "/kept", "x", 1));
	v = TAILQ_FIRST(&lab.s.volumes->list);
	lab_orphan(v);
	/* too young */
	collector_sweep(lab.s.collector);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 2);
	/* old enough: out of sight, but not yet gone */
	lab.s.conf.orphan_grace = 0;
	sleep(2);
	collector_sweep(lab.s.collector);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 2);
	assert_int_equal(lab_status()->set_aside, 1);
	collector_sweep(lab.s.collector);
	lab_settle();
	assert_int_equal(lab_status()->set_aside, 1);
	lab.s.conf.orphan_keep = 0;
	sleep(2);
	collector_sweep(lab.s.collector);
	lab_settle();
	assert_int_equal(lab_chunk_files(), 1);
	LAB_OK(lab_read(7, NULL, "/kept", 0, 0, (const uint8_t *)"x"));
}

/* A replica was given up on a volume, which is trusted again and gets a new one
 * before the old file has been unlinked. */
static void
test_comes_back_before_the_trash_goes(void **state)
{
	struct lab_upload u = {.path = "/one", .replicas = 1};
	struct catalog_chunk chunk;
	struct volume *v;
	char id[NX_ID_LEN + 1];
	uint8_t data[5000];

	(void)state;
	memset(data, 'x', sizeof(data));
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_upload(7, &u, data, sizeof(data), id));
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	v = TAILQ_FIRST(&lab.s.volumes->list);
	assert_int_equal(
	    catalog_volume_next(lab.s.catalog, v->key, 0, &chunk, 1), 1);
	/* moved away, and the way back is open before anything is collected */
	v->suspect = true;
	healer_report(lab.s.healer, chunk.key, v->key);
	while (catalog_volume_next(lab.s.catalog, v->key, 0, &chunk, 1) == 1)
		event_base_loop(lab.base, EVLOOP_ONCE);
	v->suspect = false;
	(void)lab_volume_delete(LAB_NODE("2"), false);
	collector_kick(lab.s.collector);
	lab_settle();
	LAB_OK(lab_read(7, NULL, "/one", 0, 0, data));
}

static void
test_interrupted_creation(void **state)
{
	struct catalog_volume row = {
	    .size = 16 * MIB, .state = CATALOG_VOLUME_MAKING};
	struct volume_error error;
	char path[256];

	(void)state;
	snprintf(row.node, sizeof(row.node), "%s", LAB_NODE("5"));
	lab_save_volume(&row);
	assert_int_equal(lab.s.volumes->image->create(&lab.s.volumes->env,
			     LAB_NODE("5"), 16 * MIB, &error),
	    0);
	lab_stop();
	lab_start();
	snprintf(
	    path, sizeof(path), "%s/volumes/%s.img", lab.dir, LAB_NODE("5"));
	assert_int_equal(access(path, F_OK), -1);
	LAB_OK(lab_volume(LAB_NODE("5"), 16 * MIB));
}

static int
setup_small_disk(void **state)
{
	lab.tmpfs = "size=130M";
	return lab_setup(state);
}

/* The disk under the catalogue is full to the last byte. */
static void
test_full_disk(void **state)
{
	static uint8_t junk[65536];
	char path[256];
	int fd;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 16 * MIB));
	LAB_OK(lab_mkdir(7, "/d", false));
	LAB_OK(lab_put(7, "/d/f", "x", 1));
	LAB_OK(lab_put(7, "/g", "y", 1));
	snprintf(path, sizeof(path), "%s/junk", lab.dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	for (size_t n = sizeof(junk); n > 0;)
		if (write(fd, junk, n) != (ssize_t)n)
			n /= 2;
	/* SQLite may have room in its log; use that up as well */
	for (int i = 0; i < 10000; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		if (lab_mkdir(7, path, false) != NX__STATUS__OK)
			break;
	}
	assert_int_equal(reply.status, NX__STATUS__FULL);
	LAB_OK(lab_fs(7, NX__METHOD__FS_DELETE, "/d"));
	LAB_OK(lab_fs(7, NX__METHOD__FS_DELETE, "/g"));
	lab_settle();
	assert_int_equal(lab_chunk_files(), 0);
	assert_int_equal(lab_usage(7)->used, 0);
	close(fd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_flipped_bit),
	    T(test_missing_replica),
	    T(test_heals_when_a_node_comes),
	    T(test_delete_during_upload),
	    T(test_delete_beside_upload),
	    T(test_restart),
	    T(test_orphans),
	    T(test_comes_back_before_the_trash_goes),
	    T(test_interrupted_creation),
	    cmocka_unit_test_setup_teardown(
		test_full_disk, setup_small_disk, lab_teardown),
	};

	LAB_OR_SKIP("storaged while things change");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
