/*
 * Chunks and what a node keeps are in images of their own: neither fills the
 * other, each has its size, and what becomes of one leaves the other alone.
 */
#include <sys/mman.h>

#include "storaged/volumes/volume_internal.h"
#include "storaged_apart_lab.h"

static void
test_two_images(void **state)
{
	struct stat chunks, own;
	struct statvfs fs;
	int node, dir;

	(void)state;
	LAB_OK(lab_volume(NODE, 64 * MIB));
	assert_int_equal(apart_size(CHUNKS, NODE), 64 * MIB);
	assert_int_equal(apart_size(OWN, NODE), 64 * MIB);
	assert_true(apart_bound(CHUNKS, NODE) && apart_bound(OWN, NODE));
	LAB_OK(apart_attach(NODE, &node));
	dir = mount_chunks(&apart_volume()->mounted.mount);
	assert_int_equal(fstat(dir, &chunks), 0);
	assert_int_equal(fstat(node, &own), 0);
	assert_true(chunks.st_dev != own.st_dev);
	/* df there speaks of the node's own */
	assert_int_equal(fstatvfs(node, &fs), 0);
	assert_true(fs.f_blocks * fs.f_frsize > 48 * MIB);
	assert_true(fs.f_blocks * fs.f_frsize <= 64 * MIB);
	assert_int_equal(faccessat(node, "../chunks", F_OK, 0), -1);
	close(node);
	close(dir);
	LAB_OK(lab_volume_delete(NODE, false));
	assert_int_equal(apart_names(), 0);
	assert_int_equal(apart_mounts(), 0);
}

static void
test_full_node(void **state)
{
	uint8_t *data = lab_random(9 * MIB);
	struct lab_upload u = {.name = "f"};
	struct statvfs fs;
	char id[33];
	int node;

	(void)state;
	LAB_OK(lab_volume(NODE, 32 * MIB));
	LAB_OK(apart_attach(NODE, &node));
	assert_true(apart_fill(node) > 20 * MIB);
	assert_int_equal(fstatvfs(node, &fs), 0);
	assert_true(fs.f_bavail * fs.f_frsize < MIB);
	LAB_OK(lab_upload(7, &u, data, 9 * MIB, id));
	LAB_OK(lab_put(7, "/small", "hello", 5));
	LAB_OK(lab_read(7, id, NULL, 0, 0, data));
	assert_false(apart_can_write(node));
	close(node);
	free(data);
}

static void
test_full_of_chunks(void **state)
{
	uint8_t *data = lab_random(4 * MIB);
	struct lab_upload u = {.name = "f", .replicas = 1};
	struct statvfs before, after;
	int node, n = 0;

	(void)state;
	LAB_OK(lab_volume(NODE, 32 * MIB));
	LAB_OK(apart_attach(NODE, &node));
	assert_int_equal(fstatvfs(node, &before), 0);
	while (lab_upload(7, &u, data, 4 * MIB, NULL) == NX__STATUS__OK)
		n++;
	assert_int_equal(reply.status, NX__STATUS__FULL);
	assert_true(n >= 4);
	assert_int_equal(fstatvfs(node, &after), 0);
	assert_int_equal(before.f_bfree, after.f_bfree);
	assert_true(apart_can_write(node));
	assert_true(apart_fill(node) > 20 * MIB);
	close(node);
	free(data);
}

/* What there is for chunks is a share of what the node has, and is said. */
static void
test_share(void **state)
{
	(void)state;
	lab.s.conf.node_chunks = 25;
	LAB_OK(lab_volume(NODE, 128 * MIB + 1));
	assert_int_equal(apart_size(OWN, NODE), 128 * MIB + 4096);
	assert_int_equal(apart_size(CHUNKS, NODE), 32 * MIB);
	assert_int_equal(apart_volume()->size, 32 * MIB);
	assert_int_equal(apart_volume()->own.size, 128 * MIB + 4096);
	LAB_OK(lab_volume(LAB_NODE("2"), 16 * MIB));
	assert_int_equal(apart_size(CHUNKS, LAB_NODE("2")), 16 * MIB);
	assert_int_equal(apart_size(OWN, LAB_NODE("2")), 16 * MIB);
	lab.s.conf.node_chunks = 200;
	LAB_OK(lab_volume(LAB_NODE("3"), 16 * MIB));
	assert_int_equal(apart_size(CHUNKS, LAB_NODE("3")), 32 * MIB);
	for (int bits = 50; bits < 65; bits++)
		assert_int_equal(lab_volume(LAB_NODE("4"),
				     bits < 64 ? 1ULL << bits : UINT64_MAX),
		    NX__STATUS__FULL);
	lab.s.conf.node_chunks = 1000;
	assert_int_equal(
	    lab_volume(LAB_NODE("4"), UINT64_MAX / 10), NX__STATUS__FULL);
	lab.s.conf.node_chunks = 100;
	assert_int_equal(apart_size(CHUNKS, LAB_NODE("4")), 0);
}

/* As a volume was made before: it stays what it is, in all that happens to it. */
static void
make_old(void)
{
	struct catalog_volume row = {
	    .size = 64 * MIB, .state = CATALOG_VOLUME_READY, .active = true};
	struct volume_error error;

	snprintf(row.node, sizeof(row.node), "%s", NODE);
	assert_int_equal(lab.s.volumes->image->create(
			     &lab.s.volumes->env, NODE, 64 * MIB, &error),
	    0);
	lab_save_volume(&row);
	row.active = true;
	lab_save_volume(&row);
	lab_stop();
	lab_start();
}

static void
test_old_volume(void **state)
{
	struct stat chunks, own;
	int node, dir;

	(void)state;
	make_old();
	assert_true(apart_volume()->attached);
	assert_int_equal(apart_volume()->own.size, 0);
	LAB_OK(apart_attach(NODE, &node));
	dir = mount_chunks(&apart_volume()->mounted.mount);
	assert_int_equal(fstat(dir, &chunks), 0);
	assert_int_equal(fstat(node, &own), 0);
	assert_int_equal(chunks.st_dev, own.st_dev);
	assert_true(apart_can_write(node));
	close(node);
	close(dir);
	LAB_OK(lab_put(7, "/f", "hello", 5));
	lab_stop();
	lab_start();
	assert_int_equal(apart_size(OWN, NODE), 0);
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, (const uint8_t *)"hello"));
	LAB_OK(lab_fs(7, NX__METHOD__FS_DELETE, "/f"));
	LAB_OK(lab_volume_delete(NODE, false));
	assert_int_equal(apart_names(), 0);
	assert_int_equal(apart_mounts(), 0);
}

/* --- one of them damaged ----------------------------------------------------*/

static void
cut(enum apart_image which, off_t size)
{
	lab_stop();
	apart_wait_free(which, NODE);
	assert_int_equal(truncate(apart_path(which, NODE), size), 0);
	lab_start();
}

static void
test_damaged_own(void **state)
{
	int node;

	(void)state;
	LAB_OK(lab_volume(NODE, 64 * MIB));
	LAB_OK(lab_put(7, "/f", "hello", 5));
	cut(OWN, 63 * MIB);
	/* at start, and when the node is */
	assert_non_null(strstr(apart_volume()->own.why, "cut short"));
	assert_int_equal(lab_status()->away, 1);
	assert_non_null(strstr(lab_status()->away_note, "own part"));
	assert_int_equal(apart_attach(NODE, &node), NX__STATUS__INTERNAL);
	assert_non_null(strstr(reply.error, "cut short"));
	/* the chunks are none the worse */
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, (const uint8_t *)"hello"));
	LAB_OK(lab_put(7, "/g", "there", 5));
	/* mended, it is there without a restart */
	apart_wait_free(OWN, NODE);
	assert_int_equal(truncate(apart_path(OWN, NODE), 64 * MIB), 0);
	LAB_OK(apart_attach(NODE, &node));
	assert_true(apart_can_write(node));
	close(node);
	assert_int_equal(apart_volume()->own.why[0], '\0');
	assert_int_equal(lab_status()->away, 0);
}

/* It holds its file system, and is not what the catalogue knows. */
static void
test_other_own(void **state)
{
	int node;

	(void)state;
	LAB_OK(lab_volume(NODE, 64 * MIB));
	cut(OWN, 65 * MIB);
	assert_non_null(strstr(apart_volume()->own.why, "the catalogue says"));
	assert_int_equal(apart_attach(NODE, &node), NX__STATUS__INTERNAL);
}

static void
test_damaged_chunks(void **state)
{
	Nx__VolumeSetActiveRequest active = NX__VOLUME_SET_ACTIVE_REQUEST__INIT;
	int node;

	(void)state;
	LAB_OK(lab_volume(NODE, 64 * MIB));
	cut(CHUNKS, 63 * MIB);
	assert_false(apart_volume()->attached);
	LAB_OK(apart_attach(NODE, &node));
	assert_true(apart_can_write(node));
	close(node);
	/* also at the moment in which the other is tried again */
	volume_reattach(lab.s.volumes, apart_volume(), NULL);
	assert_true(apart_volume()->attaching);
	LAB_OK(apart_attach(NODE, &node));
	close(node);
	lab_settle();
	volume_reattach(lab.s.volumes, apart_volume(), NULL);
	active.node = (char *)(uintptr_t)NODE;
	active.active = true;
	LAB_OK(lab_node_call(NX__METHOD__VOLUME_SET_ACTIVE, &active));
	lab_settle();
	assert_false(apart_volume()->attached);
}

static void
test_missing_own(void **state)
{
	int node;

	(void)state;
	LAB_OK(lab_volume(NODE, 64 * MIB));
	LAB_OK(lab_put(7, "/f", "hello", 5));
	lab_stop();
	assert_int_equal(unlink(apart_path(OWN, NODE)), 0);
	lab_start();
	assert_int_not_equal(apart_attach(NODE, &node), NX__STATUS__OK);
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, (const uint8_t *)"hello"));
	LAB_OK(lab_fs(7, NX__METHOD__FS_DELETE, "/f"));
	LAB_OK(lab_volume_delete(NODE, false));
	assert_int_equal(apart_names(), 0);
}

/* A copy of a mounted image is what a power cut leaves: that is told of each. */
static void
test_unclean(void **state)
{
	int saved, log = memfd_create("log", MFD_CLOEXEC), node;
	char lines[1 << 16];
	ssize_t len;

	(void)state;
	LAB_OK(lab_volume(NODE, 64 * MIB));
	LAB_OK(apart_attach(NODE, &node));
	assert_true(apart_can_write(node));
	run("sync; cp %s %s/cut", apart_path(OWN, NODE), lab.dir);
	close(node);
	lab_stop();
	apart_wait_free(OWN, NODE);
	run("cp %s/cut %s", lab.dir, apart_path(OWN, NODE));
	saved = dup(STDERR_FILENO);
	assert_true(dup2(log, STDERR_FILENO) >= 0);
	lab_start();
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	len = pread(log, lines, sizeof(lines) - 1, 0);
	close(log);
	assert_true(len >= 0);
	lines[len] = '\0';
	assert_non_null(
	    strstr(lines, "event=volume-unclean node=" NODE ".node "));
	assert_null(strstr(lines, "event=volume-unclean node=" NODE " "));
	LAB_OK(apart_attach(NODE, &node));
	assert_int_equal(faccessat(node, "more", F_OK, 0), 0);
	close(node);
}

/* --- a disk that goes away --------------------------------------------------*/

static void
test_disk_away(void **state)
{
	struct disk *d = disk_at('a');
	int node, again;

	(void)state;
	LAB_OK(lab_volume(NODE, 32 * MIB));
	assert_ptr_equal(apart_volume()->disk, d);
	LAB_OK(apart_attach(NODE, &node));
	disk_pull('a');
	look_at(d);
	turn_until(is_away, d);
	turn_until(is_let_go, d);
	assert_false(apart_volume()->own.attached);
	assert_int_equal(apart_mounts(), 0);
	assert_int_equal(apart_attach(NODE, &again), NX__STATUS__UNAVAILABLE);
	assert_non_null(strstr(reply.error, "is away"));
	/* The chunks are back though a node still holds its own. */
	disk_mount('a');
	look_at(d);
	turn_until(is_well, d);
	LAB_OK(lab_put(7, "/f", "hello", 5));
	LAB_OK(apart_attach(NODE, &again));
	assert_true(apart_can_write(again));
	close(again);
	close(node);
}

static int
setup_disk(void **state)
{
	return disks_setup(state, "a", 300);
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_two_images),
	    T(test_full_node),
	    T(test_full_of_chunks),
	    T(test_share),
	    T(test_old_volume),
	    T(test_damaged_own),
	    T(test_other_own),
	    T(test_damaged_chunks),
	    T(test_missing_own),
	    T(test_unclean),
	    cmocka_unit_test_setup_teardown(
		test_disk_away, setup_disk, disks_teardown),
	};

	LAB_OR_SKIP("the two images of a node's volume");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
