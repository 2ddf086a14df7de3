/*
 * What is looked at before a volume is mounted: an image that was cut, or is
 * another volume's, is left alone; one that was not unmounted is told of.
 */
#include "storaged/volumes/superblock.h"
#include "storaged_lab.h"

#define MIB (1024 * 1024)

static const char *
image_of(const char *node)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/volumes/%s.img", lab.dir, node);
	return path;
}

static void
read_of(const char *node, struct superblock *ret_sb)
{
	int fd = open(image_of(node), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(superblock_read(fd, ret_sb), 0);
	close(fd);
}

/* The image is let go a moment after the last user has. */
static void
wait_until_free(const char *node)
{
	int fd = open(image_of(node), O_RDONLY | O_CLOEXEC);
	struct loop loop;

	for (int i = 0; i < 100 && loop_find(fd, &loop) > 0; i++) {
		nx_close(&loop.fd);
		usleep(50000);
	}
	close(fd);
}

static void
test_as_made(void **state)
{
	struct superblock sb;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	lab_stop();
	wait_until_free(LAB_NODE("1"));
	read_of(LAB_NODE("1"), &sb);
	assert_int_equal(sb.size, 64 * MIB);
	assert_false(sb.unclean);
	assert_false(sb.errors);
	lab_start();
	assert_true(volume_find(lab.s.volumes, LAB_NODE("1"))->attached);
}

/* Refused with a sentence, and not written to. */
static void
refused(off_t size, const char *word)
{
	struct volume *v;

	LAB_OK(lab_put(7, "/f", "hello", 5));
	lab_stop();
	wait_until_free(LAB_NODE("1"));
	assert_int_equal(truncate(image_of(LAB_NODE("1")), size), 0);
	lab_start();
	v = volume_find(lab.s.volumes, LAB_NODE("1"));
	assert_false(v->attached);
	assert_true(volume_away(v));
	if (!strstr(v->away_why, word))
		fail_msg("\"%s\"", v->away_why);
	assert_int_not_equal(
	    lab_read(7, NULL, "/f", 0, 0, (const uint8_t *)"hello"),
	    NX__STATUS__OK);
	lab_stop();
	assert_int_equal(truncate(image_of(LAB_NODE("1")), 64 * MIB), 0);
	lab_start();
	assert_true(volume_find(lab.s.volumes, LAB_NODE("1"))->attached);
}

static void
test_cut_short(void **state)
{
	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	refused(63 * MIB, "the file system on it");
}

/* It holds its file system, and is not what the catalogue knows. */
static void
test_other_size(void **state)
{
	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	refused(65 * MIB, "the catalogue says");
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, (const uint8_t *)"hello"));
}

static void
test_no_ext4(void **state)
{
	struct volume *v;
	int fd;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	lab_stop();
	wait_until_free(LAB_NODE("1"));
	fd = open(image_of(LAB_NODE("1")), O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "\0\0", 2, 1024 + 0x38), 2);
	close(fd);
	lab_start();
	v = volume_find(lab.s.volumes, LAB_NODE("1"));
	assert_false(v->attached);
	assert_non_null(strstr(v->away_why, "no ext4"));
}

/* A copy of a mounted image is what a power cut leaves. */
static void
test_unclean(void **state)
{
	char command[700];
	struct superblock sb;

	(void)state;
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	LAB_OK(lab_put(7, "/f", "hello", 5));
	snprintf(command, sizeof(command), "sync; cp %s %s/cut",
	    image_of(LAB_NODE("1")), lab.dir);
	assert_int_equal(system(command), 0);
	lab_stop();
	wait_until_free(LAB_NODE("1"));
	snprintf(command, sizeof(command), "cp %s/cut %s", lab.dir,
	    image_of(LAB_NODE("1")));
	assert_int_equal(system(command), 0);
	read_of(LAB_NODE("1"), &sb);
	assert_true(sb.unclean);
	lab_start();
	LAB_OK(lab_read(7, NULL, "/f", 0, 0, (const uint8_t *)"hello"));
	lab_stop();
	wait_until_free(LAB_NODE("1"));
	read_of(LAB_NODE("1"), &sb);
	assert_false(sb.unclean);
	lab_start();
}

#define T(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_as_made),
	    T(test_cut_short),
	    T(test_other_size),
	    T(test_no_ext4),
	    T(test_unclean),
	};

	LAB_OR_SKIP("what is looked at before mounting");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
