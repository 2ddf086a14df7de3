/*
 * Keys of volumes: made, kept in two places, and needed. What a missing key
 * costs is time and nothing else; nothing is ever written plain by mistake.
 */
#define LAB_CODED
#include <sqlite3.h>

#include "storaged_lab.h"

#define MIB (1024 * 1024)

static const char first[] = "000102030405060708090a0b0c0d0e0f"
			    "101112131415161718191a1b1c1d1e1f\n";
static const char second[] = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
			     "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

static char key_path[80], old_path[80];

static void
write_key(const char *path, const char *text, mode_t mode)
{
	int fd;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(nx_write_full(fd, text, strlen(text)), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int
setup(void **state)
{
	int r = lab_setup(state);

	snprintf(key_path, sizeof(key_path), "%s/key", lab.dir);
	snprintf(old_path, sizeof(old_path), "%s/key-old", lab.dir);
	if (r == 0)
		LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	return r;
}

static int
teardown(void **state)
{
	lab.coded = true;
	lab.s.conf.encryption_key_old = NULL;
	return lab_teardown(state);
}

static void
restart(void)
{
	lab_stop();
	lab_start();
}

static struct volume *
the_volume(void)
{
	return volume_find(lab.s.volumes, LAB_NODE("1"));
}

static const char *
why_away(void)
{
	assert_false(the_volume()->attached);
	assert_int_equal(lab_status()->away, 1);
	assert_non_null(
	    strstr(lab_status()->away_note, the_volume()->away_why));
	return the_volume()->away_why;
}

static char id[33];

static uint8_t *
upload(size_t size)
{
	struct lab_upload u = {.name = "f", .replicas = 1};
	uint8_t *data = lab_random(size);

	LAB_OK(lab_upload(1, &u, data, size, id));
	return data;
}

static int
chunks_dir(void)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/storage/mnt/%s/chunks", lab.dir,
	    LAB_NODE("1"));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void
execute(const char *sql)
{
	sqlite3 *db;
	char path[256];

	snprintf(path, sizeof(path), "%s/storage/storage.db", lab.dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* --- nothing of it is on the disk -------------------------------------------*/

static bool
image_has(const void *needle, size_t len)
{
	size_t size = 64 * MIB;
	uint8_t *image = malloc(size);
	char path[128];
	bool found;
	int fd;

	sync();
	snprintf(
	    path, sizeof(path), "%s/volumes/%s.img", lab.dir, LAB_NODE("1"));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, image, size, 0), size);
	close(fd);
	found = memmem(image, size, needle, len) != NULL;
	free(image);
	return found;
}

static void
test_image(void **state)
{
	struct lab_upload u = {.name = "g", .replicas = 1};
	size_t size = 2 * MIB + 77;
	uint8_t *data = upload(size);
	char *words = malloc(size);

	(void)state;
	for (size_t i = 0; i < size; i++)
		words[i] = "words that can be found anywhere; "[i % 34];
	LAB_OK(lab_upload(1, &u, (uint8_t *)words, size, NULL));
	lab_stop();
	for (size_t at = 0; at + 64 <= size; at += 500000)
		assert_false(image_has(data + at, 64));
	assert_false(image_has("words that can be found", 23));
	assert_false(image_has(first, 16));
	/* without encryption it would be */
	lab.coded = false;
	lab_start();
	LAB_OK(lab_upload(1, &u, (uint8_t *)words, size, NULL));
	lab_stop();
	assert_true(image_has("words that can be found", 23));
	lab_start();
	LAB_OK(lab_read(1, id, NULL, 0, 0, data));
	free(words);
	free(data);
}

/* --- a key that is not there ------------------------------------------------*/

static void
test_missing(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *why;
	} wrong[] = {
	    {NULL, 0, "cannot be opened"},
	    {first, 0644, "chmod 0600"},
	    {first, 0620, "chmod 0600"},
	    {"0001\n", 0600, "openssl rand -hex 32"},
	    {"", 0600, "64 hexadecimal"},
	    {second, 0600, "is not here"},
	};
	uint8_t *data = upload(MIB);
	struct lab_upload u = {.name = "g"};
	uint64_t n = 0;
	int fd;

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(wrong); i++) {
		lab_stop();
		(void)unlink(key_path);
		if (wrong[i].text)
			write_key(key_path, wrong[i].text, wrong[i].mode);
		/* whether or not it is still to be written encrypted */
		for (int on = 0; on < 2; on++) {
			lab.coded = on;
			lab_start();
			if (!strstr(why_away(), wrong[i].why))
				fail_msg(
				    "%s: not \"%s\"", why_away(), wrong[i].why);
			assert_int_equal(lab_open_upload(1, &u, &n, &fd),
			    NX__STATUS__CONFLICT);
			assert_int_not_equal(
			    lab_read(1, id, NULL, 0, 0, data), NX__STATUS__OK);
			lab_stop();
		}
		lab.coded = true;
		write_key(key_path, first, 0600);
		lab_start();
		LAB_OK(lab_read(1, id, NULL, 0, 0, data));
	}
	free(data);
}

/* Encrypted it cannot be, plain it must not: so no volume is made. */
static void
test_none_to_make_one(void **state)
{
	(void)state;
	lab_stop();
	(void)unlink(key_path);
	lab_start();
	assert_int_not_equal(
	    lab_volume(LAB_NODE("2"), 64 * MIB), NX__STATUS__OK);
	assert_non_null(strstr(reply.error, "key"));
	assert_null(volume_find(lab.s.volumes, LAB_NODE("2")));
	write_key(key_path, first, 0600);
	restart();
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
}

/* --- either copy is enough --------------------------------------------------*/

static void
test_two_places(void **state)
{
	uint8_t *data = upload(MIB), wrapped[KEYRING_WRAPPED], again[92];
	int fd, dir;

	(void)state;
	memcpy(wrapped, the_volume()->mounted.key.wrapped, sizeof(wrapped));
	dir = chunks_dir();
	assert_int_equal(unlinkat(dir, ".key", 0), 0);
	close(dir);
	restart();
	LAB_OK(lab_read(1, id, NULL, 0, 0, data));
	dir = chunks_dir();
	fd = openat(dir, ".key", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0); /* it is there again */
	assert_int_equal(read(fd, again, sizeof(again)), sizeof(again));
	assert_memory_equal(again, wrapped, sizeof(again));
	close(fd);
	/* a flipped bit there */
	assert_int_equal(fchmodat(dir, ".key", 0600, 0), 0);
	fd = openat(dir, ".key", O_RDWR | O_CLOEXEC);
	again[50] ^= 1;
	assert_int_equal(pwrite(fd, again, sizeof(again), 0), sizeof(again));
	close(fd);
	close(dir);
	restart();
	LAB_OK(lab_read(1, id, NULL, 0, 0, data));
	/* none in the catalogue */
	lab_stop();
	execute("DELETE FROM volume_keys");
	lab_start();
	LAB_OK(lab_read(1, id, NULL, 0, 0, data));
	lab_stop();
	execute("CREATE TABLE t AS SELECT 1 / count(*) FROM volume_keys");
	/* both damaged: it says so, and loses nothing */
	execute("UPDATE volume_keys SET wrapped = zeroblob(92)");
	lab_start();
	dir = chunks_dir();
	assert_int_equal(fchmodat(dir, ".key", 0600, 0), 0);
	fd = openat(dir, ".key", O_RDWR | O_TRUNC | O_CLOEXEC);
	assert_int_equal(pwrite(fd, again, sizeof(again), 0), sizeof(again));
	lab_stop();
	execute("UPDATE volume_keys SET wrapped = zeroblob(92)");
	lab_start();
	assert_non_null(strstr(why_away(), "damaged"));
	lab_stop();
	again[50] ^= 1;
	assert_int_equal(pwrite(fd, again, sizeof(again), 0), sizeof(again));
	close(fd);
	close(dir);
	lab_start();
	LAB_OK(lab_read(1, id, NULL, 0, 0, data));
	free(data);
}

/* --- another key ------------------------------------------------------------*/

static void
test_exchanged(void **state)
{
	uint8_t *data = upload(MIB), before[KEYRING_WRAPPED];

	(void)state;
	memcpy(before, the_volume()->mounted.key.wrapped, sizeof(before));
	lab_stop();
	write_key(old_path, first, 0600);
	write_key(key_path, second, 0600);
	lab.s.conf.encryption_key_old = old_path;
	lab_start();
	LAB_OK(lab_read(1, id, NULL, 0, 0, data));
	assert_memory_not_equal(
	    before, the_volume()->mounted.key.wrapped, sizeof(before));
	/* the old one is not needed any more, not for either place */
	lab_stop();
	lab.s.conf.encryption_key_old = NULL;
	for (int place = 0; place < 2; place++) {
		lab_start();
		LAB_OK(lab_read(1, id, NULL, 0, 0, data));
		if (place == 0) {
			int dir = chunks_dir();

			assert_int_equal(unlinkat(dir, ".key", 0), 0);
			close(dir);
		}
		lab_stop();
	}
	write_key(key_path, first, 0600);
	lab_start();
	assert_non_null(strstr(why_away(), "is not here"));
	free(data);
}

/* --- on and off -------------------------------------------------------------*/

static void
test_switched(void **state)
{
	uint8_t *one = upload(MIB), *two, *three;
	char id_one[33], id_two[33];
	struct chunk_count count;

	(void)state;
	memcpy(id_one, id, sizeof(id));
	lab_stop();
	lab.coded = false;
	lab_start();
	LAB_OK(lab_read(1, id_one, NULL, 0, 0, one));
	two = upload(MIB);
	memcpy(id_two, id, sizeof(id));
	lab_stop();
	lab.coded = true;
	lab_start();
	three = upload(MIB);
	LAB_OK(lab_read(1, id_one, NULL, 0, 0, one));
	LAB_OK(lab_read(1, id_two, NULL, 0, 0, two));
	LAB_OK(lab_read(1, id, NULL, 0, 0, three));
	assert_int_equal(lab_chunk_files(), 3);
	chunk_count(the_volume()->store, &count);
	assert_int_equal(count.coded, 2);
	assert_int_equal(count.plain, 1);
	/* what moves is written as is set */
	LAB_OK(lab_volume(LAB_NODE("2"), 64 * MIB));
	LAB_OK(lab_volume_delete(LAB_NODE("1"), false));
	assert_int_equal(lab_chunk_files(), 3);
	chunk_count(volume_find(lab.s.volumes, LAB_NODE("2"))->store, &count);
	assert_int_equal(count.coded, 3);
	LAB_OK(lab_read(1, id_two, NULL, 0, 0, two));
	free(one);
	free(two);
	free(three);
}

/* A volume that was there before gets its key when encryption is first on. */
static void
test_later(void **state)
{
	uint8_t *data, *more;
	char before[33];

	(void)state;
	lab_stop();
	lab.coded = false;
	lab_start();
	LAB_OK(lab_volume_delete(LAB_NODE("1"), true));
	LAB_OK(lab_volume(LAB_NODE("1"), 64 * MIB));
	assert_null(the_volume()->mounted.key.bytes);
	data = upload(MIB);
	memcpy(before, id, sizeof(id));
	lab_stop();
	lab.coded = true;
	lab_start();
	assert_non_null(the_volume()->mounted.key.bytes);
	more = upload(MIB);
	LAB_OK(lab_read(1, id, NULL, 0, 0, more));
	LAB_OK(lab_read(1, before, NULL, 0, 0, data));
	free(more);
	free(data);
}

#define K(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    K(test_image),
	    K(test_missing),
	    K(test_none_to_make_one),
	    K(test_two_places),
	    K(test_exchanged),
	    K(test_switched),
	    K(test_later),
	};

	LAB_OR_SKIP("keys of volumes");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
