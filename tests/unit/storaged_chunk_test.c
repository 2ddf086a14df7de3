/*
 * Chunks: put once, verify, and what becomes of a replica whose write, sync or
 * link fails. Failures come from this file's own write, fdatasync, linkat and
 * fsync, which take the place of the C library's.
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
#include "storaged/chunks/chunks.h"

/* --- failures ---------------------------------------------------------------*/

enum { NONE, WRITE, SYNC, LINK, DIRSYNC };

static struct {
	int what, nth, error; /* the nth call of that kind fails once */
	int seen;
} fault;

static bool
due(int what)
{
	if (fault.what != what || ++fault.seen != fault.nth)
		return false;
	errno = fault.error;
	return true;
}

ssize_t
write(int fd, const void *data, size_t len)
{
	if (len > 4096 && due(WRITE))
		return -1;
	return syscall(SYS_write, fd, data, len);
}

int
fdatasync(int fd)
{
	return due(SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int
linkat(int from, const char *old, int to, const char *new, int flags)
{
	return due(LINK) ? -1
			 : (int)syscall(SYS_linkat, from, old, to, new, flags);
}

int
fsync(int fd)
{
	return due(DIRSYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

/* --- stores -----------------------------------------------------------------*/

#define STORES 3

static char top[64];
static struct chunk_store *stores[STORES];

static int
setup(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/nexus-chunk.XXXXXX");
	if (!mkdtemp(top))
		return -1;
	for (int i = 0; i < STORES; i++) {
		struct chunk_store_spec spec = {.kind = CHUNK_STORE_LOCAL};
		char path[80];

		snprintf(path, sizeof(path), "%s/%d", top, i);
		mkdir(path, 0700);
		spec.dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (chunk_store_new(&spec, &stores[i]) < 0)
			return -1;
	}
	memset(&fault, 0, sizeof(fault));
	return checksum_setup();
}

static void
remove_one(const char *name, uint64_t changed_at, void *arg)
{
	(void)changed_at;
	assert_int_equal(chunk_remove_stray(arg, name, UINT64_MAX), 0);
}

static int
teardown(void **state)
{
	(void)state;
	fault.what = NONE;
	for (int i = 0; i < STORES; i++) {
		char path[80];

		chunk_list(stores[i], remove_one, stores[i]);
		stores[i] = chunk_store_free(stores[i]);
		snprintf(path, sizeof(path), "%s/%d", top, i);
		rmdir(path);
	}
	rmdir(top);
	return 0;
}

static void
count_one(const char *name, uint64_t changed_at, void *arg)
{
	(void)name;
	(void)changed_at;
	++*(unsigned *)arg;
}

static unsigned
chunks_in(int i)
{
	unsigned n = 0;

	assert_int_equal(chunk_list(stores[i], count_one, &n), 0);
	return n;
}

static unsigned
all_chunks(void)
{
	return chunks_in(0) + chunks_in(1) + chunks_in(2);
}

static struct chunk_reader *
reader_of(int i, const struct chunk_id *id)
{
	struct chunk_reader *reader = NULL;

	assert_int_equal(chunk_open(stores[i], id, &reader), 0);
	return reader;
}

static uint8_t *
pattern(size_t size)
{
	uint8_t *data = malloc(size + 1);

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 2654435761U >> 13);
	return data;
}

/* --- tests ------------------------------------------------------------------*/

static void
test_once(void **state)
{
	struct chunk_draft *d;
	struct chunk_id id;
	struct stat st;
	struct chunk_reader *reader;
	char buf[8] = {0};
	uint64_t at;
	int fd;

	(void)state;
	nx_id_new(id.text);
	assert_int_equal(chunk_begin(stores[0], &d), 0);
	assert_int_equal(chunk_write(d, "hello", 5), 0);
	assert_int_equal(chunks_in(0), 0); /* invisible until it is whole */
	assert_int_equal(chunk_commit(d, &id, false), 0);
	assert_int_equal(chunks_in(0), 1);
	/* a second one under that id is refused, the first stays */
	assert_int_equal(chunk_begin(stores[0], &d), 0);
	assert_int_equal(chunk_write(d, "other", 5), 0);
	assert_int_equal(chunk_commit(d, &id, false), -EEXIST);
	chunk_discard(d);
	reader = reader_of(0, &id);
	assert_int_equal(chunk_read_at(reader, buf, 5, 0), 0);
	assert_string_equal(buf, "hello");
	assert_int_equal(chunk_read_at(reader, buf, 5, 1), -EBADMSG);
	fd = chunk_fd_for_sending(reader, 2, 3, &at);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, buf, 3, (off_t)at), 3);
	assert_memory_equal(buf, "llo", 3);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	close(fd);
	/* but can be replaced on purpose */
	assert_int_equal(chunk_begin(stores[0], &d), 0);
	assert_int_equal(chunk_write(d, "OTHER", 5), 0);
	assert_int_equal(chunk_commit(d, &id, true), 0);
	/* whoever has the old one open goes on with it */
	assert_int_equal(chunk_read_at(reader, buf, 5, 0), 0);
	assert_string_equal(buf, "hello");
	chunk_close(reader);
	reader = reader_of(0, &id);
	assert_int_equal(chunk_read_at(reader, buf, 5, 0), 0);
	assert_string_equal(buf, "OTHER");
	chunk_close(reader);
	assert_int_equal(chunk_remove(stores[0], &id), 0);
	assert_int_equal(chunk_remove(stores[0], &id), 0);
	assert_int_equal(chunk_open(stores[0], &id, &reader), -ENOENT);
}

static struct chunk_put *
put_new(unsigned want, int n_stores)
{
	struct chunk_put *put;

	assert_int_equal(chunk_put_new(want, &put), 0);
	for (int i = 0; i < n_stores; i++)
		chunk_put_add(put, stores[i], NULL);
	return put;
}

static int
put_all(struct chunk_put *put, const uint8_t *data, size_t size)
{
	int r = 0;

	for (size_t at = 0; at < size && r == 0; at += 100000) {
		size_t n = size - at < 100000 ? size - at : 100000;

		r = chunk_put_write(put, data + at, n);
	}
	return r < 0 ? r : chunk_put_finish(put);
}

/* Every replica that is called durable must read back right. */
static void
check_replicas(struct chunk_put *put, unsigned expected)
{
	unsigned good = 0;

	for (size_t i = 0; i < put->n_places; i++) {
		struct chunk_reader *reader;

		if (put->places[i].state != PUT_DONE)
			continue;
		assert_int_equal(
		    chunk_open(put->places[i].store, &put->id, &reader), 0);
		assert_int_equal(
		    chunk_verify(reader, &put->sums, 0, put->sums.size, NULL),
		    0);
		chunk_close(reader);
		good++;
	}
	assert_int_equal(good, expected);
	assert_int_equal(all_chunks(), expected);
}

static void
test_verify(void **state)
{
	size_t size = 5 * CRC_BLOCK + 77;
	uint8_t *data = pattern(size);
	struct chunk_put *put = put_new(1, 1);
	struct etag etag;
	struct chunk_reader *reader;
	uint32_t good;
	char path[160];
	int w;

	(void)state;
	assert_int_equal(put_all(put, data, size), 0);
	check_replicas(put, 1);
	assert_int_equal(put->sums.crc[0], checksum_crc(data, CRC_BLOCK));
	checksum_etag((const uint8_t(*)[MD5_LEN]) & put->sums.md5, 1, &etag);
	assert_int_equal(strlen(etag.text), 32);
	/* one byte in the third block */
	snprintf(path, sizeof(path), "%s/0/%s", top, put->id.text);
	chmod(path, 0600);
	w = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(w, "\0\1\2\3", 4, 2 * CRC_BLOCK + 9), 4);
	reader = reader_of(0, &put->id);
	assert_int_equal(
	    chunk_verify(reader, &put->sums, 0, put->sums.size, &good),
	    -EBADMSG);
	assert_int_equal(good, 2 * CRC_BLOCK);
	/* counted from where the question began */
	assert_int_equal(
	    chunk_verify(reader, &put->sums, 100, 3 * CRC_BLOCK, &good),
	    -EBADMSG);
	assert_int_equal(good, 2 * CRC_BLOCK - 100);
	assert_int_equal(
	    chunk_verify(reader, &put->sums, 0, 2 * CRC_BLOCK, &good), 0);
	assert_int_equal(good, 2 * CRC_BLOCK);
	assert_int_equal(
	    chunk_verify(reader, &put->sums, 3 * CRC_BLOCK, 1, &good), 0);
	assert_int_equal(good, 1);
	assert_int_equal(
	    chunk_verify(reader, &put->sums, 3 * CRC_BLOCK - 1, 1, &good),
	    -EBADMSG);
	assert_int_equal(good, 0);
	assert_int_equal(chunk_verify(reader, &put->sums, 7, 0, &good), 0);
	/* cut short: what is before the end is still good */
	assert_int_equal(ftruncate(w, 5 * CRC_BLOCK), 0);
	assert_int_equal(chunk_verify(reader, &put->sums, 3 * CRC_BLOCK,
			     2 * CRC_BLOCK + 77, &good),
	    -EBADMSG);
	assert_int_equal(good, 2 * CRC_BLOCK);
	close(w);
	chunk_close(reader);
	chunk_put_free(put);
	free(data);
}

static void
test_known_sums(void **state)
{
	struct hasher *h;
	struct checksums sums;
	struct etag etag;

	(void)state;
	assert_int_equal(hasher_new(&h), 0);
	hasher_add(h, "1234", 4);
	hasher_add(h, "56789", 5);
	hasher_digest(h, &sums);
	hasher_free(h);
	/* the check value of CRC-32C, and md5sum's word */
	assert_int_equal(sums.crc[0], 0xe3069283);
	checksum_etag((const uint8_t(*)[MD5_LEN]) & sums.md5, 1, &etag);
	assert_string_equal(etag.text, "25f9e794323b453885f5181f1b624d0b");
	checksum_etag(NULL, 0, &etag);
	assert_string_equal(etag.text, "d41d8cd98f00b204e9800998ecf8427e");
}

/* With a spare store every single failure is made good; with none left the
 * chunk has one replica less, and with no replica at all it fails and leaves
 * nothing. Each kind, each position, until it no longer strikes. */
static void
inject(int what, int error, unsigned want, int n_stores)
{
	size_t size = 9 * CRC_BLOCK + 5;
	uint8_t *data = pattern(size);
	bool struck = true;

	for (int nth = 1; struck; nth++) {
		struct chunk_put *put = put_new(want, n_stores);
		unsigned left = (unsigned)n_stores;
		int r;

		fault =
		    (typeof(fault)){.what = what, .nth = nth, .error = error};
		r = put_all(put, data, size);
		struck = fault.seen >= nth;
		fault.what = NONE;
		if (struck)
			left--;
		if (left > want)
			left = want;
		if (left == 0) {
			assert_int_equal(r, -error);
			assert_int_equal(all_chunks(), 0);
		} else {
			assert_int_equal(r, 0);
			check_replicas(put, left);
		}
		for (size_t i = 0; i < put->n_places; i++)
			chunk_remove(put->places[i].store, &put->id);
		chunk_put_free(put);
	}
	assert_int_equal(all_chunks(), 0);
	free(data);
}

static void
test_failures(void **state)
{
	static const int kinds[] = {WRITE, SYNC, LINK, DIRSYNC};

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(kinds); i++)
		for (unsigned want = 1; want <= 2; want++)
			for (int n = (int)want; n <= STORES; n++) {
				inject(kinds[i], EIO, want, n);
				inject(kinds[i], ENOSPC, want, n);
			}
}

/* Spoils block @block of the chunk in store @i. */
static void
spoil(int i, const struct chunk_id *id, uint32_t block)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/%d/%s", top, i, id->text);
	(void)chmod(path, 0600);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(
	    pwrite(fd, "spoilt", 6, (off_t)block * CRC_BLOCK + 17), 6);
	close(fd);
}

static void
test_copy(void **state)
{
	size_t size = 3 * CRC_BLOCK;
	uint8_t *data = pattern(size);
	struct chunk_put *put = put_new(1, 1);
	struct chunk_reader *from[2] = {NULL};
	bool source;

	(void)state;
	assert_int_equal(put_all(put, data, size), 0);
	from[1] = reader_of(0, &put->id);
	assert_int_equal(chunk_copy(from, 2, &put->sums, stores[1], &put->id,
			     false, &source),
	    0);
	assert_int_equal(chunk_copy(from, 2, &put->sums, stores[1], &put->id,
			     false, &source),
	    -EEXIST);
	assert_false(source);
	put->sums.crc[1] ^= 1;
	assert_int_equal(chunk_copy(from, 2, &put->sums, stores[2], &put->id,
			     false, &source),
	    -EBADMSG);
	assert_true(source);
	assert_int_equal(chunks_in(2), 0);
	chunk_close(from[1]);
	chunk_put_free(put);
	free(data);
}

/* Two replicas damaged in different blocks are one good chunk, and both become
 * good again; a block that is good nowhere cannot be made up. */
static void
test_compose(void **state)
{
	size_t size = 9 * CRC_BLOCK + 100;
	uint8_t *data = pattern(size);
	struct chunk_put *put = put_new(2, 2);
	struct chunk_reader *from[2];
	bool source;

	(void)state;
	assert_int_equal(put_all(put, data, size), 0);
	spoil(0, &put->id, 2);
	spoil(0, &put->id, 9);
	spoil(1, &put->id, 0);
	spoil(1, &put->id, 3);
	for (int i = 0; i < 2; i++)
		from[i] = reader_of(i, &put->id);
	for (int i = 0; i < 2; i++)
		assert_int_equal(chunk_copy(from, 2, &put->sums, stores[i],
				     &put->id, true, &source),
		    0);
	check_replicas(put, 2);
	for (int i = 0; i < 2; i++)
		chunk_close(from[i]);
	spoil(0, &put->id, 5);
	spoil(1, &put->id, 5);
	for (int i = 0; i < 2; i++)
		from[i] = reader_of(i, &put->id);
	assert_int_equal(
	    chunk_copy(from, 2, &put->sums, stores[2], &put->id, true, &source),
	    -EBADMSG);
	assert_true(source);
	assert_int_equal(chunks_in(2), 0);
	for (int i = 0; i < 2; i++)
		chunk_close(from[i]);
	chunk_put_free(put);
	free(data);
}

/* What was listed as a leftover may be a good copy by the time it is to go. */
static void
test_leftover(void **state)
{
	struct chunk_draft *d;
	struct chunk_id id;

	(void)state;
	nx_id_new(id.text);
	assert_int_equal(chunk_begin(stores[0], &d), 0);
	assert_int_equal(chunk_commit(d, &id, false), 0);
	assert_int_equal(chunk_remove_stray(stores[0], id.text, 1000), 0);
	assert_int_equal(chunks_in(0), 1);
	assert_int_equal(chunk_remove_stray(stores[0], id.text, UINT64_MAX), 0);
	assert_int_equal(chunks_in(0), 0);
	assert_int_equal(chunk_remove_stray(stores[0], id.text, UINT64_MAX), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_once),
	    T(test_known_sums),
	    T(test_verify),
	    T(test_failures),
	    T(test_copy),
	    T(test_compose),
	    T(test_leftover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
