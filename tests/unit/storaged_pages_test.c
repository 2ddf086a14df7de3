/*
 * Pages looked at where they are: what is not in memory is not waited for, what
 * vanishes under the eyes of a thread costs that look and nothing else, and what
 * is checked that way is checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/fd.h"
#include "storaged/chunks/chunks.h"

#define SIZE (9U * CRC_BLOCK + 1234U)

static uint8_t content[SIZE];
static struct checksums sums;

static int
setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		content[i] = (uint8_t)((i * 2654435761U) >> 13);
	sums = (struct checksums){0};
	checksums_add(&sums, content, SIZE);
	return checksum_setup();
}

/* A file in memory with the content. */
static int
make_file(void)
{
	int fd = memfd_create("pages", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, SIZE), SIZE);
	return fd;
}

static void
test_far(void **state)
{
	static const size_t lens[] = {0, 1, 63, 64, 2047, 2048, 2049, 8191,
	    8192, 8193, 10240, CRC_BLOCK - 1, CRC_BLOCK};

	(void)state;
	for (size_t i = 0; i < NX_ARRAY_SIZE(lens); i++)
		for (size_t at = 0; at < 3; at++)
			assert_int_equal(
			    checksum_crc_far(content + at, lens[i]),
			    checksum_crc(content + at, lens[i]));
}

static void
test_look(void **state)
{
	nx_cleanup_fd int fd = make_file();
	struct pages pages;

	(void)state;
	assert_int_equal(
	    pages_begin(&pages, fd, CRC_BLOCK, SIZE - CRC_BLOCK), 0);
	assert_memory_equal(pages.data, content + CRC_BLOCK, SIZE - CRC_BLOCK);
	assert_int_equal(pages_end(&pages), 0);
	/* beyond its end there is nothing, though the page has zeros there */
	assert_int_equal(pages_begin(&pages, fd, 0, SIZE + 1), -EAGAIN);
	/* a hole is not in memory */
	assert_int_equal(ftruncate(fd, 2 * SIZE), 0);
	assert_int_equal(pages_begin(&pages, fd, 0, 2 * SIZE), -EAGAIN);
	assert_int_equal(pages_begin(&pages, -1, 0, 1), -EAGAIN);
}

/* As a worker, in which all signals are blocked: the file is cut while it is
 * looked at. */
static void *
look_while_cut(void *arg)
{
	nx_cleanup_fd int fd = make_file();
	struct pages pages;
	uint32_t *ret_sum = arg;

	for (int i = 0; i < 2; i++) {
		nx_assert(pages_begin(&pages, fd, 0, SIZE) == 0);
		nx_assert(ftruncate(fd, 0) == 0);
		*ret_sum = checksum_crc_far(pages.data, CRC_BLOCK);
		nx_assert(pages_end(&pages) == -EIO);
		nx_assert(pwrite(fd, content, SIZE, 0) == (ssize_t)SIZE);
	}
	nx_assert(pages_begin(&pages, fd, 0, SIZE) == 0);
	nx_assert(memcmp(pages.data, content, SIZE) == 0);
	nx_assert(pages_end(&pages) == 0);
	return NULL;
}

static void
test_vanished(void **state)
{
	static const uint8_t zeros[CRC_BLOCK];
	sigset_t all, old;
	pthread_t thread;
	uint32_t sum = 0;

	(void)state;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &old);
	assert_int_equal(
	    pthread_create(&thread, NULL, look_while_cut, &sum), 0);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(sum, checksum_crc(zeros, CRC_BLOCK));
}

static void *
look_elsewhere(void *arg)
{
	int fd = make_file();
	struct pages pages;
	const volatile uint8_t *at;

	nx_assert(pages_begin(&pages, fd, 0, SIZE) == 0);
	at = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	nx_assert(ftruncate(fd, 0) == 0);
	*(uint8_t *)arg = at[0];
	return NULL;
}

/* What lies beside is an error of ours, and ends us as ever. */
static void
test_not_ours(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		pthread_t thread;
		uint8_t seen;

		nx_assert(
		    pthread_create(&thread, NULL, look_elsewhere, &seen) == 0);
		(void)pthread_join(thread, NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
}

/* --- chunks -----------------------------------------------------------------*/

static struct {
	struct chunk_store store;
	struct chunk_reader reader;
	int fd;
	unsigned looks, reads;
} lab;

static int
lab_read_at(struct chunk_reader *reader, void *buf, size_t len, uint64_t offset)
{
	ssize_t n = pread(lab.fd, buf, len, (off_t)offset);

	(void)reader;
	lab.reads++;
	return n < 0 ? -errno : (size_t)n == len ? 0 : -EBADMSG;
}

static int
lab_look(struct chunk_reader *reader, uint64_t offset, size_t len,
    struct pages *ret_pages)
{
	(void)reader;
	lab.looks++;
	return pages_begin(ret_pages, lab.fd, offset, len);
}

static const struct chunk_reader_ops lab_ops = {
    .read_at = lab_read_at,
    .look = lab_look,
};

static int
verify(uint32_t offset, uint32_t len, uint32_t *ret_good)
{
	lab.looks = lab.reads = 0;
	return chunk_verify(&lab.reader, &sums, offset, len, ret_good);
}

static void
flip(off_t at)
{
	uint8_t byte;

	assert_int_equal(pread(lab.fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(lab.fd, &byte, 1, at), 1);
}

static void
test_verify(void **state)
{
	uint32_t good;

	(void)state;
	lab.fd = make_file();
	lab.reader =
	    (struct chunk_reader){.store = &lab.store, .ops = &lab_ops};
	/* what is in memory is not copied */
	assert_int_equal(verify(0, SIZE, &good), 0);
	assert_int_equal(good, SIZE);
	assert_true(lab.looks == 1 && lab.reads == 0);
	assert_int_equal(verify(100, SIZE - 200, &good), 0);
	assert_int_equal(good, SIZE - 200);
	assert_int_equal(lab.reads, 0);
	/* a flipped bit is found, wherever it is */
	for (uint32_t block = 0; block < checksum_blocks(SIZE); block++) {
		flip((off_t)(block * CRC_BLOCK + 99));
		assert_int_equal(verify(0, SIZE, &good), -EBADMSG);
		assert_int_equal(good, block * CRC_BLOCK);
		flip((off_t)(block * CRC_BLOCK + 99));
	}
	flip(SIZE - 1);
	assert_int_equal(verify(0, SIZE, &good), -EBADMSG);
	assert_int_equal(good, 9 * CRC_BLOCK);
	flip(SIZE - 1);
	/* the same where the file ends too early, be there zeros behind it */
	assert_int_equal(ftruncate(lab.fd, SIZE - 1), 0);
	assert_int_equal(verify(0, SIZE, &good), -EBADMSG);
	assert_int_equal(good, 9 * CRC_BLOCK);
	close(lab.fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_far),
	    cmocka_unit_test(test_look),
	    cmocka_unit_test(test_vanished),
	    cmocka_unit_test(test_not_ours),
	    cmocka_unit_test(test_verify),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
