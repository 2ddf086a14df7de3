/*
 * Wrapping volumes' keys, and keeping the wrapped key on a volume: every bit of
 * it counts, and whatever fails while it is written leaves a key that opens, or
 * none that was ever used.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/storaged.h"
#include "storaged/volumes/volume_key.h"

#define NODE "0123456789abcdef0123456789abcdef"

/* --- failures: the nth call of any of these ---------------------------------*/

static struct {
	int nth, seen;
} fault;

static bool
due(void)
{
	if (fault.nth == 0 || ++fault.seen != fault.nth)
		return false;
	errno = EIO;
	return true;
}

ssize_t
write(int fd, const void *data, size_t len)
{
	return fd > 2 && due() ? -1 : syscall(SYS_write, fd, data, len);
}

int
fsync(int fd)
{
	return due() ? -1 : (int)syscall(SYS_fsync, fd);
}

int
renameat(int from, const char *old, int to, const char *new)
{
	return due() ? -1 : (int)syscall(SYS_renameat, from, old, to, new);
}

int
mkdirat(int dir, const char *name, mode_t mode)
{
	return due() ? -1 : (int)syscall(SYS_mkdirat, dir, name, mode);
}

/* --- the lab ----------------------------------------------------------------*/

static char top[64], first_path[80], second_path[80];
static char off[] = "off", zstd[] = "zstd";
static int dir;
static struct storaged_conf conf;

static void
make_key(const char *path, char digit)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	for (int i = 0; i < 64; i++)
		assert_int_equal(write(fd, &digit, 1), 1);
	close(fd);
}

static int
setup(void **state)
{
	(void)state;
	memset(&fault, 0, sizeof(fault));
	snprintf(top, sizeof(top), "/tmp/nexus-keyring.XXXXXX");
	if (!mkdtemp(top) || checksum_setup() < 0 || seal_setup() < 0)
		return -1;
	snprintf(first_path, sizeof(first_path), "%s/first", top);
	snprintf(second_path, sizeof(second_path), "%s/second", top);
	make_key(first_path, 'a');
	make_key(second_path, 'b');
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	conf = (struct storaged_conf){.encryption = true,
	    .compression = off,
	    .encryption_key = first_path};
	return 0;
}

static int
teardown(void **state)
{
	static const char *const names[] = {
	    "first", "second", ".key", ".key.new"};

	(void)state;
	fault.nth = 0;
	for (size_t i = 0; i < NX_ARRAY_SIZE(names); i++)
		(void)unlinkat(dir, names[i], 0);
	(void)unlinkat(dir, ".coded", AT_REMOVEDIR);
	close(dir);
	return rmdir(top);
}

/* --- wrapping ---------------------------------------------------------------*/

static void
test_every_bit(void **state)
{
	struct keyring *k = keyring_new(&conf);
	uint8_t key[SEAL_KEY_LEN], wrapped[KEYRING_WRAPPED], got[SEAL_KEY_LEN];
	char name[KEYRING_NAME];

	(void)state;
	assert_null(keyring_why_not(k));
	memset(key, 7, sizeof(key));
	keyring_wrap(k, NODE, key, wrapped);
	assert_int_equal(keyring_unwrap(k, NODE, wrapped, got), 0);
	assert_memory_equal(got, key, sizeof(key));
	assert_int_equal(keyring_unwrap(k, "base-1", wrapped, got), -EBADMSG);
	for (size_t bit = 0; bit < sizeof(wrapped) * 8; bit++) {
		wrapped[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_equal(
		    keyring_unwrap(k, NODE, wrapped, got), -EBADMSG);
		wrapped[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	keyring_name(wrapped, name);
	assert_int_equal(strlen(name), 16);
	assert_null(memmem(wrapped, sizeof(wrapped), key, 8));
	keyring_free(k);
	/* another key, then this one as the former */
	conf.encryption_key = second_path;
	k = keyring_new(&conf);
	assert_int_equal(keyring_unwrap(k, NODE, wrapped, got), -ENOKEY);
	keyring_free(k);
	conf.encryption_key_old = first_path;
	k = keyring_new(&conf);
	assert_int_equal(keyring_unwrap(k, NODE, wrapped, got), 1);
	keyring_free(k);
}

/* --- on a volume ------------------------------------------------------------*/

static int
find(struct volume_keys *k, struct volume_key *ret_key)
{
	struct volume_error error = {""};

	return volume_key_find(k, NODE, dir, ret_key, &error);
}

/* Until nothing fails any more: then it is there, and found again. */
static void
test_making_fails(void **state)
{
	struct volume_key key, again;
	int r;

	(void)state;
	for (int nth = 1;; nth++) {
		struct volume_keys *k = volume_keys_new(&conf);

		fault = (typeof(fault)){.nth = nth};
		r = find(k, &key);
		assert_int_equal(r == 0, fault.seen < nth);
		fault.nth = 0;
		if (r < 0)
			assert_null(key.bytes);
		/* whatever there is opens, or there is none */
		assert_int_equal(find(k, &again), 0);
		assert_non_null(again.bytes);
		if (r == 0)
			assert_memory_equal(
			    again.bytes, key.bytes, SEAL_KEY_LEN);
		volume_key_fini(&again);
		volume_key_fini(&key);
		volume_keys_free(k);
		(void)unlinkat(dir, ".key", 0);
		if (r == 0)
			break;
		assert_int_equal(r, -EIO);
	}
}

/* The key stays the same though wrapping it anew fails at each place. */
static void
test_exchanging_fails(void **state)
{
	struct volume_keys *k = volume_keys_new(&conf);
	struct volume_key key, again;
	int r;

	(void)state;
	assert_int_equal(find(k, &key), 0);
	volume_keys_free(k);
	for (int nth = 1;; nth++) {
		conf.encryption_key = nth % 2 ? second_path : first_path;
		conf.encryption_key_old = nth % 2 ? first_path : second_path;
		k = volume_keys_new(&conf);
		fault = (typeof(fault)){.nth = nth};
		r = find(k, &again);
		fault.nth = 0;
		volume_key_fini(&again);
		assert_int_equal(find(k, &again), 0);
		assert_memory_equal(again.bytes, key.bytes, SEAL_KEY_LEN);
		volume_key_fini(&again);
		volume_keys_free(k);
		if (r == 0)
			break;
		assert_int_equal(r, -EIO);
	}
	volume_key_fini(&key);
}

/* A file cut short is as good as none, the catalogue's copy then is. */
static void
test_cut_short(void **state)
{
	struct volume_keys *k = volume_keys_new(&conf);
	struct volume_key key, again;
	int fd;

	(void)state;
	assert_int_equal(find(k, &key), 0);
	assert_true(key.unsaved);
	assert_int_equal(volume_keys_copy(k, NODE, key.wrapped), 0);
	assert_int_equal(fchmodat(dir, ".key", 0600, 0), 0);
	for (off_t len = 0; len < KEYRING_WRAPPED; len += 13) {
		fd = openat(dir, ".key", O_RDWR | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, len), 0);
		close(fd);
		assert_int_equal(find(k, &again), 0);
		assert_memory_equal(again.bytes, key.bytes, SEAL_KEY_LEN);
		assert_false(again.unsaved);
		volume_key_fini(&again);
		assert_int_equal(fchmodat(dir, ".key", 0600, 0), 0);
	}
	/* a volume of that name that is made anew has another one */
	volume_keys_forget(k, NODE);
	assert_int_equal(unlinkat(dir, ".key", 0), 0);
	assert_int_equal(find(k, &again), 0);
	assert_memory_not_equal(again.bytes, key.bytes, SEAL_KEY_LEN);
	volume_key_fini(&again);
	volume_key_fini(&key);
	volume_keys_free(k);
}

/* --- what others keep there ---------------------------------------------------*/

static void
test_buffers(void **state)
{
	static const uint8_t key[SEAL_KEY_LEN] = {1}, other_key[32] = {2};
	uint8_t sealed[5 + SEAL_EXTRA], plain[6] = {0};

	(void)state;
	assert_int_equal(seal_buffer(key, "log 1", "hello", 5, sealed), 0);
	assert_int_equal(
	    seal_buffer_open(key, "log 1", sealed, sizeof(sealed), plain), 0);
	assert_string_equal((char *)plain, "hello");
	assert_int_equal(
	    seal_buffer_open(key, "log 2", sealed, sizeof(sealed), plain),
	    -EBADMSG);
	assert_int_equal(
	    seal_buffer_open(other_key, "log 1", sealed, sizeof(sealed), plain),
	    -EBADMSG);
	for (size_t n = 0; n < sizeof(sealed); n++)
		assert_int_equal(
		    seal_buffer_open(key, "log 1", sealed, n, plain), -EBADMSG);
	for (size_t bit = 0; bit < sizeof(sealed) * 8; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_equal(seal_buffer_open(key, "log 1", sealed,
				     sizeof(sealed), plain),
		    -EBADMSG);
		sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	assert_int_equal(seal_buffer(key, "", NULL, 0, sealed), 0);
	assert_int_equal(
	    seal_buffer_open(key, "", sealed, SEAL_EXTRA, plain), 0);
}

/* With the volume's key, or as it is. */
static void
test_pieces(void **state)
{
	struct volume_keys *k = volume_keys_new(&conf);
	struct volume_key key, none = {0};
	uint8_t sealed[64], plain[64] = {0};
	size_t len;

	(void)state;
	assert_int_equal(find(k, &key), 0);
	len = 5 + volume_key_extra(&key);
	assert_int_equal(volume_key_seal(&key, "log 1", "hello", 5, sealed), 0);
	assert_null(memmem(sealed, len, "hello", 5));
	assert_int_equal(
	    volume_key_open(&key, "log 2", sealed, len, plain), -EBADMSG);
	assert_int_equal(volume_key_open(&key, "log 1", sealed, len, plain), 0);
	assert_memory_equal(plain, "hello", 5);
	assert_int_equal(volume_key_extra(&none), 0);
	assert_int_equal(
	    volume_key_seal(&none, "log 1", "hello", 5, sealed), 0);
	assert_memory_equal(sealed, "hello", 5);
	assert_int_equal(volume_key_open(&none, "x", sealed, 5, plain), 0);
	volume_key_fini(&key);
	volume_keys_free(k);
}

static void
test_directory(void **state)
{
	struct volume_keys *k;
	int fd = -2;

	(void)state;
	conf.encryption = false;
	k = volume_keys_new(&conf);
	assert_int_equal(volume_coded_directory(k, dir, &fd), 0);
	assert_int_equal(fd, -1);
	conf.compression = zstd;
	for (int nth = 1; nth <= 2; nth++) {
		fault = (typeof(fault)){.nth = nth};
		assert_int_not_equal(volume_coded_directory(k, dir, &fd), 0);
		(void)unlinkat(dir, ".coded", AT_REMOVEDIR);
	}
	fault.nth = 0;
	assert_int_equal(volume_coded_directory(k, dir, &fd), 0);
	assert_true(fd >= 0);
	close(fd);
	conf.compression = off;
	assert_int_equal(volume_coded_directory(k, dir, &fd), 0);
	assert_true(fd >= 0);
	close(fd);
	volume_keys_free(k);
}

#define K(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    K(test_every_bit),
	    K(test_making_fails),
	    K(test_exchanging_fails),
	    K(test_cut_short),
	    K(test_buffers),
	    K(test_pieces),
	    K(test_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
