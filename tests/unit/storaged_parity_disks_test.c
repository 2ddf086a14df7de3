/*
 * Files with parity on three disks: one part on each, one of them taken away and
 * given back, parts that share a disk moved apart, a disk emptied.
 */
#include "storaged_disks_lab.h"
#include "storaged_parity_lab.h"

static int
setup(void **state)
{
	lab.away_grace = 1;
	return disks_setup(state, "abc", 300);
}

static const Nx__FileInfo *
info_of(const char *path)
{
	Nx__FileRequest q = NX__FILE_REQUEST__INIT;
	struct catalog_file file;

	lab_file_at(path, &file);
	q.id = file.id;
	LAB_OK(lab_call(7, NX__METHOD__FILE_STAT, &q));
	return LAB_BODY(Nx__FileInfo);
}

static void
test_three_disks(void **state)
{
	uint8_t *data = lab_random(11 * MIB);

	(void)state;
	for (int i = 0; i < 6; i++) {
		LAB_OK(lab_code_file("/f", "2+1", i % 2, data, 11 * MIB));
		assert_string_equal(info_of("/f")->spread, "2+1 over 3 disks");
		assert_string_equal(info_of("/f")->erasure, "2+1");
		assert_int_equal(info_of("/f")->disks, 3);
		lab_settle();
	}
	LAB_OK(lab_code_file("/s", "2+1", true, data, 100));
	assert_string_equal(info_of("/s")->spread, "2 disks");
	assert_int_equal(lab_findings(), 0);
	free(data);
}

static void
take_away(char name)
{
	struct disk *d = disk_at(name);

	disk_pull(name);
	look_at(d);
	turn_until(is_away, d);
	turn_until(is_let_go, d);
}

static void
give_back(char name)
{
	struct disk *d = disk_at(name);

	disk_mount(name);
	look_at(d);
	turn_until(is_well, d);
}

/* However many volumes with room one of them has: it gets one part. */
static void
test_many_on_one(void **state)
{
	uint8_t *data = lab_random(11 * MIB);

	(void)state;
	take_away('b');
	take_away('c');
	LAB_OK(lab_volume(LAB_NODE("1"), 32 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 32 * MIB));
	give_back('b');
	give_back('c');
	for (int i = 0; i < 6; i++) {
		LAB_OK(lab_code_file("/f", "2+1", i % 2, data, 11 * MIB));
		assert_string_equal(info_of("/f")->spread, "2+1 over 3 disks");
		lab_settle();
	}
	free(data);
}

/* Any one of them. */
static void
test_pulled(void **state)
{
	uint8_t *data = lab_random(23 * MIB + 9);
	size_t size = 23 * MIB + 9;

	(void)state;
	LAB_OK(lab_code_file("/f", "2+1", true, data, size));
	LAB_OK(lab_code_file("/s", "2+1", true, data, 5000));
	for (const char *name = "abc"; *name; name++) {
		struct disk *d = disk_at(*name);

		disk_pull(*name);
		look_at(d);
		turn_until(is_away, d);
		LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
		LAB_OK(lab_read(7, NULL, "/s", 0, 0, data));
		/* what it needs is not there, and nothing is half kept */
		assert_int_equal(lab_code_file("/g", "2+1", true, data, size),
		    NX__STATUS__CONFLICT);
		assert_non_null(strstr(reply.error, "3 active volumes"));
		turn_until(is_let_go, d);
		disk_mount(*name);
		look_at(d);
		turn_until(is_well, d);
		lab_settle();
		LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
		assert_true(lab_check_stripes("/f") == 3);
		LAB_OK(lab_code_file("/g", "2+1", true, data, 10 * MIB));
		assert_string_equal(info_of("/g")->spread, "2+1 over 3 disks");
	}
	assert_int_equal(lab_findings(), 0);
	free(data);
}

static bool
is_over_three(void *path)
{
	return strcmp(info_of(path)->spread, "2+1 over 3 disks") == 0;
}

/* A disk comes back to those that had two parts. */
static void
test_spread(void **state)
{
	uint8_t *data = lab_random(11 * MIB);
	struct disk *c = disk_at('c');

	(void)state;
	disk_pull('c');
	look_at(c);
	turn_until(is_away, c);
	turn_until(is_let_go, c);
	LAB_OK(lab_volume(LAB_NODE("1"), 32 * MIB));
	LAB_OK(lab_volume(LAB_NODE("2"), 32 * MIB));
	LAB_OK(lab_code_file("/f", "2+1", true, data, 11 * MIB));
	assert_string_equal(
	    info_of("/f")->spread, "2+1 over 2 disks, 3 volumes");
	disk_mount('c');
	look_at(c);
	turn_until(is_well, c);
	lab_until(is_over_three, "/f");
	assert_int_equal(lab_check_stripes("/f"), 2);
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, data));
	lab_settle();
	assert_int_equal(lab_findings(), 0);
	free(data);
}

static bool
is_empty(void *node)
{
	struct volume *v = volume_find(lab.s.volumes, node);
	uint64_t chunks = 1;

	assert_non_null(v);
	return catalog_volume_chunks(lab.s.catalog, v->key, &chunks) == 0 &&
	    chunks == 0;
}

/* A part is moved, or made of the others when it cannot be read. */
static void
test_emptied(void **state)
{
	uint8_t *data = lab_random(11 * MIB);
	Nx__VolumeEmptyRequest q = NX__VOLUME_EMPTY_REQUEST__INIT;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 32 * MIB));
	for (int i = 0; i < 4; i++) {
		char path[16];

		snprintf(path, sizeof(path), "/f%d", i);
		LAB_OK(lab_code_file(path, "2+1", true, data, 11 * MIB));
	}
	q.node = (char *)(uintptr_t)LAB_NODE("1");
	q.failed = true;
	LAB_OK(lab_call(0, NX__METHOD__VOLUME_EMPTY, &q));
	lab_until(is_empty, (char *)(uintptr_t)LAB_NODE("1"));
	for (int i = 0; i < 4; i++) {
		char path[16];

		snprintf(path, sizeof(path), "/f%d", i);
		assert_int_equal(lab_check_stripes(path), 2);
		assert_true(lab_is_whole(path));
		LAB_OK(lab_read(7, NULL, path, 0, 0, data));
	}
	assert_int_equal(lab_findings(), 0);
	free(data);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, disks_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_three_disks),
	    T(test_many_on_one),
	    T(test_pulled),
	    T(test_spread),
	    T(test_emptied),
	};

	LAB_OR_SKIP("files with parity on disks");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
